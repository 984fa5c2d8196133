//! What plain scalars mean: YAML 1.2's core schema, and the booleans of YAML 1.1 where a boolean is wanted.

/// A plain scalar as a boolean, where one is wanted.
pub fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

/// Why a scalar is no integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoInteger {
    /// It is not written as one.
    Other,
    /// It has more than 64 bits.
    TooLarge,
}

/// A plain scalar as an integer: decimal, `0x` or `0o`. A leading zero means nothing.
///
/// # Errors
/// Why it is none.
pub fn integer(text: &str) -> Result<i64, NoInteger> {
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let (radix, digits) = match digits.get(..2) {
        Some("0x") => (16, &digits[2..]),
        Some("0o") => (8, &digits[2..]),
        _ => (10, digits),
    };
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return Err(NoInteger::Other);
    }
    let magnitude = i128::from_str_radix(digits, radix).map_err(|_| NoInteger::TooLarge)?;
    i64::try_from(if negative { -magnitude } else { magnitude }).map_err(|_| NoInteger::TooLarge)
}

/// A plain scalar as a number: an integer, decimals with an exponent or not, `.inf` or `.nan`.
pub fn float(text: &str) -> Option<f64> {
    if let Ok(whole) = integer(text) {
        return Some(whole as f64);
    }
    match text {
        ".nan" | ".NaN" | ".NAN" => return Some(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Some(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Some(f64::NEG_INFINITY),
        _ => {}
    }
    let numeric = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    if numeric { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_those_of_yaml_1_2() {
        for (text, value) in [("0", 0), ("-7", -7), ("+7", 7), ("0x1F", 31), ("0o17", 15), ("0644", 644)] {
            assert_eq!(integer(text), Ok(value), "{text}");
        }
        for text in ["", "-", "0x", "1_000", "1.0", "0b1", "é", "--1", "0x-1"] {
            assert_eq!(integer(text), Err(NoInteger::Other), "{text}");
        }
        assert_eq!(integer("9223372036854775808"), Err(NoInteger::TooLarge));
        assert_eq!(integer("-9223372036854775808"), Ok(i64::MIN));
        assert_eq!(integer(&"9".repeat(100)), Err(NoInteger::TooLarge));
    }

    #[test]
    fn numbers_may_be_infinite_but_not_words() {
        assert_eq!(float("1e3"), Some(1000.0));
        assert_eq!(float(".5"), Some(0.5));
        assert_eq!(float("-.inf"), Some(f64::NEG_INFINITY));
        assert!(float(".nan").is_some_and(f64::is_nan));
        for text in ["inf", "nan", "infinity", "1e", ".", "", "1.2.3"] {
            assert_eq!(float(text), None, "{text}");
        }
    }
}
