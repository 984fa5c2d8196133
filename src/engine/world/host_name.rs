//! What a host is called.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The longest name, in bytes: DNS's limit.
const LONGEST: usize = 253;

/// The longest pattern of names, in bytes: as the longest name.
pub const LONGEST_PATTERN: usize = LONGEST;

/// What a host is called: letters, digits, `.`, `_` and `-`, at most 253 of them, at least one a letter or digit, and
/// neither `.` nor `-` at its start. It is part of keys in the store, so never `*` or `/`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostName(Arc<str>);

/// A text that is no name of a host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is no name for a host: {why}")]
pub struct BadHostName {
    name: String,
    why: &'static str,
}

impl HostName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Several, as a sentence has them.
    pub fn list(hosts: &[Self]) -> String {
        let names: Vec<&str> = hosts.iter().map(Self::as_str).collect();
        if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
    }

    /// Whether it is like a pattern, in which `*` stands for any text and `?` for any one character. Takes at most the product of
    /// both lengths: only the last `*` is ever tried again, since what an earlier one could take instead, the later one takes as
    /// well.
    pub fn is_like(&self, pattern: &str) -> bool {
        let (pattern, name) = (pattern.as_bytes(), self.0.as_bytes());
        let (mut at, mut in_name) = (0, 0);
        let mut star: Option<(usize, usize)> = None;
        while in_name < name.len() {
            match pattern.get(at) {
                Some(b'*') => {
                    star = Some((at, in_name));
                    at += 1;
                }
                Some(c) if *c == b'?' || *c == name[in_name] => {
                    at += 1;
                    in_name += 1;
                }
                _ => match star {
                    Some((place, taken)) => {
                        star = Some((place, taken + 1));
                        at = place + 1;
                        in_name = taken + 1;
                    }
                    None => return false,
                },
            }
        }
        pattern[at..].iter().all(|c| *c == b'*')
    }
}

/// Why a text is no pattern of names; `None`: it is one.
pub fn why_no_pattern(pattern: &str) -> Option<&'static str> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '*' | '?');
    match pattern {
        "" => Some("it is empty"),
        long if long.len() > LONGEST_PATTERN => Some("it is longer than 253 bytes"),
        text if !text.chars().all(allowed) => {
            Some("only letters, digits, `.`, `_`, `-`, `*` and `?` may be in it")
        }
        _ => None,
    }
}

impl FromStr for HostName {
    type Err = BadHostName;

    fn from_str(name: &str) -> Result<Self, BadHostName> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let why = if name.is_empty() {
            "it is empty"
        } else if name.len() > LONGEST {
            "it is longer than 253 bytes"
        } else if !name.chars().all(allowed) {
            "only letters, digits, `.`, `_` and `-` may be in it"
        } else if name.starts_with(['.', '-']) {
            "it starts with `.` or `-`"
        } else if !name.contains(|c: char| c.is_ascii_alphanumeric()) {
            "it has neither a letter nor a digit"
        } else {
            return Ok(Self(name.into()));
        };
        Err(BadHostName { name: name.to_owned(), why })
    }
}

impl TryFrom<String> for HostName {
    type Error = BadHostName;

    fn try_from(name: String) -> Result<Self, BadHostName> {
        name.parse()
    }
}

impl From<HostName> for String {
    fn from(name: HostName) -> Self {
        name.0.as_ref().to_owned()
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_not_fit_into_a_key_is_no_name() {
        for bad in ["", "*", "a/b", "-a", ".a", "_", "a b", "ä", &"a".repeat(254)] {
            assert!(bad.parse::<HostName>().is_err(), "{bad:?} was accepted");
        }
        for good in ["a", "web-1.example.org", "_x", "7", &"a".repeat(253)] {
            assert!(good.parse::<HostName>().is_ok(), "{good:?} was refused");
        }
    }
}
