//! Why somebody is refused.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::cluster::identity::{HostPattern, IdentityError, UnixSeconds};

/// How long who comes to a full desk is to wait, in milliseconds.
pub(super) const RETRY_BUSY_MS: u64 = 500;
/// How long who comes to a store without a leader is to wait, in milliseconds: about what it takes to find another.
pub(super) const RETRY_LEADERLESS_MS: u64 = 1_000;
/// How long who comes to a server that has trouble is to wait, in milliseconds.
pub(super) const RETRY_TROUBLE_MS: u64 = 5_000;
/// How much of a refusal's text is shown, in characters.
const SHOWN: usize = 512;

/// Why somebody is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Reason {
    /// The mesh has no such invite, or nobody who administers it stands for it any more.
    InviteUnknown,
    /// The invite's time is over.
    InviteExpired {
        /// Since when.
        since: UnixSeconds,
    },
    /// As many have joined as may.
    InviteUsedUp {
        /// How many that is.
        uses: u32,
    },
    /// The invite is for other names.
    OtherName {
        /// Which.
        pattern: HostPattern,
    },
    /// Another host has the name.
    NameTaken {
        /// Until when its certificate is good.
        until: UnixSeconds,
    },
    /// The host was evicted, or its key.
    Evicted {
        /// When.
        at: UnixSeconds,
    },
    /// Who asks has not shown that they have the key, in this very session.
    WrongProof,
    /// Who asks speaks of another mesh.
    OtherMesh,
    /// There is no host of that name.
    NotEnrolled,
    /// The request for a certificate is for another key than the host has.
    OtherKey,
    /// Only what carries the store, or was nominated to, is told that.
    NotAServer,
    /// The store cannot decide anything now.
    NoQuorum {
        /// When to ask again, in milliseconds.
        retry_after_ms: u64,
    },
    /// Too many ask at once, or this server has trouble of its own.
    Busy {
        /// When to ask again, in milliseconds.
        retry_after_ms: u64,
    },
    /// What was asked cannot be understood, or is out of bounds.
    BadRequest,
    /// One of a later version: its text says it.
    #[serde(other)]
    Later,
}

impl Reason {
    /// After which time it is worth to ask again, unchanged; `None`: never.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::NoQuorum { retry_after_ms } | Self::Busy { retry_after_ms } => {
                Some(Duration::from_millis(*retry_after_ms))
            }
            _ => None,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InviteUnknown => f.write_str("the mesh knows no such invite"),
            Self::InviteExpired { since } => write!(f, "the invite was good until {since}"),
            Self::InviteUsedUp { uses } => write!(f, "the invite is used up: it was for {uses}"),
            Self::OtherName { pattern } => write!(f, "the invite is for hosts called {pattern}"),
            Self::NameTaken { until } => {
                write!(f, "another host has that name, with a certificate that is good until {until}")
            }
            Self::Evicted { at } => write!(f, "it was evicted at {at}"),
            Self::WrongProof => f.write_str("nothing shows that who asks has the key"),
            Self::OtherMesh => f.write_str("this is another mesh"),
            Self::NotEnrolled => f.write_str("the mesh has no host of that name"),
            Self::OtherKey => f.write_str("the certificate is asked for another key than the host has"),
            Self::NotAServer => f.write_str("only hosts that carry the store are told that"),
            Self::NoQuorum { .. } => f.write_str("the store cannot decide anything now"),
            Self::Busy { .. } => f.write_str("it has no time now"),
            Self::BadRequest => f.write_str("it does not understand what is asked"),
            Self::Later => f.write_str("for a reason that this version does not know"),
        }
    }
}

/// That somebody is refused, as it is said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Why, for programs.
    pub reason: Reason,
    /// Why, for people.
    pub text: String,
}

impl Refusal {
    /// What is shown: of a text that came from elsewhere no control characters, and not too many others.
    pub(super) fn shown(&self) -> String {
        self.text.chars().filter(|c| !c.is_control()).take(SHOWN).collect()
    }

    /// What was asked is out of bounds.
    pub(super) fn bad(why: &str) -> Self {
        Self { reason: Reason::BadRequest, text: why.to_owned() }
    }
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        let text = reason.to_string();
        Self { reason, text }
    }
}

impl From<IdentityError> for Refusal {
    /// For what a stranger has shown: each way in which it does not hold. The texts hold no secret.
    fn from(error: IdentityError) -> Self {
        let text = error.to_string();
        let reason = match error {
            IdentityError::InviteOtherName { hosts, .. } => Reason::OtherName { pattern: hosts },
            IdentityError::InviteExpired { since } => Reason::InviteExpired { since },
            IdentityError::InviteUsedUp { uses } => Reason::InviteUsedUp { uses },
            IdentityError::Evicted { at, .. } => Reason::Evicted { at },
            IdentityError::OtherMesh { .. } => Reason::OtherMesh,
            IdentityError::NotItsKey { .. }
            | IdentityError::WrongSigner { .. }
            | IdentityError::BadSignature { .. } => Reason::WrongProof,
            _ => Reason::BadRequest,
        };
        Self { reason, text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_read_as_they_were_written() {
        for reason in [
            Reason::InviteUnknown,
            Reason::InviteExpired { since: UnixSeconds(5) },
            Reason::InviteUsedUp { uses: 3 },
            Reason::OtherName { pattern: "web-*".parse().unwrap() },
            Reason::NameTaken { until: UnixSeconds(5) },
            Reason::Evicted { at: UnixSeconds(5) },
            Reason::WrongProof,
            Reason::OtherMesh,
            Reason::NotEnrolled,
            Reason::OtherKey,
            Reason::NotAServer,
            Reason::NoQuorum { retry_after_ms: 1 },
            Reason::Busy { retry_after_ms: 1 },
            Reason::BadRequest,
        ] {
            let refusal = Refusal::from(reason);
            let text = serde_json::to_string(&refusal).unwrap();
            assert_eq!(serde_json::from_str::<Refusal>(&text).unwrap(), refusal, "{text}");
        }
    }

    #[test]
    fn a_reason_of_a_later_version_still_has_its_text() {
        let text = r#"{"reason":{"kind":"moon_phase","is":"full"},"text":"the moon\u001b[2J is full"}"#;
        let refusal: Refusal = serde_json::from_str(text).unwrap();
        assert_eq!(refusal.reason, Reason::Later);
        assert_eq!(refusal.shown(), "the moon[2J is full");
    }
}
