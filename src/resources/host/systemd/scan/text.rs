//! The text of unit files. Pure.

/// One `Key=value` of a unit file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The section, such as `Install`.
    pub section: String,
    /// The key.
    pub key: String,
    /// The value, lines joined, without white space at its ends.
    pub value: String,
}

/// All settings of a text in their order. What is none is left out: systemd only warns of it.
pub fn settings(text: &str) -> Vec<Setting> {
    let mut found = Vec::new();
    let mut section = String::new();
    let mut pending = String::new();
    for line in text.lines() {
        let trimmed = line.trim();
        // Comments may stand between the lines of one value.
        if trimmed.starts_with(['#', ';']) {
            continue;
        }
        pending.push_str(trimmed.strip_suffix('\\').unwrap_or(trimmed));
        if trimmed.ends_with('\\') {
            pending.push(' ');
            continue;
        }
        let whole = std::mem::take(&mut pending);
        let whole = whole.trim();
        if let Some(name) = whole.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name.to_owned();
        } else if let Some((key, value)) = whole.split_once('=') {
            let (key, value) = (key.trim().to_owned(), value.trim().to_owned());
            found.push(Setting { section: section.clone(), key, value });
        }
    }
    found
}

/// The words of a list setting, over several files in their order: an empty value begins anew.
pub fn words<'a>(settings: impl IntoIterator<Item = &'a Setting>, section: &str, key: &str) -> Vec<&'a str> {
    let mut words = Vec::new();
    for setting in settings.into_iter().filter(|it| it.section == section && it.key == key) {
        if setting.value.is_empty() {
            words.clear();
        }
        words.extend(setting.value.split_whitespace());
    }
    words
}

/// The value of a setting that counts: the last.
pub fn last<'a>(settings: &'a [Setting], section: &str, key: &str) -> Option<&'a str> {
    settings.iter().rev().find(|it| it.section == section && it.key == key).map(|it| &*it.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_comments_and_long_lines_are_read() {
        let text = "; c\n[Unit]\nDescription = a \\\n# between\n  b\nnonsense\n[Install]\nWantedBy=x.target y.target\n\
                    WantedBy=\nWantedBy=z.target\r\n";
        let settings = settings(text);
        assert_eq!(last(&settings, "Unit", "Description"), Some("a  b"));
        assert_eq!(words(&settings, "Install", "WantedBy"), ["z.target"]);
        assert_eq!(words(&settings, "Unit", "WantedBy"), [""; 0]);
        assert_eq!(settings.len(), 4);
    }
}
