//! The state machine of one vertex.

use std::mem::offset_of;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thin_vec::ThinVec;

use super::contention::Contention;
use super::event::{Added, Sent};
use super::policy::{Limit, Policy};
use super::time::Time;
use crate::engine::id::{Generation, VertexId};
use crate::engine::resource::Stamp;

/// The state of a vertex, as people see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// A predecessor is not settled.
    Waiting,
    /// It may run, and is waiting for its turn, a semaphore or its limit.
    Dirty,
    /// Comparing.
    Checking,
    /// Putting right.
    Applying,
    /// As wanted.
    Ok,
    /// Failed, to be tried again.
    Retrying {
        /// When.
        at: Time,
    },
    /// Failed.
    Failed,
    /// Not run, because another has failed.
    Blocked {
        /// Who has failed.
        by: VertexId,
    },
}

impl State {
    /// The state's name in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Dirty => "dirty",
            Self::Checking => "checking",
            Self::Applying => "applying",
            Self::Ok => "ok",
            Self::Retrying { .. } => "retrying",
            Self::Failed => "failed",
            Self::Blocked { .. } => "blocked",
        }
    }

    /// Nothing more will happen to it by itself.
    pub fn is_settled(self) -> bool {
        matches!(self, Self::Ok | Self::Failed | Self::Blocked { .. })
    }

    /// Its successors cannot run until it is tried anew.
    pub fn is_bad(self) -> bool {
        matches!(self, Self::Failed | Self::Blocked { .. })
    }

    /// A run is under way.
    pub fn is_running(self) -> bool {
        matches!(self, Self::Checking | Self::Applying)
    }
}

/// A wake that came during a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// None came.
    No,
    /// The last one saw this: our own echo, if the run says that it wrote this.
    Stamped(Stamp),
    /// It must run again.
    Yes,
}

/// One vertex. In a large graph what costs is to come by it in memory: what neighbours that settle look at comes first,
/// in one line of the cache, and what few have takes little room in the others.
#[derive(Clone, Debug)]
#[repr(C)]
pub(super) struct Vertex {
    pub state: State,
    /// How many predecessors are not `Ok`.
    pub unready: u32,
    /// How many predecessors are `Failed` or `Blocked`.
    pub bad: u32,
    pub generation: Generation,
    /// The scheduler's epoch in which it was blocked.
    pub blocked_in: u32,
    /// Who must have left before this may start: those that it replaces.
    pub forerunners: ThinVec<VertexId>,
    /// Who wait for this to leave.
    pub heirs: ThinVec<VertexId>,
    pub policy: Arc<Policy>,
    /// It leaves the graph once its run has ended, or, with `realize`, once it has settled.
    pub leaving: bool,
    /// It has been settled at least once.
    pub settled_once: bool,
    /// In a queue of the dispatcher.
    pub queued: bool,
    /// The watch is armed, or there is none to arm.
    pub armed: bool,
    /// The present run was started for another of its team, which holds what the run holds.
    pub rides: bool,
    /// A refresh waits for the next run.
    pub refresh: bool,
    /// The present run was given a refresh, to be given again if it fails.
    pub refreshing: bool,
    /// It changed something while it was leaving: its heir owes the refreshes that follow from that.
    pub owes: bool,

    /// With `notify`.
    pub successors: Vec<(VertexId, bool)>,
    pub predecessors: Vec<VertexId>,
    pub contention: Contention,
    pub retries_left: Option<u32>,
    pub again: Again,
    pub wrote: Option<Stamp>,
    /// All that run together with it, itself included; nobody: it runs by itself.
    pub team: Option<Arc<[Ticket]>>,
    /// Dirty, but may not start before this.
    pub not_before: Time,
    pub next_poll: Time,
    /// A deadline for its next poll is set.
    pub polling: bool,
    pub tokens: Tokens,
    pub receives: ThinVec<Received>,
    pub receivers: ThinVec<VertexId>,
    /// What it has sent last, for receivers that come later.
    pub sent: ThinVec<Sent>,
}

/// A slot is whole lines of 64 bytes, and what comes first fits in one.
#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<Option<Vertex>>().is_multiple_of(64) && offset_of!(Vertex, successors) == 64);

/// The fill of a token bucket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tokens {
    pub left: f64,
    pub at: Time,
}

impl Tokens {
    /// Adds what has come in since the last time.
    pub fn refill(&mut self, limit: Limit, now: Time) {
        let dripped = now.since(self.at).as_secs_f64() * limit.per_second;
        self.left = (self.left + dripped).min(f64::from(limit.burst));
        self.at = now;
    }
}

/// A place in a queue. Queues are not searched when a vertex leaves: one that is found in it later is known to be
/// void by its generation.
pub(super) type Ticket = (VertexId, Generation);

/// A value that a vertex receives.
#[derive(Clone, Debug)]
pub(super) struct Received {
    pub sender: Option<VertexId>,
    pub key: Arc<str>,
    /// What the sender has sent last.
    pub sent: Option<u64>,
    /// What the last run was started with.
    pub taken: Option<u64>,
}

impl Vertex {
    pub fn new(added: Added, now: Time) -> Self {
        let receives = added.receives.into_iter().map(|r| Received {
            sender: None,
            key: r.key,
            sent: None,
            taken: None,
        });
        Self {
            generation: added.generation,
            team: None,
            rides: false,
            state: State::Waiting,
            blocked_in: 0,
            predecessors: Vec::new(),
            successors: Vec::new(),
            unready: 0,
            bad: 0,
            receives: receives.collect(),
            receivers: ThinVec::new(),
            sent: ThinVec::new(),
            armed: false,
            again: Again::No,
            refresh: false,
            refreshing: false,
            owes: false,
            wrote: None,
            retries_left: added.policy.retries,
            settled_once: false,
            queued: false,
            not_before: Time(0),
            next_poll: Time(0),
            polling: false,
            tokens: Tokens { left: added.policy.limit.map_or(0.0, |limit| limit.burst.into()), at: now },
            contention: Contention::default(),
            leaving: false,
            forerunners: ThinVec::new(),
            heirs: ThinVec::new(),
            policy: added.policy,
        }
    }
}
