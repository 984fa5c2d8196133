//! What the steward sees: the members of the store, the hosts of the mesh, and what is out between them.
//!
//! Every [`Time`] in a view is of the leader's own clock. What a new leader finds in the store without knowing when it
//! happened (a nomination, a clean stop, an exchange) it counts from when it began to lead; that only makes it slower.

use std::collections::BTreeMap;

use super::command::Duty;
use super::host::Host;
use crate::cluster::mesh::{HostName, Policy};
use crate::cluster::store::id::MemberId;
use crate::engine::sched::Time;

/// All that the steward decides by. The rim keeps one and alters it as things change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// What the administrator asks for.
    pub policy: Policy,
    /// The leader, on which the steward runs.
    pub me: MemberId,
    /// The members of the store, as they are applied.
    pub members: BTreeMap<MemberId, Member>,
    /// A change of members was proposed, and is neither applied nor void; or a joint configuration has not been left.
    pub change_under_way: bool,
    /// The last exchange that was begun. It is in the store before the exchange is proposed.
    pub exchanged: Option<Exchanged>,
    /// The hosts that are registered.
    pub hosts: BTreeMap<HostName, Host>,
    /// The nominations that are out.
    pub nominations: BTreeMap<HostName, Nomination>,
    /// What the store holds, in bytes.
    pub store_bytes: u64,
    /// How many clients are connected to the stores of the mesh.
    pub clients: u64,
}

/// A member of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Whose it is, once it has said so: from then on it has started.
    pub host: Option<HostName>,
    /// Where the other members reach it.
    pub peer: String,
    /// Whether it votes.
    pub role: Role,
    /// How far it is behind the leader; `None`: it is caught up.
    pub lag: Option<Lag>,
    /// When the leader last heard of it; `None`: it is heard. Of a new leader's predecessor: its last heartbeat. Of
    /// one that this leader never heard: when it began to lead, or when the member was added.
    pub silent_since: Option<Time>,
}

/// Whether a member votes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// It does.
    Voter,
    /// It has the data and no vote: a spare or a relay.
    Learner,
}

/// How far a member is behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lag {
    /// Entries of the log.
    pub entries: u64,
    /// Since when it is behind without a break.
    pub since: Time,
}

/// An exchange that was begun. One that did not get through (the one still learns, the other still votes) does not
/// hold up the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exchanged {
    /// Who was to get the vote.
    pub promote: MemberId,
    /// Who was to lose it.
    pub demote: MemberId,
    /// When.
    pub at: Time,
}

/// A host was asked to serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nomination {
    /// As what, to begin with.
    pub duty: Duty,
    /// When.
    pub since: Time,
    /// Its member, once that was added.
    pub member: Option<MemberId>,
}
