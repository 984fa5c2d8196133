//! What the scheduler is told.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::policy::Policy;
use crate::engine::id::{Generation, Label, VertexId};
use crate::engine::resource::{Stamp, Wake};

/// Something happened. Holds ids and digests, never a resource, content or secret. What befalls the watch or the run of
/// one member of a [team](Added::team) befalls that of all; only how a run ended is told member by member.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// The graph changes; everything new is built already.
    Swap(Delta),
    /// A watch fired.
    Wake {
        /// Whose.
        vertex: VertexId,
        /// Which occupant of the slot.
        generation: Generation,
        /// What it saw.
        wake: Wake,
    },
    /// A watch broke; it must be armed again.
    WatchFailed {
        /// Whose.
        vertex: VertexId,
        /// Which occupant of the slot.
        generation: Generation,
        /// Whether another try may help.
        retryable: bool,
    },
    /// A run that takes long went from checking to applying.
    Applying {
        /// Whose.
        vertex: VertexId,
        /// Which occupant of the slot.
        generation: Generation,
    },
    /// A run ended.
    Finished {
        /// Whose.
        vertex: VertexId,
        /// Which occupant of the slot.
        generation: Generation,
        /// How.
        outcome: Outcome,
    },
    /// The time of a [`Command::WakeAt`](super::Command::WakeAt) has come.
    Tick,
    /// ^C, or its like; a level only ever rises.
    Stop(StopLevel),
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Outcome {
    /// The system is as wanted (or would be, under noop).
    Done {
        /// Something was put right.
        changed: bool,
        /// Successors are refreshed, though nothing counts as a change: a timer's tick.
        beat: bool,
        /// The watch is armed.
        armed: bool,
        /// The state of the watched object just after the run's own last write.
        wrote: Option<Stamp>,
        /// What was sent.
        sent: Vec<Sent>,
    },
    /// It failed.
    Failed {
        /// Another try may help.
        retryable: bool,
        /// The watch is armed.
        armed: bool,
    },
    /// It was asked to end, and did.
    Cancelled {
        /// The watch is armed.
        armed: bool,
    },
}

impl Outcome {
    /// Whether the watch is armed.
    pub fn armed(&self) -> bool {
        match self {
            Self::Done { armed, .. } | Self::Failed { armed, .. } | Self::Cancelled { armed } => *armed,
        }
    }
}

/// A value that a vertex sent, by digest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sent {
    /// The name under which receivers ask for it.
    pub key: Arc<str>,
    /// A digest of the value, keyed afresh in each process, so that a recording gives nothing away.
    pub digest: u64,
}

/// How urgently to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum StopLevel {
    /// Nothing new starts; what runs, finishes.
    Finish,
    /// What runs is asked to end.
    Cancel,
    /// What runs is killed.
    Kill,
}

/// The difference between the running graph and the next.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Delta {
    /// Vertices that leave. Their edges leave with them.
    pub remove: Vec<VertexId>,
    /// Vertices that come.
    pub add: Vec<Added>,
    /// Edges that leave, between vertices that stay.
    pub disconnect: Vec<(VertexId, VertexId)>,
    /// Edges that come; the third field is `notify`.
    pub connect: Vec<(VertexId, VertexId, bool)>,
    /// Edges that stay and whose `notify` changes.
    pub renotify: Vec<(VertexId, VertexId, bool)>,
    /// Vertices that stay and whose senders now have other ids.
    pub rebind: Vec<(VertexId, Vec<Option<VertexId>>)>,
}

/// A vertex that comes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Added {
    /// A slot that is free.
    pub vertex: VertexId,
    /// Greater than that of every earlier occupant.
    pub generation: Generation,
    /// For people who read a recording.
    pub label: Label,
    /// What its meta-parameters mean; most vertices share one.
    pub policy: Arc<Policy>,
    /// It runs together with all that name the same vertex here, itself among them: one watch, and one run for all of
    /// them that are to run. They come in the same swap, and leave in the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<VertexId>,
    /// What it receives.
    pub receives: Vec<Receiving>,
    /// The vertices with labels of this one that leave in this swap, or are leaving since an earlier one: they must
    /// have gone before this one starts.
    pub replaces: Vec<VertexId>,
}

/// A value that a vertex receives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Receiving {
    /// Who sends; `None`: no such vertex.
    pub sender: Option<VertexId>,
    /// Under which name.
    pub key: Arc<str>,
}
