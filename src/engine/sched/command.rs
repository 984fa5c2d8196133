//! What the scheduler wants done.

use super::time::Time;
use crate::engine::id::{Generation, VertexId};

/// Something to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Check, and apply what differs. Answered by exactly one [`Event::Finished`](super::Event::Finished), and by one
    /// for each that runs with it.
    Run {
        /// Whom.
        vertex: VertexId,
        /// To be given back with the answer.
        generation: Generation,
        /// Arm the watch first.
        arm: bool,
        /// A refresh is pending, for one of them at least.
        refresh: bool,
        /// Others of its [team](super::Added::team) that are part of this run.
        with: Vec<VertexId>,
    },
    /// Ask a run to end.
    Cancel {
        /// Whose.
        vertex: VertexId,
    },
    /// Kill what a run started.
    Kill {
        /// Whose.
        vertex: VertexId,
    },
    /// This vertex is gone: drop its watch and resource; its slot is free.
    Retire {
        /// Whom.
        vertex: VertexId,
    },
    /// Send [`Event::Tick`](super::Event::Tick) at this time; it replaces an earlier wish.
    WakeAt(Time),
    /// Tell people.
    Notice(Notice),
    /// The graph has become converged, or is so no longer.
    Converged(bool),
    /// After a stop: nothing runs any more.
    Stopped,
}

/// Something that people should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// It failed, and will be tried again.
    Retrying {
        /// Whom.
        vertex: VertexId,
        /// When.
        at: Time,
        /// How many tries are left after this; `None`: without end.
        left: Option<u32>,
    },
    /// It failed, and will not be tried again by itself.
    Failed {
        /// Whom.
        vertex: VertexId,
    },
    /// It cannot run because another has failed.
    Blocked {
        /// Whom.
        vertex: VertexId,
        /// Who has failed.
        by: VertexId,
    },
    /// It is put right, or fails, over and over: from now on one try a second.
    Contended {
        /// Whom.
        vertex: VertexId,
    },
}
