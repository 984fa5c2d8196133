//! One vertex as the model knows it.

use std::collections::{BTreeMap, BTreeSet};

use mgmt::engine::id::{Generation, Label, VertexId};
use mgmt::engine::resource::Stamp;
use mgmt::engine::sched::{Added, Policy, Time};

/// How a vertex stands, its predecessors aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Dirty,
    Running,
    Good,
    Bad,
    Retry(Time),
}

/// One vertex.
#[derive(Clone, Debug)]
pub struct Known {
    pub generation: Generation,
    pub label: Label,
    pub policy: Policy,
    /// The others that run together with it.
    pub mates: BTreeSet<VertexId>,
    /// Its run was started for another of them.
    pub rides: bool,
    pub before: BTreeSet<VertexId>,
    pub after: BTreeMap<VertexId, bool>,
    pub receives: Vec<Binding>,
    pub sent: Option<u64>,
    pub status: Status,
    pub leaving: bool,
    pub settled_once: bool,
    pub forerunners: BTreeSet<VertexId>,
    pub armed: bool,
    pub wrote: Option<Stamp>,
    /// Stamps seen during the run; `None`: a bare event, or another cause to run again.
    pub during: Vec<Option<Stamp>>,
    pub refresh: bool,
    pub refreshing: bool,
    pub owes: bool,
    pub retries_left: Option<u32>,
    pub started: Option<Time>,
}

/// A value that a vertex receives.
#[derive(Clone, Debug, Default)]
pub struct Binding {
    pub sender: Option<VertexId>,
    pub sent: Option<u64>,
    pub taken: Option<u64>,
}

impl Known {
    pub fn new(added: &Added) -> Self {
        Self {
            generation: added.generation,
            label: added.label.clone(),
            policy: Policy::clone(&added.policy),
            mates: BTreeSet::new(),
            rides: false,
            before: BTreeSet::new(),
            after: BTreeMap::new(),
            receives: vec![Binding::default(); added.receives.len()],
            sent: None,
            status: Status::Dirty,
            leaving: false,
            settled_once: false,
            forerunners: added.replaces.iter().copied().collect(),
            armed: false,
            wrote: None,
            during: Vec::new(),
            refresh: false,
            refreshing: false,
            owes: false,
            retries_left: added.policy.retries,
            started: None,
        }
    }
}
