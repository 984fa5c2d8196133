//! Which hosts.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::IdentityError;
use crate::engine::world::{HostName, host_name};

/// Which hosts: a name in which `*` stands for any text, and `?` for any one character.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostPattern(Arc<str>);

impl HostPattern {
    /// Exactly this host.
    pub fn exactly(name: &HostName) -> Self {
        Self(name.as_str().into())
    }

    /// The pattern as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a host is meant.
    pub fn matches(&self, name: &HostName) -> bool {
        name.is_like(&self.0)
    }
}

impl FromStr for HostPattern {
    type Err = IdentityError;

    fn from_str(pattern: &str) -> Result<Self, IdentityError> {
        let Some(why) = host_name::why_no_pattern(pattern) else { return Ok(Self(pattern.into())) };
        Err(IdentityError::BadPattern { pattern: pattern.chars().take(host_name::LONGEST_PATTERN).collect(), why })
    }
}

impl TryFrom<String> for HostPattern {
    type Error = IdentityError;

    fn try_from(pattern: String) -> Result<Self, IdentityError> {
        pattern.parse()
    }
}

impl From<HostPattern> for String {
    fn from(pattern: HostPattern) -> Self {
        pattern.0.as_ref().to_owned()
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        pattern.parse::<HostPattern>().unwrap().matches(&name.parse().unwrap())
    }

    #[test]
    fn a_star_is_any_text_and_a_question_mark_any_character() {
        for (pattern, name, expected) in [
            ("*", "a", true),
            ("web-*", "web-1", true),
            ("web-*", "web-", true),
            ("web-*", "db-1", false),
            ("web-*", "xweb-1", false),
            ("web-?", "web-1", true),
            ("web-?", "web-", false),
            ("web-?", "web-10", false),
            ("a", "a", true),
            ("a", "A", false),
            ("a", "ab", false),
            ("*.example.org", "a.b.example.org", true),
            ("*.example.org", "example.org", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("**", "a", true),
            ("*?*", "a", true),
            ("*??", "a", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
        assert!(HostPattern::exactly(&"a.b".parse().unwrap()).matches(&"a.b".parse().unwrap()));
    }

    #[test]
    fn the_worst_pattern_is_answered_at_once() {
        let (pattern, name) = ("*a".repeat(126), "a".repeat(252) + "b");
        let begun = std::time::Instant::now();
        assert!((0..100).all(|_| !matches(&pattern, &name)));
        assert!(begun.elapsed() < std::time::Duration::from_secs(5));
    }

    #[test]
    fn every_match_is_what_trying_all_says() {
        fn by_trying(pattern: &[u8], name: &[u8]) -> bool {
            match (pattern.split_first(), name.split_first()) {
                (None, None) => true,
                (Some((b'*', rest)), _) => (0..=name.len()).any(|taken| by_trying(rest, &name[taken..])),
                (Some((c, rest)), Some((n, others))) => (*c == b'?' || c == n) && by_trying(rest, others),
                _ => false,
            }
        }
        let mut random = fastrand::Rng::with_seed(11);
        for _ in 0..20_000 {
            let mut text = |from: &[u8]| -> String {
                (0..random.usize(1..7)).map(|_| char::from(from[random.usize(..from.len())])).collect()
            };
            let (pattern, name) = (text(b"ab*?"), text(b"ab"));
            assert_eq!(
                matches(&pattern, &name),
                by_trying(pattern.as_bytes(), name.as_bytes()),
                "{pattern} {name}"
            );
        }
    }

    #[test]
    fn what_could_match_no_host_is_no_pattern() {
        for bad in ["", "a/b", "a b", "[ab]", "{a,b}", "ä", &"*".repeat(254)] {
            let refused = bad.parse::<HostPattern>();
            assert!(matches!(refused, Err(IdentityError::BadPattern { .. })), "{bad:?}");
        }
    }
}
