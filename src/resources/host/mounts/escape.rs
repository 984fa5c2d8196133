//! Blanks in fields of fstab(5) and mountinfo: written as octal numbers. Pure.

/// A field with its octal numbers read.
pub fn unescape(field: &str) -> String {
    let bytes = field.as_bytes();
    let mut clean = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let digits = bytes.get(at + 1..at + 4).filter(|_| *byte == b'\\');
        let code =
            digits.filter(|it| it.iter().all(|digit| (b'0'..=b'7').contains(digit))).and_then(|digits| {
                let value = digits.iter().fold(0_u32, |sum, digit| sum * 8 + u32::from(digit - b'0'));
                u8::try_from(value).ok()
            });
        match code {
            Some(code) => {
                clean.push(code);
                at += 4;
            }
            None => {
                clean.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8(clean).unwrap_or_else(|_| field.to_owned())
}

/// A field as fstab holds it.
pub fn escape(field: &str) -> String {
    let mut escaped = String::with_capacity(field.len());
    for (at, sign) in field.char_indices() {
        match sign {
            ' ' => escaped.push_str("\\040"),
            '\t' => escaped.push_str("\\011"),
            '\n' => escaped.push_str("\\012"),
            '\\' => escaped.push_str("\\134"),
            '#' if at == 0 => escaped.push_str("\\043"),
            sign => escaped.push(sign),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_escaped_is_read_again() {
        for (plain, escaped) in [
            ("/a b", "/a\\040b"),
            ("#x", "\\043x"),
            ("a\\040", "a\\134040"),
            ("/ü\t", "/ü\\011"),
            ("plain", "plain"),
        ] {
            assert_eq!((escape(plain).as_str(), unescape(escaped).as_str()), (escaped, plain));
        }
        assert_eq!(
            (unescape("a\\9"), unescape("\\777"), unescape("\\")),
            ("a\\9".into(), "\\777".into(), "\\".into())
        );
    }
}
