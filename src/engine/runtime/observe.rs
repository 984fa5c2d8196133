//! What the agent is told while the engine runs.

use std::fmt::Debug;
use std::time::Duration;

pub use super::complaint::Telling;
use super::driver::Driver;
use super::plan::Swapped;
use super::snapshot::{Rows, Snapshot};
use crate::engine::cx::Done;
use crate::engine::drift::Drift;
use crate::engine::graph::Vertex;
use crate::engine::id::Label;
use crate::engine::resource::ResourceError;

/// Is told what happens, on the driver's thread: it must be quick and must not block.
pub trait Observer: Debug + Send + Sync + 'static {
    /// Something happened.
    fn happened(&self, happening: Happening<'_>);
}

/// Something that happened. Values of sensitive parameters are masked already.
#[derive(Clone, Copy, Debug)]
pub enum Happening<'a> {
    /// A run ended, well or not; for counting.
    Ran(Ran<'a>),
    /// A vertex was put right.
    Changed {
        /// Which.
        vertex: &'a Vertex,
        /// What differed.
        drift: &'a Drift,
        /// How long the run took.
        took: Duration,
    },
    /// A vertex differs, and is left so under noop.
    WouldChange {
        /// Which.
        vertex: &'a Vertex,
        /// What differs.
        drift: &'a Drift,
    },
    /// A run or a watch failed.
    Failed {
        /// Which.
        vertex: &'a Vertex,
        /// Why.
        error: &'a ResourceError,
        /// What comes next.
        next: Next,
        /// How often it has failed since it was last as wanted.
        times: u32,
        /// How much of it is news.
        telling: Telling,
    },
    /// A vertex that had failed is as wanted again.
    Recovered {
        /// Which.
        vertex: &'a Vertex,
        /// How often it had failed.
        times: u32,
    },
    /// A vertex cannot run because another has failed.
    Blocked {
        /// Whether that was not so before.
        is_news: bool,
        /// Which.
        vertex: &'a Vertex,
        /// Who has failed.
        by: &'a Label,
    },
    /// A vertex is put right, or fails, over and over.
    Contended {
        /// Which.
        vertex: &'a Vertex,
    },
    /// Another graph runs.
    Swapped(&'a Swapped),
    /// The graph has converged, or is so no longer.
    Converged(bool),
    /// A resource asked for the end of the agent.
    ExitRequested(u8),
    /// What automatic edges are derived from has changed: a swap to the same graph, prepared again, would bring others.
    FactsChanged(&'a Done),
    /// The engine has ended; this was its last state.
    Stopped(LastLook<'a>),
}

/// The engine as it was when it ended.
#[derive(Clone, Copy, Debug)]
pub struct LastLook<'a>(pub(super) &'a Driver);

impl LastLook<'_> {
    /// The vertices as they were.
    pub fn snapshot(&self, rows: Rows) -> Snapshot {
        self.0.snapshot(&rows.into())
    }
}

/// What comes after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Another try.
    Retry {
        /// In how long.
        wait: Duration,
        /// How many are left after it; `None`: without end.
        left: Option<u32>,
    },
    /// Nothing, until its watch fires or its declaration changes.
    Nothing,
}

/// A run, for counting.
#[derive(Clone, Copy, Debug)]
pub struct Ran<'a> {
    /// The kind.
    pub kind: &'a str,
    /// Something differed, and was put right.
    pub changed: bool,
    /// Applying was allowed.
    pub apply: bool,
    /// It failed.
    pub failed: bool,
    /// Its watch had fired.
    pub eventful: bool,
    /// How long it took.
    pub took: Duration,
    /// How long ago its watch had fired, or it was declared.
    pub since_dirty: Duration,
}
