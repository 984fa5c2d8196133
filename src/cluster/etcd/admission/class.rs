//! What goes first: by what a change writes.

use std::time::Duration;

use crate::cluster::store::request::{Change, Op, Txn};
use crate::cluster::world::keys;

/// A larger change is bulk, in bytes: some 200 exports. What is critical is so at any size.
const BULK_BYTES: u64 = 256 << 10;

/// How soon a change is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// What the mesh itself hangs on: leases, signs of life, elections, policy, deploys, who is who.
    Critical,
    /// What hosts tell one another, and all that other clients of the store write.
    Normal,
    /// What nobody waits for: contents of files, and all that is large.
    Bulk,
}

impl Class {
    /// All, the most urgent first.
    pub const ALL: [Self; 3] = [Self::Critical, Self::Normal, Self::Bulk];

    /// Of a change that is so long in the log, in bytes.
    pub fn of(change: &Change, bytes: u64) -> Self {
        let class = match change {
            Change::Put(put) => of_key(&put.key),
            Change::Delete(delete) => of_key(delete.range.start()),
            Change::Txn(txn) => first_written(txn).map_or(Self::Normal, of_key),
            Change::Compact { .. } => Self::Normal,
            Change::LeaseGrant { .. }
            | Change::LeaseRevoke { .. }
            | Change::Alarm(_)
            | Change::Auth(_)
            | Change::MemberAttributes { .. }
            | Change::ClusterVersion { .. }
            | Change::Downgrade { .. } => Self::Critical,
        };
        if class == Self::Normal && bytes > BULK_BYTES { Self::Bulk } else { class }
    }

    /// Its share of what is written while all of them wait.
    pub const fn weight(self) -> u64 {
        match self {
            Self::Critical => 8,
            Self::Normal => 4,
            Self::Bulk => 1,
        }
    }

    /// When to come again if there is no room: some of it has been worked off by then.
    pub const fn retry_after(self) -> Duration {
        match self {
            Self::Critical => Duration::from_millis(250),
            Self::Normal => Duration::from_secs(1),
            Self::Bulk => Duration::from_secs(4),
        }
    }

    /// As metrics have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Normal => "normal",
            Self::Bulk => "bulk",
        }
    }
}

/// The first key that a transaction writes, if it does what it hopes for; else if it does not.
fn first_written(txn: &Txn) -> Option<&[u8]> {
    txn.then.iter().chain(&txn.otherwise).find_map(|op| match op {
        Op::Range(_) => None,
        Op::Put(put) => Some(&*put.key),
        Op::Delete(delete) => Some(&**delete.range.start()),
        Op::Txn(inner) => first_written(inner),
    })
}

fn of_key(key: &[u8]) -> Class {
    if !key.starts_with(keys::ROOT.as_bytes()) {
        return Class::Normal;
    }
    let under = |prefixes: &[&str]| prefixes.iter().any(|prefix| key.starts_with(prefix.as_bytes()));
    if under(&[keys::BLOBS, keys::UPLOADS]) {
        return Class::Bulk;
    }
    if let Some(fact) = key.strip_prefix(keys::HOSTS.as_bytes()) {
        // Its graph's state and the number of its batches go with its exports.
        let hurries = [&b"/live"[..], b"/card", b"/deploy", b"/duty"].iter().any(|name| fact.ends_with(name));
        return if hurries { Class::Critical } else { Class::Normal };
    }
    let told = [keys::EXPORTS, keys::SHARED_STRINGS, keys::HOST_STRINGS, keys::SECRETS, keys::AUDIT];
    // All else there is the mesh's own.
    if under(&told) { Class::Normal } else { Class::Critical }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::store::id::{LeaseId, Revision};
    use crate::cluster::store::key::KeyRange;
    use crate::cluster::store::request::{Delete, Put, Range};

    fn put(key: &str) -> Put {
        Put { key: key.to_owned().into(), value: None, lease: None, previous: false }
    }

    #[test]
    fn a_key_says_how_soon_it_is_wanted() {
        let table = [
            ("/_mgmt/host/web-1/live", Class::Critical),
            ("/_mgmt/host/web-1/card", Class::Critical),
            ("/_mgmt/host/web-1/duty", Class::Critical),
            ("/_mgmt/host/web-1/deploy", Class::Critical),
            ("/_mgmt/host/web-1/state", Class::Normal),
            ("/_mgmt/host/web-1/seq", Class::Normal),
            ("/_mgmt/policy", Class::Critical),
            ("/_mgmt/policy/kv", Class::Critical),
            ("/_mgmt/rollout", Class::Critical),
            ("/_mgmt/deploy/1", Class::Critical),
            ("/_mgmt/schedule/a/candidate/web-1", Class::Critical),
            ("/_mgmt/steward/members", Class::Critical),
            ("/_mgmt/pki/roots", Class::Critical),
            ("/_mgmt/export/*/file/web-1/x", Class::Normal),
            ("/_mgmt/strings/shared/live", Class::Normal),
            ("/_mgmt/strings/host/a/web-1", Class::Normal),
            ("/_mgmt/secret/a/web-1", Class::Normal),
            ("/_mgmt/audit/web-1/1", Class::Normal),
            ("/_mgmt/blob/0/1", Class::Bulk),
            ("/_mgmt/upload/web-1/1", Class::Bulk),
            ("/registry/pods/live", Class::Normal),
            ("live", Class::Normal),
        ];
        for (key, class) in table {
            assert_eq!(Class::of(&Change::Put(put(key)), 100), class, "{key}");
            let delete = Delete { range: KeyRange::One(key.to_owned().into()), previous: false };
            assert_eq!(Class::of(&Change::Delete(delete), 100), class, "{key}");
        }
    }

    #[test]
    fn a_transaction_is_of_the_class_of_the_first_key_that_it_writes() {
        let read = Op::Range(Range::of(KeyRange::One("/_mgmt/policy".into())));
        let inner = Txn { otherwise: vec![Op::Put(put("/_mgmt/blob/1"))], ..Txn::default() };
        let then = vec![read.clone(), Op::Txn(inner), Op::Put(put("/_mgmt/policy"))];
        assert_eq!(Class::of(&Change::Txn(Txn { then, ..Txn::default() }), 1), Class::Bulk);
        let otherwise = Txn { otherwise: vec![read, Op::Put(put("/_mgmt/policy"))], ..Txn::default() };
        assert_eq!(Class::of(&Change::Txn(otherwise), 1), Class::Critical);
        assert_eq!(Class::of(&Change::Txn(Txn::default()), 1), Class::Normal);
    }

    #[test]
    fn what_is_large_waits_unless_it_is_critical() {
        assert_eq!(Class::of(&Change::Put(put("a")), BULK_BYTES), Class::Normal);
        assert_eq!(Class::of(&Change::Put(put("a")), BULK_BYTES + 1), Class::Bulk);
        assert_eq!(Class::of(&Change::Put(put("/_mgmt/deploy/1")), BULK_BYTES + 1), Class::Critical);
    }

    #[test]
    fn leases_hurry_and_a_compaction_does_not() {
        assert_eq!(Class::of(&Change::LeaseGrant { id: LeaseId(1), ttl_s: 5 }, 1), Class::Critical);
        assert_eq!(Class::of(&Change::LeaseRevoke { id: LeaseId(1) }, 1), Class::Critical);
        assert_eq!(Class::of(&Change::Compact { revision: Revision(1) }, 1), Class::Normal);
    }
}
