//! The text of a file of sysctl.d(5): editing it so that all other lines stay. Pure.

use super::key::{Key, is_same};
use crate::resources::line::text::{Fate, lines, put, without_end};

/// The setting of a line without its end; `None`: it has none.
fn setting(line: &[u8]) -> Option<(Key, &str)> {
    let line = std::str::from_utf8(line).ok()?.trim();
    if line.is_empty() || line.starts_with(['#', ';']) {
        return None;
    }
    let (name, value) = line.split_once('=')?;
    // A minus says that a failure is not told.
    let name = name.trim();
    let key = Key::parse(name.strip_prefix('-').unwrap_or(name)).ok()?;
    Some((key, value.trim()))
}

/// All settings of a text in their order.
pub fn settings(text: &[u8]) -> impl Iterator<Item = (Key, &str)> {
    lines(text).filter_map(|line| setting(without_end(line)))
}

/// The value that a text sets a parameter to: the last one.
pub fn value<'a>(text: &'a [u8], key: &Key) -> Option<&'a str> {
    settings(text).filter(|(found, _)| found == key).last().map(|(_, value)| value)
}

/// The text with this setting, once: in the place of the first line of it, or at the end.
pub fn with(text: &[u8], key: &Key, value: &str) -> Vec<u8> {
    let wanted = format!("{} = {value}", key.name());
    put(text, Some(&wanted), |line| match setting(line) {
        Some((found, is)) if found == *key && is_same(is, value) => Fate::Right,
        Some((found, _)) if found == *key => Fate::Becomes(wanted.clone()),
        _ => Fate::Stays,
    })
}

/// The text without any line of this parameter.
pub fn without(text: &[u8], key: &Key) -> Vec<u8> {
    put(text, None, |line| match setting(line) {
        Some((found, _)) if found == *key => Fate::Goes,
        _ => Fate::Stays,
    })
}

/// Whether nothing is said in a text.
pub fn is_empty(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        Key::parse(name).unwrap()
    }

    #[test]
    fn one_line_is_edited_and_all_others_stay() {
        let text = b"# c\n-vm.a=1\n;x\nvm/a = 2\r\ngarbage\nvm.b = 3";
        assert_eq!((value(text, &key("vm.a")), value(text, &key("vm.c"))), (Some("2"), None));
        assert_eq!(with(text, &key("vm.a"), "5"), b"# c\nvm.a = 5\n;x\ngarbage\nvm.b = 3");
        assert_eq!(with(text, &key("vm.b"), "3"), text);
        assert_eq!(with(text, &key("vm.c"), "4"), [&text[..], b"\nvm.c = 4\n"].concat());
        assert_eq!(with(b"", &key("vm.c"), "4"), b"vm.c = 4\n");
        assert_eq!(without(text, &key("vm.a")), b"# c\n;x\ngarbage\nvm.b = 3");
        assert!(is_empty(b" \n") && !is_empty(b"#"));
    }
}
