//! Which of two versions is newer, by the rules of deb-version(7).

use std::cmp::Ordering;

/// Compares two versions `[EPOCH:]UPSTREAM[-REVISION]`. rpm's and pacman's rules differ from these only in corners that
/// no wish of ours depends on.
pub fn compare(a: &str, b: &str) -> Ordering {
    let (a_epoch, a) = epoch(a);
    let (b_epoch, b) = epoch(b);
    let (a_upstream, a_revision) = a.rsplit_once('-').unwrap_or((a, "0"));
    let (b_upstream, b_revision) = b.rsplit_once('-').unwrap_or((b, "0"));
    a_epoch
        .cmp(&b_epoch)
        .then_with(|| part(a_upstream.as_bytes(), b_upstream.as_bytes()))
        .then_with(|| part(a_revision.as_bytes(), b_revision.as_bytes()))
}

fn epoch(version: &str) -> (u64, &str) {
    match version.split_once(':') {
        Some((epoch, rest)) => (epoch.parse().unwrap_or(0), rest),
        None => (0, version),
    }
}

/// Where a byte stands among those that are no digit: a tilde before the end, letters before the rest.
fn rank(byte: Option<&u8>) -> i32 {
    match byte {
        None => 0,
        Some(b'~') => -1,
        Some(byte) if byte.is_ascii_digit() => 0,
        Some(byte) if byte.is_ascii_alphabetic() => i32::from(*byte),
        Some(byte) => i32::from(*byte) + 256,
    }
}

fn part(mut a: &[u8], mut b: &[u8]) -> Ordering {
    let is_digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
    while !a.is_empty() || !b.is_empty() {
        while (!a.is_empty() && !is_digit(a.first())) || (!b.is_empty() && !is_digit(b.first())) {
            let order = rank(a.first()).cmp(&rank(b.first()));
            if order != Ordering::Equal {
                return order;
            }
            a = a.get(1..).unwrap_or_default();
            b = b.get(1..).unwrap_or_default();
        }
        let (a_number, a_rest) = number(a);
        let (b_number, b_rest) = number(b);
        // Without leading zeros the longer number is the greater.
        let order = a_number.len().cmp(&b_number.len()).then_with(|| a_number.cmp(b_number));
        if order != Ordering::Equal {
            return order;
        }
        (a, b) = (a_rest, b_rest);
    }
    Ordering::Equal
}

fn number(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    let zeros = digits.iter().position(|byte| *byte != b'0').unwrap_or(digits.len());
    (&digits[zeros..], rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_as_dpkg_orders_them() {
        for (lower, higher) in [
            ("1.0", "2.0"),
            ("1.9", "1.10"),
            ("1.0~rc1", "1.0"),
            ("1.0~~", "1.0~"),
            ("1.0", "1.0a"),
            ("1.0a", "1.0+b"),
            ("1.0-1", "1.0-2"),
            ("1.0", "1.0-1"),
            ("9.9", "1:0.1"),
            ("1.2.3-1~bpo12+1", "1.2.3-1"),
            ("1.22.1-9+deb12u9", "1.22.1-9+deb12u10"),
            ("1.0-a-1", "1.0-b-1"),
        ] {
            assert_eq!(compare(lower, higher), Ordering::Less, "{lower} {higher}");
            assert_eq!(compare(higher, lower), Ordering::Greater, "{lower} {higher}");
        }
        for (a, b) in [("1.0", "1.0"), ("1.00", "1.0"), ("0:1", "1"), ("1.0-0", "1.0")] {
            assert_eq!(compare(a, b), Ordering::Equal, "{a} {b}");
        }
    }
}
