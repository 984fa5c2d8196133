//! Commands that people copy into a shell.

/// A word as a shell takes it: bare where that is plain, else quoted.
pub fn shell_word(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@+=".contains(c);
    match !word.is_empty() && !word.starts_with('=') && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_back_what_was_written() {
        for word in ["web-1", "", "two words", "it's", "$HOME `id` \\", "*", "=ls", "--a=b"] {
            let script = format!("printf %s {}", shell_word(word));
            let said = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8(said.stdout).unwrap(), word);
        }
        assert_eq!(shell_word("/_mgmt/export/"), "/_mgmt/export/");
    }
}
