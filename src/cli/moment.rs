//! A moment of a recorded run, as people write it.

use std::str::FromStr;

use crate::engine::runtime::record::Line;
use crate::engine::sched::Time;

/// A moment of a recorded run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Moment {
    /// So long after the start.
    At(Time),
    /// After so many events.
    After(usize),
}

impl Moment {
    /// How many events there were by then.
    pub fn of(self, lines: &[Line]) -> usize {
        match self {
            Self::At(time) => lines.partition_point(|line| line.at <= time),
            Self::After(events) => events.min(lines.len()),
        }
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no moment: use 12.5, 1m3s, 250ms, or +N for after N events");
        if let Some(events) = text.strip_prefix('+') {
            return events.parse().map(Self::After).map_err(|_| wrong());
        }
        let seconds = seconds(text).filter(|seconds| seconds.is_finite() && *seconds >= 0.0);
        seconds.map(|seconds| Self::At(Time((seconds * 1e9).round() as u64))).ok_or_else(wrong)
    }
}

/// `12.5`, or numbers with units, the greatest first: `1h2m3.5s`, `250ms`.
fn seconds(text: &str) -> Option<f64> {
    if text.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && let Ok(plain) = text.parse()
    {
        return Some(plain);
    }
    let (mut rest, mut sum, mut last) = (text, 0.0, f64::INFINITY);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let value: f64 = rest[..digits].parse().ok()?;
        let letters = &rest[digits..];
        let end = letters.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(letters.len());
        let unit = match &letters[..end] {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 0.001,
            _ => return None,
        };
        if unit >= last {
            return None;
        }
        (last, sum, rest) = (unit, sum + value * unit, &letters[end..]);
    }
    (last < f64::INFINITY).then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_as_people_write_them() {
        let at = |millis: u64| Ok(Moment::At(Time(millis * 1_000_000)));
        assert_eq!("12.5".parse(), at(12_500));
        assert_eq!("1m3s".parse(), at(63_000));
        assert_eq!("1h2m3.5s".parse(), at(3_723_500));
        assert_eq!("250ms".parse(), at(250));
        assert_eq!("+3".parse(), Ok(Moment::After(3)));
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in ["", "-1", "soon", "3x", "3s1m", "+", "1m1m", "inf", "nan"] {
            assert!(text.parse::<Moment>().is_err(), "{text:?} was accepted");
        }
    }
}
