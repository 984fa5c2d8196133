//! What is known of each running vertex.

use std::collections::HashMap;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::Config;
use super::complaint::Complaint;
use super::mailbox::{Mailbox, Message};
use super::undo::UndoTask;
use crate::engine::cx::{Cancel, Control, Done, Surroundings, Waker};
use crate::engine::declaration::Declaration;
use crate::engine::drift::Drift;
use crate::engine::graph::Vertex;
use crate::engine::id::{Generation, Label, VertexId};
use crate::engine::params::Params;
use crate::engine::resource::{Outputs, Resource, ResourceError};
use crate::engine::sched::Time;
use crate::engine::world::World;

/// All vertices by id and by label.
#[derive(Debug, Default)]
pub(super) struct Roster {
    entries: Vec<Option<Box<Entry>>>,
    free: Vec<VertexId>,
    /// Who holds each label of the present graph.
    holders: HashMap<Label, VertexId>,
    /// Vertices that have left the graph and are not gone yet, by each of their labels.
    leaving: HashMap<Label, Vec<VertexId>>,
    generation: u32,
}

/// Vertices that share a resource and a watch, and run together.
#[derive(Debug)]
pub(super) struct Team {
    /// In the order in which the resource knows them.
    pub ids: Vec<VertexId>,
    /// What they were declared as, likewise.
    pub members: Vec<Declaration>,
}

/// One running vertex.
#[derive(Debug)]
pub(super) struct Entry {
    pub generation: Generation,
    pub vertex: Arc<Vertex>,
    /// With whom it runs, and as which member of the group.
    pub team: Option<(Arc<Team>, u32)>,
    pub resource: Arc<dyn Resource>,
    pub surroundings: Arc<Surroundings>,
    pub successors: Vec<(VertexId, bool)>,
    /// Who sends what it receives, in that order.
    pub senders: Vec<Option<VertexId>>,
    /// The parameters with which `resource` was built from received values.
    pub received: Params,
    pub noop: bool,
    /// How long one run may take. It is what its declaration says, kept where each start looks anyway.
    pub timeout: Option<Duration>,
    pub place: Option<u64>,
    /// See [`Capabilities::informs`](crate::engine::kind::Capabilities::informs).
    pub informs: bool,
    /// It was as wanted in a group that has since changed around it: that its next run finds it so again is no news.
    pub was_right: bool,
    /// It came only because its group had changed around it.
    pub regrouped: bool,
    /// How to undo it, still to be asked.
    pub undo: Option<UndoTask>,
    /// It undoes another that has vanished.
    pub is_undo: bool,
    pub watch: Option<Arc<Watch>>,
    /// The present run.
    pub running: Option<Running>,
    /// A run was given up and has not come back: no other may start.
    pub stuck: bool,
    pub outputs: Outputs,
    pub ledger: Ledger,
}

impl Entry {
    /// Reads something of each part of it that a run needs.
    fn touch(&self) {
        let Self { vertex, resource, surroundings, stuck, running, ledger, .. } = self;
        black_box((Arc::strong_count(vertex), Arc::strong_count(resource), Arc::strong_count(surroundings)));
        black_box((*stuck, running.is_some(), ledger.checks));
    }
}

/// A watch that is armed: what keeps it so.
#[derive(Debug)]
pub(super) struct Watch {
    #[allow(dead_code, reason = "held for its drop")]
    pub guard: Option<Guard>,
    pub task: Option<tokio::task::AbortHandle>,
}

/// Whatever ends a watch when it is dropped.
pub(super) struct Guard(
    #[allow(dead_code, reason = "held for its drop")] pub Box<dyn std::any::Any + Send + Sync>,
);

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Guard")
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// A run under way.
#[derive(Debug)]
pub(super) struct Running {
    pub cancel: Cancel,
    pub since: Time,
}

/// What is counted of a vertex.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub checks: u32,
    pub changes: u32,
    pub failures: u32,
    pub last_took: Duration,
    /// The last failure, until a success.
    pub error: Option<Arc<ResourceError>>,
    /// What has been said of its failures.
    pub complaint: Complaint,
    /// Under noop: what differs.
    pub noted: Option<Box<Drift>>,
    /// Under noop: what a predecessor would change may make a check fail that then would not.
    pub uncertain: bool,
    pub dirty_since: Time,
    pub woken: bool,
}

/// How vertices reach the driver.
#[derive(Clone, Debug)]
pub(super) struct Reach {
    pub mailbox: Arc<Mailbox>,
    pub prefix: Arc<Path>,
    world: Arc<dyn World>,
    control: Arc<dyn Control>,
}

/// What a resource may ask of the agent, by mail.
#[derive(Debug)]
struct ControlByMail(Arc<Mailbox>);

impl Control for ControlByMail {
    fn exit(&self, code: u8) {
        self.0.post(Message::Exit(code));
    }

    fn facts_changed(&self, done: Done) {
        self.0.post(Message::FactsChanged(done));
    }
}

impl Reach {
    pub fn new(mailbox: Arc<Mailbox>, config: &Config) -> Self {
        let control = Arc::new(ControlByMail(mailbox.clone()));
        Self { control, mailbox, prefix: config.prefix.clone(), world: config.world.clone() }
    }

    /// The surroundings of a new vertex.
    pub fn surroundings(&self, id: VertexId, generation: Generation, label: &Label) -> Arc<Surroundings> {
        let mailbox = self.mailbox.clone();
        let waker = Waker::new(move |wake| mailbox.post(Message::Wake { vertex: id, generation, wake }));
        Arc::new(Surroundings {
            label: label.clone(),
            prefix: self.prefix.clone(),
            waker,
            world: self.world.clone(),
            control: self.control.clone(),
        })
    }
}

impl Roster {
    pub fn get(&self, id: VertexId) -> Option<&Entry> {
        self.entries.get(id.index())?.as_deref()
    }

    pub fn get_mut(&mut self, id: VertexId) -> Option<&mut Entry> {
        self.entries.get_mut(id.index())?.as_deref_mut()
    }

    /// The entry in a slot, if it is still the one that is meant.
    pub fn occupant(&mut self, id: VertexId, generation: Generation) -> Option<&mut Entry> {
        self.get_mut(id).filter(|entry| entry.generation == generation)
    }

    pub fn holder(&self, label: &Label) -> Option<VertexId> {
        self.holders.get(label).copied()
    }

    /// A vertex and all that run together with it.
    pub fn team(&self, id: VertexId) -> impl Iterator<Item = VertexId> + use<> {
        let team = self.get(id).and_then(|entry| Some(entry.team.as_ref()?.0.clone()));
        let alone = team.is_none().then_some(id);
        let together = team.into_iter().flat_map(|team| (0..team.ids.len()).map(move |at| team.ids[at]));
        alone.into_iter().chain(together)
    }

    /// Those of a team that are in the present run.
    pub fn running(&self, id: VertexId) -> Vec<VertexId> {
        self.team(id).filter(|id| self.get(*id).is_some_and(|entry| entry.running.is_some())).collect()
    }

    pub fn leaving(&self, label: &Label) -> &[VertexId] {
        self.leaving.get(label).map_or(&[], Vec::as_slice)
    }

    pub fn iter(&self) -> impl Iterator<Item = (VertexId, &Entry)> {
        (0..).map(VertexId).zip(&self.entries).filter_map(|(id, entry)| Some((id, entry.as_deref()?)))
    }

    /// All vertices of the present graph.
    pub fn present(&self) -> impl Iterator<Item = (VertexId, &Entry)> {
        self.iter().filter(|(id, entry)| self.holder(entry.vertex.label()) == Some(*id))
    }

    /// Ids for newcomers, free ones first, without taking them.
    pub fn next_ids(&self) -> impl Iterator<Item = VertexId> {
        let beyond = u32::try_from(self.entries.len()).unwrap_or(u32::MAX)..;
        self.free.iter().rev().copied().chain(beyond.map(VertexId))
    }

    /// The generation after the last that was given.
    pub fn next_generation(&self) -> Generation {
        Generation(self.generation + 1)
    }

    /// Reads a little of what is known of a vertex, and of so many after it, so that the cache has it.
    pub fn fetch(&self, id: VertexId, next: usize) {
        let Some(entry) = self.get(id) else { return };
        entry.touch();
        entry.successors.iter().take(next).filter_map(|(id, _)| self.get(*id)).for_each(Entry::touch);
    }

    /// Makes room for newcomers.
    pub fn expect(&mut self, ids: impl Iterator<Item = VertexId>) {
        let slots = ids.map(|id| id.index() + 1).max().unwrap_or(0);
        self.entries.reserve(slots.saturating_sub(self.entries.len()));
    }

    /// Puts a newcomer into its slot.
    pub fn enter(&mut self, id: VertexId, entry: Box<Entry>) {
        if self.entries.len() <= id.index() {
            self.entries.resize_with(id.index() + 1, || None);
        }
        // Newcomers enter in the order in which their ids were given.
        if self.free.last() == Some(&id) {
            self.free.pop();
        }
        self.generation = self.generation.max(entry.generation.0);
        self.entries[id.index()] = Some(entry);
    }

    /// A vertex is no longer in the graph.
    pub fn leave(&mut self, id: VertexId) {
        let Some(label) = self.get(id).map(|entry| entry.vertex.label().clone()) else { return };
        self.leaving.entry(label).or_default().push(id);
    }

    /// Says who holds each label from now on.
    pub fn hold(&mut self, holders: HashMap<Label, VertexId>) {
        self.holders = holders;
    }

    /// A vertex is gone: its slot is free.
    pub fn retire(&mut self, id: VertexId) -> Option<Box<Entry>> {
        let entry = self.entries.get_mut(id.index())?.take()?;
        let label = entry.vertex.label();
        if let Some(leaving) = self.leaving.get_mut(label) {
            leaving.retain(|known| *known != id);
            if leaving.is_empty() {
                self.leaving.remove(label);
            }
        }
        self.free.push(id);
        Some(entry)
    }
}
