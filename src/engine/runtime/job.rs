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
    /// See [`Capabilities::informs`](crate::engine::kind::Capabilities::informs).
    pub informs: bool,
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
    /// Members of the group that failed alone.
    pub failed: Vec<(u32, ResourceError)>,
    /// Members that would fail, if what differs were applied.
    pub foreseen: Vec<(u32, ResourceError)>,
    pub took: Duration,
}

/// How a run ended: for one vertex, or for all that ran together.
#[derive(Clone, Debug)]
pub(super) enum Ending {
    /// As wanted already.
    Same(Outputs),
    /// It differed, and was put right.
    Applied(Drift, Outputs),
    /// It differed, and was left so, under noop.
    Noted(Drift),
    /// It failed.
    Failed(Arc<ResourceError>),
    /// It was asked to end, and did.
    Cancelled,
}

impl Ending {
    /// How it ended for one member of a group.
    pub fn of(&self, member: u32) -> Self {
        match self {
            Self::Same(outputs) => Self::Same(outputs.of(member)),
            Self::Applied(drift, outputs) => match drift.of(member) {
                drift if drift.is_empty() => Self::Same(outputs.of(member)),
                drift => Self::Applied(drift, outputs.of(member)),
            },
            Self::Noted(drift) => match drift.of(member) {
                drift if drift.is_empty() => Self::Same(Outputs::none()),
                drift => Self::Noted(drift),
            },
            Self::Failed(error) => Self::Failed(error.clone()),
            Self::Cancelled => Self::Cancelled,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::drift::Shown;

    #[test]
    fn each_member_has_its_own_part_of_an_ending() {
        let mut drift = Drift::none();
        drift.add_member(2, "x", Shown::Absent, Shown::text("1"));
        let mut outputs = Outputs::none();
        outputs.send(0, "a", None);
        outputs.send(2, "b", None);
        let whole = Ending::Applied(drift.clone(), outputs.clone());
        let Ending::Same(sent) = whole.of(0) else { panic!("nothing differed there") };
        assert_eq!(sent.iter().map(|sent| (sent.member, sent.key)).collect::<Vec<_>>(), [(0, "a")]);
        let Ending::Applied(own, sent) = whole.of(2) else { panic!("this one differed") };
        assert_eq!(own.iter().map(|item| (item.member, item.what)).collect::<Vec<_>>(), [(0, "x")]);
        assert_eq!(sent.iter().map(|sent| (sent.member, sent.key)).collect::<Vec<_>>(), [(0, "b")]);
        assert!(matches!(Ending::Noted(drift.clone()).of(1), Ending::Same(_)));
        assert!(matches!(Ending::Noted(drift).of(2), Ending::Noted(own) if own.has_member(0)));
        assert!(matches!(Ending::Cancelled.of(1), Ending::Cancelled));
    }
}
