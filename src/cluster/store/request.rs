//! What can be asked of the store.
//!
//! These are the store's own words, checked when they are made from what came over the wire (by `cluster/etcd`): a
//! request of these types has no bad enum, no unset choice and no empty key.

use bytes::Bytes;

use super::auth::UserName;
use super::id::{LeaseId, MemberId, Revision};
use super::key::KeyRange;

/// A change, as it goes through the log. Applying it is deterministic: no clock, no order of a hash map, no setting of
/// one node.
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    /// Matches it to whoever waits for its answer: unique in the cluster.
    pub id: u64,
    /// Who asks, when authentication is on.
    pub caller: Option<Caller>,
    /// What is asked.
    pub change: Change,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Caller {
    /// The user.
    pub user: UserName,
    /// The revision of the authentication store at which the caller was known to be that user. A change made under an
    /// older one is refused: the rights may have changed.
    pub auth_revision: u64,
}

/// The changes.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Writes a key.
    Put(Put),
    /// Deletes keys.
    Delete(Delete),
    /// Several requests as one.
    Txn(Txn),
    /// Forgets what was before a revision.
    Compact {
        /// What was current at this revision stays.
        revision: Revision,
    },
    /// Makes a lease.
    LeaseGrant {
        /// Its number; the proposer has chosen one when the client did not.
        id: LeaseId,
        /// How long it lives, in seconds, as granted.
        ttl_s: i64,
    },
    /// Ends a lease, and deletes its keys.
    LeaseRevoke {
        /// Which.
        id: LeaseId,
    },
    /// Raises or ends alarms.
    Alarm(AlarmChange),
    /// Changes who may do what.
    Auth(super::auth::AuthChange),
    /// A member tells its name and where clients reach it.
    MemberAttributes {
        /// Which member.
        id: MemberId,
        /// Its name.
        name: String,
        /// Where clients reach it.
        client_urls: Vec<String>,
        /// Which commands of the log it understands.
        level: super::member::LogLevel,
    },
    /// The version that all members can keep to.
    ClusterVersion {
        /// Such as `3.5.0`.
        version: String,
    },
    /// A downgrade job begins or ends.
    Downgrade {
        /// Whether one is on.
        enabled: bool,
        /// To which version.
        target: String,
    },
}

/// Writes a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Put {
    /// The key; not empty.
    pub key: Bytes,
    /// The value; `None`: keeps the one it has.
    pub value: Option<Bytes>,
    /// The lease; `Some(LeaseId(0))`: none; `None`: keeps the one it has.
    pub lease: Option<LeaseId>,
    /// Whether the answer holds what was there before.
    pub previous: bool,
}

/// Deletes keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delete {
    /// Which.
    pub range: KeyRange,
    /// Whether the answer holds what was there before.
    pub previous: bool,
}

/// Reads keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    /// Which.
    pub range: KeyRange,
    /// Of the keys found, only so many are put in order, the first ones; `None`: all. etcd sorts so what comes with a
    /// limit and a target, but without an order.
    pub sorted: Option<usize>,
    /// At which revision; `None`, and one below 1 if it is not compacted: the current one.
    pub revision: Option<Revision>,
    /// How many at the most; `None`: all.
    pub limit: Option<usize>,
    /// In which order.
    pub sort: Option<Sort>,
    /// What of each key is wanted.
    pub wanted: Wanted,
    /// Keys outside these bounds are left out.
    pub filter: Filter,
}

impl Range {
    /// All of these keys, as they are now.
    pub fn of(range: KeyRange) -> Self {
        Self {
            range,
            sorted: None,
            revision: None,
            limit: None,
            sort: None,
            wanted: Wanted::All,
            filter: Filter::default(),
        }
    }
}

/// What of each key is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    /// Everything.
    #[default]
    All,
    /// All but the values.
    KeysOnly,
    /// How many there are.
    CountOnly,
}

/// An order; ties keep the order of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    /// By what.
    pub by: SortBy,
    /// The greatest first.
    pub descending: bool,
}

/// What can be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortBy {
    /// The key.
    Key,
    /// How often it was written since it was made.
    Version,
    /// When it was made.
    Created,
    /// When it was last written.
    Modified,
    /// The value.
    Value,
}

/// Bounds of revisions, each included; 0: no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// The least revision of the last write.
    pub min_modified: i64,
    /// The greatest revision of the last write.
    pub max_modified: i64,
    /// The least revision of the making.
    pub min_created: i64,
    /// The greatest revision of the making.
    pub max_created: i64,
}

/// Several requests as one: all comparisons first, then one of two lists, each request seeing what those before it did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Txn {
    /// Must all hold.
    pub compares: Vec<Compare>,
    /// Done when they do.
    pub then: Vec<Op>,
    /// Done when they do not.
    pub otherwise: Vec<Op>,
}

/// A request within a transaction.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// Reads.
    Range(Range),
    /// Writes.
    Put(Put),
    /// Deletes.
    Delete(Delete),
    /// A transaction in a transaction.
    Txn(Txn),
}

/// A condition on each key of a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compare {
    /// Which keys. For a range, every key that exists must pass.
    pub range: KeyRange,
    /// How they must stand to the operand.
    pub test: Test,
    /// What is compared, with what.
    pub with: Operand,
}

/// How two things must stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Test {
    /// The same.
    Equal,
    /// What the store has is greater.
    Greater,
    /// What the store has is less.
    Less,
    /// Not the same.
    NotEqual,
    /// In any way: a relation that this version does not know holds, as in etcd.
    Any,
}

/// What of a key is compared, with what. A key that is missing has zeros, and no value: a comparison of its value never
/// holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operand {
    /// How often it was written.
    Version(i64),
    /// When it was made.
    Created(i64),
    /// When it was last written.
    Modified(i64),
    /// Its value.
    Value(Bytes),
    /// Its lease.
    Lease(LeaseId),
    /// A target that this version does not know, which compares as equal, as in etcd.
    Unknown,
}

/// A change of alarms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlarmChange {
    /// Raised or ended.
    pub raise: bool,
    /// The member that has the trouble; exactly this one, 0 is no other word for all (as in etcd).
    pub member: MemberId,
    /// Which; `None` (etcd's alarm `NONE`): changes nothing.
    pub kind: Option<AlarmKind>,
}

/// Why the store refuses to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlarmKind {
    /// The data has grown past the quota.
    NoSpace,
    /// Members hold different data.
    Corrupt,
}
