//! Numbers and times as people read them.

use std::time::Duration;

/// A time in its two largest units: `850 ms`, `3.2 s`, `3 m 12 s`, `2 h 5 m`, `3 d 4 h`.
pub(super) fn time(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 if time.as_micros() < 10_000 => format!("{:.1} ms", time.as_secs_f64() * 1000.0),
        0 => format!("{} ms", time.as_millis()),
        1..60 => format!("{:.1} s", time.as_secs_f64()),
        60..3600 => format!("{} m {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {} m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// A number with its thousands apart: `12,345`.
pub(super) fn number(number: impl Into<u64>) -> String {
    let digits = number.into().to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number of things: `1 failure`, `12 failures`.
pub(super) fn count(count: u64, thing: &str) -> String {
    format!("{} {thing}{}", number(count), if count == 1 { "" } else { "s" })
}

/// Text from elsewhere, for a terminal: control characters but line ends are replaced.
pub(super) fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_two_units_at_most() {
        let spoken = |ms| time(Duration::from_millis(ms));
        assert_eq!(spoken(0), "0.0 ms");
        assert_eq!(spoken(850), "850 ms");
        assert_eq!(spoken(3_210), "3.2 s");
        assert_eq!(spoken(192_000), "3 m 12 s");
        assert_eq!(spoken(7_500_000), "2 h 5 m");
        assert_eq!(spoken(273_600_000), "3 d 4 h");
    }

    #[test]
    fn thousands_stand_apart() {
        assert_eq!([0_u64, 999, 1000, 1_234_567].map(number), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn an_error_cannot_drive_the_terminal() {
        assert_eq!(harmless("a\x1b[2Jb\nc\r"), "a\u{fffd}[2Jb\nc\u{fffd}");
    }
}
