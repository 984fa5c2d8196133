//! Editing the text of an authorized_keys file. Pure.
//!
//! What is no key, and keys that nobody speaks of, stay as they are to the byte. Lines may end with `\r\n`; a last line
//! without an end is given one where a line comes after it.

use super::key_line::{Identity, KeyLine};
use crate::resources::line::text::{Fate, put};

/// What should be in the file.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The key.
    pub identity: Identity,
    /// Its options; `None`: as they are.
    pub options: Option<Box<str>>,
    /// Its comment; `None`: as it is.
    pub comment: Option<Box<str>>,
    /// Whether the key should be there.
    pub present: bool,
}

/// How a text differs, and what it should be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edited {
    /// The key is not there, or there and unwanted.
    pub presence: bool,
    /// Options that are others.
    pub options: Option<Box<str>>,
    /// A comment that is another.
    pub comment: Option<Box<str>>,
    /// How many further lines hold the same key.
    pub repeated: usize,
    /// Keys that nobody has declared, and that are to go.
    pub strangers: Vec<Identity>,
    /// The text as it should be; `None`: as it is.
    pub text: Option<Vec<u8>>,
}

/// What is to be done to a text. `is_stranger`: this key is to go.
pub fn edit(text: &[u8], wanted: &Wanted, is_stranger: &dyn Fn(&Identity) -> bool) -> Edited {
    let mut edited = Edited::default();
    let mut seen = 0_usize;
    let missing = wanted.present.then(|| new_line(wanted));
    let result = put(text, missing.as_deref(), |line| {
        let Some(found) = std::str::from_utf8(line).ok().and_then(KeyLine::parse) else { return Fate::Stays };
        if found.identity != wanted.identity {
            if !is_stranger(&found.identity) {
                return Fate::Stays;
            }
            edited.strangers.push(found.identity);
            return Fate::Goes;
        }
        seen += 1;
        if !wanted.present || seen > 1 {
            return Fate::Goes;
        }
        put_right(found, wanted, &mut edited).map_or(Fate::Right, Fate::Becomes)
    });
    edited.presence = wanted.present == (seen == 0);
    edited.repeated = if wanted.present { seen.saturating_sub(1) } else { 0 };
    edited.text = (result != text).then_some(result);
    edited
}

/// The line with the options and comment that it should have; `None`: it has them.
fn put_right(found: KeyLine, wanted: &Wanted, edited: &mut Edited) -> Option<String> {
    let mut right = found.clone();
    if let Some(options) = wanted.options.as_ref().filter(|options| **options != found.options) {
        edited.options = Some(found.options.clone());
        right.options = options.clone();
    }
    if let Some(comment) = wanted.comment.as_ref().filter(|comment| **comment != found.comment) {
        edited.comment = Some(found.comment.clone());
        right.comment = comment.clone();
    }
    (right != found).then(|| right.text())
}

fn new_line(wanted: &Wanted) -> String {
    let line = KeyLine {
        options: wanted.options.clone().unwrap_or_default(),
        identity: wanted.identity.clone(),
        comment: wanted.comment.clone().unwrap_or_default(),
    };
    line.text()
}

#[cfg(test)]
mod tests {
    use super::super::key_line::tests::blob;
    use super::*;

    fn identity(seed: u8) -> Identity {
        Identity::new("ssh-ed25519", &blob("ssh-ed25519", seed)).unwrap()
    }

    fn line(seed: u8) -> String {
        format!("ssh-ed25519 {}", blob("ssh-ed25519", seed))
    }

    fn wanted(present: bool) -> Wanted {
        Wanted { identity: identity(1), options: None, comment: None, present }
    }

    fn text(edited: &Edited) -> &str {
        std::str::from_utf8(edited.text.as_deref().expect("it differs")).unwrap()
    }

    #[test]
    fn a_key_is_added_after_a_completed_last_line_and_all_else_is_kept() {
        let (one, two) = (line(1), line(2));
        for (before, after) in [
            (String::new(), format!("{one}\n")),
            (format!("# mine\n{two} x"), format!("# mine\n{two} x\n{one}\n")),
            (format!("{two}\r\n\tgarbage\r\n"), format!("{two}\r\n\tgarbage\r\n{one}\r\n")),
        ] {
            let edited = edit(before.as_bytes(), &wanted(true), &|_| false);
            assert_eq!((text(&edited), edited.presence), (&*after, true));
            let again = edit(after.as_bytes(), &wanted(true), &|_| false);
            assert_eq!(again, Edited::default());
        }
        let binary = [b"\xff\xfe\n", one.as_bytes()].concat();
        assert_eq!(edit(&binary, &wanted(true), &|_| false), Edited::default());
    }

    #[test]
    fn options_and_comment_are_compared_where_they_are_declared() {
        let found = format!("no-pty {} old\n", line(1));
        assert_eq!(edit(found.as_bytes(), &wanted(true), &|_| false), Edited::default());
        let other = Wanted { options: Some("".into()), comment: Some("new".into()), ..wanted(true) };
        let edited = edit(found.as_bytes(), &other, &|_| false);
        assert_eq!(text(&edited), format!("{} new\n", line(1)));
        assert_eq!((edited.options.as_deref(), edited.comment.as_deref()), (Some("no-pty"), Some("old")));
    }

    #[test]
    fn repeated_keys_and_strangers_go() {
        let found = format!("{0} a\n{1}\nno-pty {0} b\n# note\n{2}\n", line(1), line(2), line(3));
        let edited = edit(found.as_bytes(), &wanted(true), &|key| *key == identity(3));
        assert_eq!(text(&edited), format!("{0} a\n{1}\n# note\n", line(1), line(2)));
        assert_eq!((edited.repeated, edited.strangers), (1, vec![identity(3)]));
        let edited = edit(found.as_bytes(), &wanted(false), &|_| false);
        assert_eq!(text(&edited), format!("{}\n# note\n{}\n", line(2), line(3)));
        assert!(edited.presence);
    }
}
