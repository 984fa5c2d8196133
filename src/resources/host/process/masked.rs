//! Addresses without the passwords in them. Pure.

use std::borrow::Cow;

/// What stands for what is not shown.
const HIDDEN: &str = "***";

/// A text in which no address shows a password: `https://anna:secret@host` is `https://***@host`. A name without a
/// password stays, unless it is one for the web, where tokens are written so.
pub fn masked(text: &str) -> Cow<'_, str> {
    let mut result = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (head, tail) = rest.split_at(at + 3);
        result.push_str(head);
        let ends = |c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '\'' | '"' | '`' | '<' | '>');
        let authority = &tail[..tail.find(ends).unwrap_or(tail.len())];
        let is_web = head.ends_with("http://") || head.ends_with("https://");
        rest = tail;
        if let Some(user) = authority.rfind('@').map(|end| &authority[..end])
            && (is_web || user.contains(':'))
        {
            result.push_str(HIDDEN);
            rest = &tail[user.len()..];
        }
    }
    if result.is_empty() {
        return Cow::Borrowed(text);
    }
    result.push_str(rest);
    Cow::Owned(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_address_shows_a_password() {
        for (text, shown) in [
            (
                "fatal: unable to access 'https://anna:pw@x.org/a.git/': no",
                "fatal: unable to access 'https://***@x.org/a.git/': no",
            ),
            ("https://ghp_token@x.org https://b:c@y", "https://***@x.org https://***@y"),
            ("postgres://u:p@w:x@db/1", "postgres://***@db/1"),
            ("ssh://git@x.org:22/a", "ssh://git@x.org:22/a"),
            ("https://x.org/mail@y", "https://x.org/mail@y"),
            ("git@x.org:a", "git@x.org:a"),
            ("://", "://"),
            ("", ""),
        ] {
            assert_eq!(masked(text), shown);
        }
    }
}
