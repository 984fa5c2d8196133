//! Who may join.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Fingerprint, HostPattern, IdentityError, UnixSeconds, VerifyingKey};
use crate::engine::world::HostName;

/// The most hosts that one invite is for.
pub const MOST_USES: u32 = 100_000;
/// The most labels that an invite gives.
const MOST_LABELS: usize = 64;
/// The longest label, value of one or zone, in bytes.
const LONGEST_LABEL: usize = 253;

/// Who may join: what an administrator signs, and the store holds. The other half of its key is in the token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invite {
    /// Vouches for the keys of who joins.
    pub key: VerifyingKey,
    /// What who joins may be called.
    pub hosts: HostPattern,
    /// How many may join.
    pub uses: u32,
    /// Until when.
    pub expires: UnixSeconds,
    /// Where they stand; empty: they say it.
    #[serde(default)]
    pub zone: String,
    /// What is said of them.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Whether they may carry the store.
    #[serde(default)]
    pub serve: bool,
}

impl Invite {
    /// Which invite.
    pub fn id(&self) -> Fingerprint {
        self.key.fingerprint()
    }

    /// Whether it keeps to the bounds. To be asked before one is signed, and of one that was signed elsewhere.
    ///
    /// # Errors
    /// When it does not.
    pub fn check(&self) -> Result<(), IdentityError> {
        let is_long = |text: &String| text.len() > LONGEST_LABEL || text.chars().any(char::is_control);
        let why = if self.uses == 0 || self.uses > MOST_USES {
            "it is for no host, or for more than 100000"
        } else if self.labels.len() > MOST_LABELS {
            "it gives more than 64 labels"
        } else if is_long(&self.zone) || self.labels.iter().any(|(key, value)| is_long(key) || is_long(value))
        {
            "its zone, or a label, has more than 253 bytes or a control character"
        } else if self.labels.contains_key("") {
            "it gives a label without a name"
        } else {
            return Ok(());
        };
        Err(IdentityError::BadInvite { why })
    }

    /// Whether a host may join with it now. The same host that comes again with the same keys uses it once; that is for the
    /// caller to count.
    ///
    /// # Errors
    /// One for each reason: the name does not match, the time is over, or as many have joined as may.
    pub fn may_be_used(&self, by: &HostName, uses: u32, now: UnixSeconds) -> Result<(), IdentityError> {
        if !self.hosts.matches(by) {
            return Err(IdentityError::InviteOtherName { host: by.clone(), hosts: self.hosts.clone() });
        }
        if now > self.expires {
            return Err(IdentityError::InviteExpired { since: self.expires });
        }
        if uses >= self.uses {
            return Err(IdentityError::InviteUsedUp { uses: self.uses });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::SigningKey;
    use super::*;

    fn invite() -> Invite {
        Invite {
            key: SigningKey::generate().unwrap().verifying_key(),
            hosts: "web-*".parse().unwrap(),
            uses: 2,
            expires: UnixSeconds(1000),
            zone: String::new(),
            labels: BTreeMap::new(),
            serve: false,
        }
    }

    #[test]
    fn an_invite_is_for_some_names_some_hosts_and_some_time() {
        let invite = invite();
        let (web, db): (HostName, HostName) = ("web-1".parse().unwrap(), "db-1".parse().unwrap());
        invite.may_be_used(&web, 1, UnixSeconds(1000)).unwrap();
        let refused = invite.may_be_used(&db, 0, UnixSeconds(0));
        assert!(matches!(refused, Err(IdentityError::InviteOtherName { .. })));
        let refused = invite.may_be_used(&web, 0, UnixSeconds(1001));
        assert!(matches!(refused, Err(IdentityError::InviteExpired { since: UnixSeconds(1000) })));
        let refused = invite.may_be_used(&web, 2, UnixSeconds(0));
        assert!(matches!(refused, Err(IdentityError::InviteUsedUp { uses: 2 })));
    }

    #[test]
    fn an_invite_out_of_bounds_is_none() {
        invite().check().unwrap();
        let labels = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), value.to_owned())]);
        for bad in [
            Invite { uses: 0, ..invite() },
            Invite { uses: MOST_USES + 1, ..invite() },
            Invite { zone: "z".repeat(254), ..invite() },
            Invite { zone: "a\nb".to_owned(), ..invite() },
            Invite { labels: labels("k", &"v".repeat(254)), ..invite() },
            Invite { labels: labels("", "v"), ..invite() },
            Invite { labels: (0..65).map(|n| (format!("k{n}"), String::new())).collect(), ..invite() },
        ] {
            assert!(matches!(bad.check(), Err(IdentityError::BadInvite { .. })), "{bad:?}");
        }
    }

    #[test]
    fn what_an_older_version_did_not_say_is_not_granted() {
        let key = serde_json::to_string(&invite().key).unwrap();
        let text = format!("{{\"key\":{key},\"hosts\":\"*\",\"uses\":1,\"expires\":5,\"later\":true}}");
        let read: Invite = serde_json::from_str(&text).unwrap();
        assert!(!read.serve && read.labels.is_empty() && read.zone.is_empty());
    }
}
