//! Durations as etcd's flags have them.

use std::time::Duration;

/// A duration as Go writes it: `1h30m`, `1.5s`, `250ms`, and `0`. `None`: it is none, or negative.
pub fn parse(mut text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    if text.is_empty() {
        return None;
    }
    let mut seconds = 0.0;
    while !text.is_empty() {
        let digits = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let (number, rest) = text.split_at(digits);
        let unit_end =
            rest.find(|letter: char| letter.is_ascii_digit() || letter == '.').unwrap_or(rest.len());
        let (unit, rest) = rest.split_at(unit_end);
        let scale = match unit {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        seconds += number.parse::<f64>().ok()? * scale;
        text = rest;
    }
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_those_of_go() {
        assert_eq!(parse("1h30m"), Some(Duration::from_secs(5400)));
        assert_eq!(parse("1.5s"), Some(Duration::from_millis(1500)));
        assert_eq!(parse("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(parse("0"), Some(Duration::ZERO));
        assert_eq!(parse("0s"), Some(Duration::ZERO));
        for bad in ["", "5", "-5s", "1d", "s", "1.2.3s", "1h30"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
