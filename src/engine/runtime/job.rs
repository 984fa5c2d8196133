//! What the crew is given, and what it gives back.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::cx::{Cancel, Surroundings};
use crate::engine::drift::Drift;
use crate::engine::id::{Generation, VertexId};
use crate::engine::resource::{Outputs, Resource, ResourceError, Stamp, Wakes};

use super::undo::UndoTask;

/// One run of one vertex.
#[derive(Debug)]
pub(super) struct Job {
    pub vertex: VertexId,
    pub generation: Generation,
    pub resource: Arc<dyn Resource>,
    pub surroundings: Arc<Surroundings>,
    pub arm: bool,
    pub refresh: bool,
    pub noop: bool,
    pub members: Option<Arc<[u32]>>,
    pub cancel: Cancel,
    pub timeout: Option<Duration>,
    /// Ask first how to undo it, and keep the answer.
    pub undo: Option<UndoTask>,
    /// Where it works; see [`Capabilities::place`](crate::engine::kind::Capabilities::place).
    pub place: Option<u64>,
}

/// How a run ended.
#[derive(Debug)]
pub(super) struct Report {
    pub vertex: VertexId,
    pub generation: Generation,
    /// The watch, if it was armed in this run.
    pub wakes: Option<Wakes>,
    pub wrote: Option<Stamp>,
    pub ending: Ending,
    pub took: Duration,
}

/// How a run ended.
#[derive(Debug)]
pub(super) enum Ending {
    /// As wanted already.
    Same(Outputs),
    /// It differed, and was put right.
    Applied(Drift, Outputs),
    /// It differed, and was left so, under noop.
    Noted(Drift),
    /// It failed.
    Failed(ResourceError),
    /// It was asked to end, and did.
    Cancelled,
}
