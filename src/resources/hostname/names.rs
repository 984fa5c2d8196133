//! Names of a host, and the files that hold them (hostname(5), machine-info(5)). Pure.

use crate::resources::line::text::{Fate, put};

/// The longest name that the kernel keeps, in bytes.
const LONGEST: usize = 64;

/// Why this cannot be the name of a host; `None`: it can.
pub fn wrong_name(name: &str) -> Option<&'static str> {
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    if name.len() > LONGEST {
        Some("it is longer than 64 bytes")
    } else if !name.split('.').all(is_label) {
        Some("it consists of letters, digits and hyphens, with single dots between them")
    } else {
        None
    }
}

/// The name in a hostname file: its first line that is no comment.
pub fn of_file(text: &str) -> Option<&str> {
    text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'))
}

/// The pretty name in a machine-info file; the last one counts, as for a shell.
pub fn pretty_of(text: &str) -> Option<String> {
    let mut values = text.lines().filter_map(|line| line.trim_start().strip_prefix(PRETTY));
    values.next_back().map(unquote)
}

/// The text of a machine-info file with this pretty name, and all other lines as they were; without one if it is empty.
pub fn with_pretty(text: &str, name: &str) -> String {
    let wanted = (!name.is_empty()).then(|| format!("{PRETTY}{}", quote(name)));
    let text = put(text.as_bytes(), wanted.as_deref(), |line| match &wanted {
        _ if !line.trim_ascii_start().starts_with(PRETTY.as_bytes()) => Fate::Stays,
        Some(wanted) => Fate::Becomes(wanted.clone()),
        None => Fate::Goes,
    });
    String::from_utf8(text).expect("whole lines of a text are texts")
}

const PRETTY: &str = "PRETTY_HOSTNAME=";

fn quote(name: &str) -> String {
    let mut quoted = String::from("\"");
    for sign in name.chars() {
        if matches!(sign, '"' | '\\' | '$' | '`') {
            quoted.push('\\');
        }
        quoted.push(sign);
    }
    quoted.push('"');
    quoted
}

fn unquote(value: &str) -> String {
    let value = value.trim();
    if let Some(inner) = value.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        return inner.to_owned();
    }
    let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
    let mut plain = String::with_capacity(inner.len());
    let mut signs = inner.chars();
    while let Some(sign) = signs.next() {
        plain.push(if sign == '\\' { signs.next().unwrap_or(sign) } else { sign });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_of_labels() {
        for name in ["a", "web-1", "web_1.example.org", "A1"] {
            assert_eq!(wrong_name(name), None, "{name}");
        }
        let long = "a".repeat(65);
        for name in ["", "-a", "a-", "a..b", ".a", "a.", "a b", "ä", "a/b", "a\n", &long] {
            assert!(wrong_name(name).is_some(), "{name}");
        }
    }

    #[test]
    fn files_are_read_as_systemd_does() {
        assert_eq!(of_file("# x\n\n web-1 \nother\n"), Some("web-1"));
        assert_eq!(of_file("\n#\n"), None);
        assert_eq!(
            pretty_of("A=1\nPRETTY_HOSTNAME=x\nPRETTY_HOSTNAME=\"Anna's \\\"box\\\"\"\n"),
            Some("Anna's \"box\"".into())
        );
        assert_eq!(pretty_of("PRETTY_HOSTNAME='a b'"), Some("a b".into()));
        assert_eq!(pretty_of("#PRETTY_HOSTNAME=x"), None);
    }

    #[test]
    fn the_pretty_name_is_edited_and_all_else_stays() {
        let text = "ICON_NAME=x\nPRETTY_HOSTNAME=old\r\n# c\nPRETTY_HOSTNAME=older";
        let edited = with_pretty(text, "a \"b\" $c");
        assert_eq!(edited, "ICON_NAME=x\nPRETTY_HOSTNAME=\"a \\\"b\\\" \\$c\"\r\n# c\n");
        assert_eq!(pretty_of(&edited).unwrap(), "a \"b\" $c");
        assert_eq!(with_pretty("A=1", "x"), "A=1\nPRETTY_HOSTNAME=\"x\"\n");
        assert_eq!(with_pretty(text, ""), "ICON_NAME=x\n# c\n");
        assert_eq!(with_pretty("", "x"), "PRETTY_HOSTNAME=\"x\"\n");
    }
}
