//! Who may read and write what in the store.
//!
//! A range is allowed where every key that it could hold is. All keys of a range begin with some text; so a range is allowed if
//! everything with that beginning is, and a rule says of a beginning whether it is long enough to fix what counts (whose key
//! it is). What a rule does not name is denied.
//!
//! What the members of the store write for themselves (who follows it, how far a deploy goes, the choice of a schedule) does not
//! come through here: nobody asks on its behalf.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{HostPattern, Principal};
use crate::cluster::store::key::KeyRange;
use crate::cluster::world::keys;
use crate::engine::world::{Audience, HostName};

/// What somebody wants to do with keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Reading, or watching.
    Read,
    /// Writing.
    Write,
    /// Removing: as writing, but never of what is only appended to.
    Remove,
}

/// That hosts may write texts that are everybody's: `mgmt mesh allow kv`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KvGrant {
    /// What the names of the texts begin with; empty: all of them.
    pub prefix: String,
    /// Which hosts.
    pub hosts: HostPattern,
}

/// Somebody may not do something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{who} may not {access} {}", shown(range))]
pub struct Denied {
    /// Who.
    pub who: Principal,
    /// What.
    pub access: Access,
    /// With which keys.
    pub range: KeyRange,
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Remove => "remove",
        })
    }
}

/// A range as people read it.
fn shown(range: &KeyRange) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).chars().take(256).collect::<String>();
    match range {
        KeyRange::One(key) => format!("{:?}", text(key)),
        KeyRange::From(start) => format!("everything from {:?} on", text(start)),
        KeyRange::Span(start, end) => format!("{:?} up to {:?}", text(start), text(end)),
    }
}

/// Which keys, as far as rules look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope<'r> {
    /// This one.
    Key(&'r [u8]),
    /// All that begin with this, at the most.
    Under(&'r [u8]),
}

impl<'r> Scope<'r> {
    fn of(range: &'r KeyRange) -> Self {
        match range {
            KeyRange::One(key) => Self::Key(key),
            KeyRange::From(_) => Self::Under(b""),
            // A range that holds nothing is judged by where it starts, as etcd does.
            KeyRange::Span(start, _) if range.is_empty() => Self::Key(start),
            KeyRange::Span(start, end) if end.strip_prefix(&start[..]) == Some(&[0]) => Self::Key(start),
            KeyRange::Span(start, end) => {
                let shared = start.iter().zip(end.iter()).take_while(|(a, b)| a == b).count();
                // `a/b` up to `a/c`, where nothing follows the `c`, is all from `a/b` on that begins with `a/b`.
                let next = match (start.get(shared), &end[shared..]) {
                    (Some(from), [to]) if from.checked_add(1) == Some(*to) => 1,
                    _ => 0,
                };
                Self::Under(&start[..shared + next])
            }
        }
    }

    /// What follows a beginning that all of these keys have.
    fn after(self, prefix: &str) -> Option<Self> {
        match self {
            Self::Key(key) => key.strip_prefix(prefix.as_bytes()).map(Self::Key),
            Self::Under(start) => start.strip_prefix(prefix.as_bytes()).map(Self::Under),
        }
    }

    /// The next part of all of these keys, which a `/` ends, and what follows that.
    fn part(self) -> Option<(&'r str, Self)> {
        let (Self::Key(text) | Self::Under(text)) = self;
        let slash = text.iter().position(|byte| *byte == b'/')?;
        let part = std::str::from_utf8(&text[..slash]).ok()?;
        let rest = &text[slash + 1..];
        Some((part, if matches!(self, Self::Key(_)) { Self::Key(rest) } else { Self::Under(rest) }))
    }

    /// Whether this is one key, and nothing but this is left of it.
    fn is_key(self, text: &str) -> bool {
        matches!(self, Self::Key(key) if key == text.as_bytes())
    }

    /// Whether this is one key, and something is left of it.
    fn is_some_key(self) -> bool {
        matches!(self, Self::Key(key) if !key.is_empty())
    }
}

/// Whether somebody may do something with all keys of a range.
///
/// # Errors
/// When there is one with which they may not.
pub fn may(who: &Principal, access: Access, range: &KeyRange, grants: &[KvGrant]) -> Result<(), Denied> {
    let allowed = match who {
        Principal::Administrator(_) => {
            let appends = || access == Access::Write && may_append(who, Scope::of(range));
            access == Access::Read || !touches(range, keys::AUDIT) || appends()
        }
        Principal::Host(host) => {
            let scope = Scope::of(range);
            match access {
                Access::Read => may_read(host, scope),
                Access::Write => may_write(host, scope, grants) || may_append(who, scope),
                Access::Remove => may_write(host, scope, grants),
            }
        }
        Principal::Nobody => false,
    };
    if allowed { Ok(()) } else { Err(Denied { who: who.clone(), access, range: range.clone() }) }
}

/// Whether a range could hold a key with a prefix.
fn touches(range: &KeyRange, prefix: &str) -> bool {
    let (first, past) = (prefix.as_bytes(), keys::past(prefix));
    match range {
        KeyRange::One(key) => key.starts_with(first),
        KeyRange::From(start) => **start < *past,
        // One that holds nothing too: where it starts it asks.
        KeyRange::Span(start, end) => start.starts_with(first) || **start < *past && **end > *first,
    }
}

fn may_read(host: &HostName, scope: Scope<'_>) -> bool {
    let everybodys = [
        keys::HOSTS,
        keys::HOST_STRINGS,
        keys::SHARED_STRINGS,
        keys::SCHEDULES,
        keys::DEPLOYS,
        keys::BLOBS,
        keys::POLICIES,
        keys::STORES,
        keys::ENROLLED,
    ];
    if everybodys.iter().any(|prefix| scope.after(prefix).is_some()) {
        return true;
    }
    let known = [keys::POLICY, keys::ROLLOUT, keys::MEMBERS, keys::ADMINISTRATORS, keys::DENIED, keys::ROOTS];
    if known.iter().any(|key| scope.is_key(key)) {
        return true;
    }
    if let Some((to, kind)) = scope.after(&keys::exports()).and_then(Scope::part) {
        let from = || kind.part().and_then(|(_, from)| Some(from.part()?.0));
        let is_own = || to.parse::<Audience>().is_ok() && from().is_some_and(|from| from == host.as_str());
        return to == "*" || to == host.as_str() || is_own();
    }
    if let Some((_, to)) = scope.after(keys::SECRETS).and_then(Scope::part) {
        return to.is_key(host.as_str());
    }
    false
}

fn may_write(host: &HostName, scope: Scope<'_>, grants: &[KvGrant]) -> bool {
    let own = host.as_str();
    if let Some((owner, _)) = scope.after(keys::HOSTS).and_then(Scope::part) {
        return owner == own;
    }
    if let Some((_, owner)) = scope.after(keys::HOST_STRINGS).and_then(Scope::part) {
        return owner.is_key(own);
    }
    if let Some(name) = scope.after(keys::SHARED_STRINGS) {
        return grants.iter().any(|grant| grant.hosts.matches(host) && name.after(&grant.prefix).is_some());
    }
    if let Some((_, candidacy)) = scope.after(keys::SCHEDULES).and_then(Scope::part) {
        return candidacy.after("candidate/").is_some_and(|candidate| candidate.is_key(own));
    }
    if let Some((to, kind)) = scope.after(&keys::exports()).and_then(Scope::part) {
        let from = kind.part().and_then(|(kind, from)| Some((kind, from.part()?.0)));
        return to.parse::<Audience>().is_ok()
            && from.is_some_and(|(kind, from)| !kind.is_empty() && from == own);
    }
    false
}

/// One entry at a time, about oneself. That it is a new one, only the store can tell.
fn may_append(who: &Principal, scope: Scope<'_>) -> bool {
    let about = scope.after(keys::AUDIT).and_then(Scope::part);
    about.is_some_and(|(about, entry)| {
        keys::audit_author(who).is_some_and(|own| own == about) && entry.is_some_key()
    })
}

#[cfg(test)]
mod tests;
