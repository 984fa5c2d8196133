//! A span of time, as people write it: `90s`, `30m`, `1h`, `7d`.

use std::time::Duration;

/// A span of time; never none.
///
/// # Errors
/// When it is written otherwise, in a sentence.
pub(super) fn of(text: &str) -> Result<Duration, String> {
    let wrong = || "write a number with s, m, h or d, such as 1h".to_owned();
    let unit = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3_600,
        Some('d') => 86_400,
        _ => return Err(wrong()),
    };
    let number: u64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    number.checked_mul(unit).filter(|seconds| *seconds > 0).map(Duration::from_secs).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_with_a_unit() {
        for (text, seconds) in [("90s", 90), ("30m", 1_800), ("1h", 3_600), ("7d", 604_800)] {
            assert_eq!(of(text), Ok(Duration::from_secs(seconds)));
        }
        for wrong in ["", "1", "h", "-1h", "0s", "1w", "99999999999999999999d"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }
}
