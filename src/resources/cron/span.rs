//! Spans of time as systemd writes them: `1h 30min`, systemd.time(7). Pure.

/// Units, and how many microseconds each is.
const UNITS: [(&[&str], u64); 9] = [
    (&["us", "usec", "µs", "μs"], 1),
    (&["ms", "msec"], 1_000),
    (&["s", "sec", "second", "seconds", ""], 1_000_000),
    (&["m", "min", "minute", "minutes"], 60_000_000),
    (&["h", "hr", "hour", "hours"], 3_600_000_000),
    (&["d", "day", "days"], 86_400_000_000),
    (&["w", "week", "weeks"], 604_800_000_000),
    (&["M", "month", "months"], 2_629_800_000_000),
    (&["y", "year", "years"], 31_557_600_000_000),
];

/// Microseconds of a span; `None`: it is none that systemd would take. A number without a unit is seconds.
pub fn parse(text: &str) -> Option<u64> {
    let text = text.trim();
    if text == "infinity" {
        return Some(u64::MAX);
    }
    let mut rest = text;
    let mut total: u64 = 0;
    let mut any = false;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(end);
        let after = after.trim_start();
        let end = after.find(|c: char| c.is_ascii_digit() || c.is_whitespace()).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let (_, micros) = UNITS.iter().find(|(names, _)| names.contains(&unit))?;
        total = total.checked_add(times(number, *micros)?)?;
        rest = after.trim_start();
        any = true;
    }
    any.then_some(total)
}

/// A number, perhaps with a fraction, of so many microseconds.
fn times(number: &str, micros: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut sum = whole.checked_mul(micros)?;
    let mut place = micros;
    for digit in fraction.bytes() {
        place /= 10;
        sum = sum.checked_add(u64::from(digit - b'0') * place)?;
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_systemd_reads_them() {
        for (text, micros) in [
            ("5", 5_000_000),
            ("1.5s", 1_500_000),
            ("1h 30min", 5_400_000_000),
            ("1h30m", 5_400_000_000),
            ("2 weeks", 1_209_600_000_000),
            ("100ms", 100_000),
            ("0", 0),
            ("infinity", u64::MAX),
        ] {
            assert_eq!(parse(text), Some(micros), "{text}");
        }
        for text in ["", "5 fortnights", "-5", "x", "1..5s", "s", "5 minutess"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
