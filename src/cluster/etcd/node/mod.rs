//! The seam to what runs the consensus: everything that the services ask of this member.

mod credentials;
mod error;
mod member;
mod standing;
pub mod vitals;
mod watching;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;

pub use crate::cluster::store::member::{Member, MemberError};
pub use credentials::Credentials;
pub use error::{DowngradeError, NodeError};
pub use member::MemberChange;
pub use standing::{Identity, Sizes, Standing};
pub use vitals::Vitals;
pub use watching::Watching;

use super::admission::Class;
use crate::cluster::store::auth::{Access, AuthError, Permission, RoleName, UserName};
use crate::cluster::store::hash::HashKv;
use crate::cluster::store::id::{LeaseId, MemberId, Revision};
use crate::cluster::store::key::KeyRange;
use crate::cluster::store::reply::{Alarm, Applied, RangeReply};
use crate::cluster::store::request::{Caller, Change, Range, Txn};

/// This member of the cluster, as its services see it. Nothing here knows a wire format.
#[async_trait]
pub trait Node: Send + Sync + 'static {
    /// Who this is.
    fn identity(&self) -> Identity;

    /// How it stands to the others now.
    fn standing(&self) -> Standing;

    /// Returns once there has been no leader for three election timeouts.
    async fn leaderless(&self);

    /// Has a change agreed upon and applied; returns once it is applied here.
    async fn propose(&self, change: Change, caller: Option<Caller>) -> Result<Applied, NodeError>;

    /// Returns when all that was agreed upon before the call is applied here: a read after it is linearizable.
    async fn barrier(&self) -> Result<(), NodeError>;

    /// The store's revision.
    fn revision(&self) -> Revision;

    /// Reads keys as they are here, with the revision at which that is.
    fn range(&self, range: &Range, caller: Option<&Caller>) -> Result<(Revision, RangeReply), NodeError>;

    /// A transaction that writes nothing, on what is here.
    fn read_txn(&self, txn: &Txn, caller: Option<&Caller>) -> Result<Applied, NodeError>;

    /// Returns when what was compacted has given back its room.
    async fn swept(&self);

    /// Whether a caller may watch these keys.
    fn may_watch(&self, range: &KeyRange, caller: Option<&Caller>) -> Result<(), AuthError>;

    /// Whether a caller may do with a lease what needs a right to each of its keys.
    fn may_use_lease(&self, id: LeaseId, access: Access, caller: Option<&Caller>) -> Result<(), AuthError>;

    /// A number for a caller's new lease, out of 64 bits of chance.
    fn lease_for(&self, _caller: Option<&Caller>, chance: u64) -> LeaseId {
        LeaseId(i64::try_from(chance >> 1).unwrap_or_default().max(1))
    }

    /// A stream of watches.
    fn watch(&self) -> Box<dyn Watching>;

    /// Makes a lease live for its whole time again; returns that time, in seconds. The leader does it.
    async fn keep_alive(&self, id: LeaseId) -> Result<i64, NodeError>;

    /// What is known of a lease, by the leader; `None`: there is none.
    async fn lease(
        &self,
        id: LeaseId,
        keys: bool,
        caller: Option<&Caller>,
    ) -> Result<Option<LeaseView>, NodeError>;

    /// Every lease, those that expire first before the others.
    fn leases(&self) -> Vec<LeaseId>;

    /// The shortest time that a lease can have, in seconds: one and a half election timeouts.
    fn shortest_lease_s(&self) -> i64;

    /// The members, by id.
    fn members(&self) -> Vec<Member>;

    /// Changes who is a member; returns the members afterwards, and which one was added.
    async fn change_members(&self, change: MemberChange) -> Result<(Vec<Member>, MemberId), NodeError>;

    /// Gives leadership to another member; returns once it leads.
    async fn move_leader(&self, to: MemberId) -> Result<(), NodeError>;

    /// How much room the data takes.
    fn sizes(&self) -> Sizes;

    /// What is counted; `None`: nothing.
    fn vitals(&self) -> Option<&Vitals> {
        None
    }

    /// How many changes of clients wait, as in [`Class::ALL`]; `None`: none ever does.
    fn queued(&self) -> Option<[usize; Class::ALL.len()]> {
        None
    }

    /// The alarms that are raised.
    fn alarms(&self) -> Vec<Alarm>;

    /// The version that all members can keep to, such as `3.5.0`; `None`: not yet agreed upon.
    fn cluster_version(&self) -> Option<String>;

    /// The target of the downgrade job that is on.
    fn downgrade_target(&self) -> Option<String>;

    /// A checksum of everything that is stored here.
    async fn hash(&self) -> Result<u32, NodeError>;

    /// A checksum of the keys up to a revision, `None`: the current one; and the store's revision.
    async fn hash_kv(&self, revision: Option<Revision>) -> Result<(HashKv, Revision), NodeError>;

    /// Gives back to the file system what deleted data took.
    async fn defragment(&self) -> Result<(), NodeError>;

    /// All data as a bbolt file.
    async fn snapshot(&self) -> Result<Snapshot, NodeError>;

    /// Whether authentication is on, and the revision of who may do what.
    fn auth_state(&self) -> (bool, u64);

    /// Who asks; `None`: authentication is off, or nothing was shown.
    fn caller(&self, credentials: &Credentials) -> Result<Option<Caller>, AuthError>;

    /// Whether a caller may do what only `root` may. Everybody may while authentication is off.
    fn check_root(&self, caller: Option<&Caller>) -> Result<(), AuthError>;

    /// Whether a caller may see how this member stands: as etcd has it, only `root` may.
    fn check_status(&self, caller: Option<&Caller>) -> Result<(), AuthError> {
        self.check_root(caller)
    }

    /// A token for who knows the password.
    async fn log_in(&self, user: &str, password: &str) -> Result<String, NodeError>;

    /// A password as it is stored: bcrypt.
    async fn password_hash(&self, password: &str) -> Result<String, NodeError>;

    /// The users, by name.
    fn users(&self) -> Vec<UserName>;

    /// A user's roles, by name.
    fn user(&self, user: &str) -> Result<Vec<RoleName>, AuthError>;

    /// The roles, by name.
    fn roles(&self) -> Vec<RoleName>;

    /// What a role allows.
    fn role(&self, role: &str) -> Result<Vec<Permission>, AuthError>;
}

/// What is known of a lease.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeaseView {
    /// How long it was granted, in seconds.
    pub granted_s: i64,
    /// How long it still lives, in seconds.
    pub left_s: i64,
    /// Its keys, when asked for.
    pub keys: Vec<Bytes>,
}

/// All data as a bbolt file.
pub struct Snapshot {
    /// How long it is, in bytes.
    pub total: u64,
    /// Its parts, of any length.
    pub chunks: BoxStream<'static, std::io::Result<Bytes>>,
}
