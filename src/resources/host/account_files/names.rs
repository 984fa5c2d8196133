//! What an account may be called.

/// The longest name of a user or group: what fits into utmp(5), and what shadow's tools take.
const LONGEST: usize = 32;

/// Why this cannot be the name of a user or group; `None`: it can. What a distribution refuses besides is told by its
/// tools.
pub fn wrong_name(name: &str) -> Option<&'static str> {
    let forbidden = |c: char| c.is_control() || c.is_whitespace() || matches!(c, ':' | ',' | '/' | '\\');
    if name.is_empty() {
        Some("it is empty")
    } else if name.len() > LONGEST {
        Some("it is longer than 32 bytes")
    } else if name.starts_with(['-', '+', '~']) {
        Some("it begins with `-`, `+` or `~`")
    } else if name.chars().all(|c| c.is_ascii_digit()) {
        Some("it consists of digits, and would be taken for a number")
    } else if name.contains(forbidden) {
        Some("it has a blank, `:`, `,`, `/` or a like sign in it")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_no_tool_or_file_could_hold_are_refused() {
        for name in ["anna", "_apt", "systemd-network", "a.b", "Anna", "www-data", "host$"] {
            assert_eq!(wrong_name(name), None, "{name}");
        }
        let long = "x".repeat(33);
        for name in ["", "-x", "+x", "~x", "12", "a b", "a:b", "a,b", "a/b", "a\nb", &long] {
            assert!(wrong_name(name).is_some(), "{name:?}");
        }
    }
}
