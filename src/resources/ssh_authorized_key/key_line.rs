//! A line of an authorized_keys file (sshd(8)): options, type, key, comment. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Which key it is: all else may differ.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// Such as `ssh-ed25519`.
    pub kind: Box<str>,
    /// The key in base64.
    pub blob: Box<str>,
}

/// A line that holds a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyLine {
    /// What the key is restricted to, as it stands.
    pub options: Box<str>,
    /// Which key.
    pub identity: Identity,
    /// What follows it.
    pub comment: Box<str>,
}

impl KeyLine {
    /// Reads a line without its end; `None`: it holds no key.
    pub fn parse(line: &str) -> Option<Self> {
        let line = line.trim_matches([' ', '\t', '\r']);
        if line.is_empty() || line.starts_with('#') {
            return None;
        }
        if let Some((identity, comment)) = key_of(line) {
            return Some(Self { options: "".into(), identity, comment });
        }
        let (options, rest) = line.split_at(end_of_options(line)?);
        let (identity, comment) = key_of(rest.trim_start_matches([' ', '\t']))?;
        Some(Self { options: options.into(), identity, comment })
    }

    /// The line, without an end.
    pub fn text(&self) -> String {
        let Self { options, identity: Identity { kind, blob }, comment } = self;
        let mut text = String::new();
        for part in [&**options, kind, blob, comment] {
            if !part.is_empty() {
                text.push_str(if text.is_empty() { "" } else { " " });
                text.push_str(part);
            }
        }
        text
    }
}

impl Identity {
    /// A key of this type.
    ///
    /// # Errors
    /// Why it is none.
    pub fn new(kind: &str, blob: &str) -> Result<Self, String> {
        let Ok(bytes) = STANDARD.decode(blob) else {
            return Err("it is not base64".to_owned());
        };
        // The key's own beginning: the length of its type, and the type (RFC 4253, section 6.6).
        let named = bytes.split_first_chunk::<4>().and_then(|(len, rest)| {
            let len = usize::try_from(u32::from_be_bytes(*len)).ok()?;
            std::str::from_utf8(rest.get(..len)?).ok()
        });
        match named {
            None => Err("it is damaged or cut off".to_owned()),
            Some(named) if named != kind => Err(format!("it is a key of the type {named:?}")),
            Some(_) => Ok(Self { kind: kind.into(), blob: blob.into() }),
        }
    }
}

/// A key and a comment.
fn key_of(text: &str) -> Option<(Identity, Box<str>)> {
    let (kind, rest) = text.split_once([' ', '\t'])?;
    let rest = rest.trim_start_matches([' ', '\t']);
    let (blob, comment) = rest.split_once([' ', '\t']).unwrap_or((rest, ""));
    Some((Identity::new(kind, blob).ok()?, comment.trim().into()))
}

/// Where the options end: at the first blank that is not within quotes. A quote is written `\"` within them.
fn end_of_options(line: &str) -> Option<usize> {
    let bytes = line.as_bytes();
    let mut quoted = false;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' if bytes.get(at + 1) == Some(&b'"') => at += 1,
            b'"' => quoted = !quoted,
            b' ' | b'\t' if !quoted => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}

/// Why this cannot be one option; `None`: it can.
pub fn wrong_option(option: &str) -> Option<&'static str> {
    let mut quoted = false;
    let mut last = ' ';
    for c in option.chars() {
        match c {
            '"' if last != '\\' => quoted = !quoted,
            ' ' | '\t' | ',' if !quoted => return Some("a blank or comma in it must be within quotes"),
            c if c.is_control() => return Some("it has a line end or the like in it"),
            _ => {}
        }
        last = c;
    }
    if option.is_empty() {
        Some("it is empty")
    } else if quoted {
        Some("its quotes do not end")
    } else {
        None
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Keys whose first bytes are right.
    pub fn blob(kind: &str, seed: u8) -> String {
        let mut bytes = u32::try_from(kind.len()).unwrap().to_be_bytes().to_vec();
        bytes.extend_from_slice(kind.as_bytes());
        bytes.extend_from_slice(&[0, 0, 0, 32]);
        bytes.extend_from_slice(&[seed; 32]);
        STANDARD.encode(bytes)
    }

    #[test]
    fn options_with_quoted_blanks_and_commas_are_told_from_the_key() {
        let key = blob("ssh-ed25519", 1);
        for (line, options, comment) in [
            (format!("ssh-ed25519 {key}"), "", ""),
            (format!("  ssh-ed25519\t{key}  anna at home \r"), "", "anna at home"),
            (format!("no-pty ssh-ed25519 {key} x"), "no-pty", "x"),
            (
                format!(r#"command="a \"b\" c, d",from="10.0.0.0/8,!x" ssh-ed25519 {key} x y"#),
                r#"command="a \"b\" c, d",from="10.0.0.0/8,!x""#,
                "x y",
            ),
            (
                format!("command=\"ssh-ed25519 {key}\" ssh-ed25519 {key}"),
                &*format!("command=\"ssh-ed25519 {key}\""),
                "",
            ),
        ] {
            let parsed = KeyLine::parse(&line).unwrap_or_else(|| panic!("{line}"));
            assert_eq!((&*parsed.options, &*parsed.comment), (options, comment), "{line}");
            assert_eq!(&*parsed.identity.blob, key);
            assert_eq!(KeyLine::parse(&parsed.text()), Some(parsed));
        }
    }

    #[test]
    fn what_holds_no_key_is_none() {
        let key = blob("ssh-rsa", 1);
        for line in [
            "".to_owned(),
            "# ssh-rsa".to_owned(),
            format!("ssh-ed25519 {key}"),
            format!("ssh-rsa {}", &key[..10]),
            "ssh-rsa".to_owned(),
            format!("command=\"x ssh-rsa {key}"),
            "cert-authority".to_owned(),
        ] {
            assert_eq!(KeyLine::parse(&line), None, "{line}");
        }
        assert_eq!(Identity::new("ssh-ed25519", &key), Err("it is a key of the type \"ssh-rsa\"".into()));
        assert_eq!(Identity::new("ssh-rsa", "AAAA!"), Err("it is not base64".into()));
        assert_eq!(Identity::new("ssh-rsa", "AAAA"), Err("it is damaged or cut off".into()));
    }

    #[test]
    fn an_option_is_one_option() {
        for fine in ["no-pty", r#"from="a, b""#, r#"command="say \"x y\"""#] {
            assert_eq!(wrong_option(fine), None, "{fine}");
        }
        for wrong in ["", "a b", "a,b", "command=\"x", "a\nb", "command=\"x\" y"] {
            assert!(wrong_option(wrong).is_some(), "{wrong:?}");
        }
    }
}
