//! The difference between the running graph and the next, with everything new built, before anything old stops.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::prepare::Prepared;
use super::roster::{Entry, Ledger, Reach, Roster, Seat};
use super::undo::{self, UndoTask};
use super::{Config, build};
use crate::engine::cx::Cx;
use crate::engine::declaration::Declaration;
use crate::engine::drift::Drift;
use crate::engine::graph::Vertex;
use crate::engine::id::{Generation, Label, VertexId};
use crate::engine::kind::Capabilities;
use crate::engine::origin::Origin;
use crate::engine::params::ParamError;
use crate::engine::resource::{Found, Outputs, Resource, ResourceError};
use crate::engine::sched::event::Receiving;
use crate::engine::sched::policy::WakePolicy;
use crate::engine::sched::{Added, Delta, Policy, Time};
use crate::engine::world::ExportId;

/// What a swap did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Swapped {
    /// The name of the graph that runs now.
    pub graph: String,
    /// Vertices that came.
    pub added: usize,
    /// Vertices that left.
    pub removed: usize,
    /// Vertices whose declaration changed.
    pub changed: usize,
    /// Vertices to which nothing happened.
    pub kept: usize,
}

/// Why a graph cannot be gone over to; the old one runs on.
#[derive(Debug, thiserror::Error)]
pub enum SwapError {
    /// A resource cannot be built.
    #[error("cannot build {label}: {}", .errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Build {
        /// Which.
        label: Label,
        /// Where it was declared.
        origin: Option<Origin>,
        /// All that is wrong with it.
        errors: Vec<ParamError>,
    },
    /// The engine has ended.
    #[error("the engine has stopped")]
    Ended,
}

/// A swap, ready to be done without a way to fail.
#[derive(Debug)]
pub(super) struct Plan {
    pub delta: Delta,
    pub newcomers: Vec<(VertexId, Entry)>,
    pub kept: Vec<Kept>,
    pub seats: HashMap<Label, Seat>,
    /// All that the next graph exports.
    pub exports: BTreeSet<ExportId>,
    pub swapped: Swapped,
}

/// A vertex that stays: its declaration may stand elsewhere in the text now.
#[derive(Debug)]
pub(super) struct Kept {
    pub id: VertexId,
    pub vertex: Arc<Vertex>,
    pub successors: Vec<(VertexId, bool)>,
}

/// Builds the plan of a swap.
pub(super) fn plan(
    mut next: Prepared,
    roster: &Roster,
    reach: &Reach,
    config: &Config,
    now: Time,
) -> Result<Plan, SwapError> {
    let user_count = next.vertices.len();
    add_undos(&mut next, reach, config);
    let (mut fates, ids) = decide(&next, roster, user_count);
    let mut seats: HashMap<Label, Seat> = HashMap::with_capacity(next.vertices.len());
    for ((vertex, _), &id) in next.vertices.iter().zip(&ids) {
        for (member, declared) in (0..).zip(&vertex.members) {
            seats.insert(declared.label.clone(), Seat { vertex: id, member });
        }
    }
    let mut successors: Vec<Vec<(VertexId, bool)>> = vec![Vec::new(); ids.len()];
    for &(from, to, notify) in &next.edges {
        successors[from as usize].push((ids[to as usize], notify));
    }

    let mut plan = Plan {
        delta: Delta::default(),
        newcomers: Vec::new(),
        kept: Vec::new(),
        seats,
        exports: next.vertices.iter().flat_map(|(vertex, _)| exports_of(vertex)).collect(),
        swapped: Swapped { graph: next.name.to_string(), ..Swapped::default() },
    };
    let newcomers = fates.iter().filter(|fate| matches!(fate, Fate::New { .. })).count();
    plan.newcomers.reserve(newcomers);
    plan.delta.add.reserve(newcomers);
    let generation = roster.next_generation();
    let staying: HashSet<VertexId> =
        fates.iter().zip(&ids).filter(|(fate, _)| matches!(fate, Fate::Keep)).map(|(_, id)| *id).collect();
    for (at, (vertex, capabilities)) in next.vertices.into_iter().enumerate() {
        let mut after = std::mem::take(&mut successors[at]);
        after.sort_unstable();
        let id = ids[at];
        match fates[at] {
            Fate::Keep => plan.keep(id, vertex, after, roster, &staying),
            Fate::New { changes, ref mut replaces } => {
                let replaces = std::mem::take(replaces);
                let is_undo = at >= user_count;
                let new = Newcomer { id, generation, vertex, capabilities, changes, replaces, is_undo };
                plan.enter(new, after, roster, reach, config, now)?;
            }
        }
    }
    let gone = roster.present().map(|(id, _)| id).filter(|id| !staying.contains(id));
    plan.delta.remove = gone.collect();
    plan.swapped.removed = plan.delta.remove.len() - plan.swapped.changed;
    Ok(plan)
}

/// Vertices for what has `reverse` and has vanished: on their own, without edges.
fn add_undos(next: &mut Prepared, reach: &Reach, config: &Config) {
    let mut undos = undo::pending(&reach.prefix, &config.registry, |_| false);
    if undos.is_empty() {
        return;
    }
    let present: HashSet<&Label> =
        next.vertices.iter().flat_map(|(vertex, _)| &vertex.members).map(|member| &member.label).collect();
    undos.retain(|vertex| !present.contains(vertex.label()));
    next.vertices.extend(undos.into_iter().map(|vertex| {
        let capabilities = vertex.kind.capabilities(vertex.lead());
        (vertex, capabilities)
    }));
}

#[derive(Clone, Debug)]
enum Fate {
    Keep,
    New {
        /// Whose declaration it changes.
        changes: Option<VertexId>,
        /// All that must have gone before it may start.
        replaces: Vec<VertexId>,
    },
}

/// What becomes of each vertex of the next graph, and its id.
fn decide(next: &Prepared, roster: &Roster, user_count: usize) -> (Vec<Fate>, Vec<VertexId>) {
    let mut claimed = HashSet::new();
    let mut free = roster.next_ids();
    next.vertices
        .iter()
        .enumerate()
        .map(|(at, (vertex, _))| {
            let mut holders = vertex.members.iter().filter_map(|member| roster.holder(&member.label));
            let old = holders.find(|id| claimed.insert(*id));
            let same = old.and_then(|id| roster.get(id)).is_some_and(|entry| {
                entry.is_undo == (at >= user_count) && entry.vertex.members == vertex.members
            });
            match old {
                Some(id) if same => (Fate::Keep, id),
                _ => {
                    let fate = Fate::New { changes: old, replaces: forerunners(vertex, roster) };
                    (fate, free.next().expect("ids do not run out before memory does"))
                }
            }
        })
        .unzip()
}

/// All that hold a label of a new vertex now, or did and have not gone yet: groups form and fall apart.
fn forerunners(vertex: &Vertex, roster: &Roster) -> Vec<VertexId> {
    let mut found = Vec::new();
    for member in &vertex.members {
        let holder = roster.holder(&member.label);
        for id in holder.into_iter().chain(roster.leaving(&member.label).iter().copied()) {
            if !found.contains(&id) {
                found.push(id);
            }
        }
    }
    found
}

struct Newcomer {
    id: VertexId,
    generation: Generation,
    vertex: Vertex,
    capabilities: Capabilities,
    changes: Option<VertexId>,
    replaces: Vec<VertexId>,
    is_undo: bool,
}

impl Plan {
    fn keep(
        &mut self,
        id: VertexId,
        vertex: Vertex,
        after: Vec<(VertexId, bool)>,
        roster: &Roster,
        staying: &HashSet<VertexId>,
    ) {
        self.swapped.kept += 1;
        let Some(entry) = roster.get(id) else { return };
        for (to, notify) in &after {
            match entry.successors.binary_search_by_key(to, |(known, _)| *known) {
                Ok(at) if entry.successors[at].1 == *notify => {}
                Ok(_) => self.delta.renotify.push((id, *to, *notify)),
                Err(_) => self.delta.connect.push((id, *to, *notify)),
            }
        }
        for (to, _) in &entry.successors {
            if staying.contains(to) && after.binary_search_by_key(to, |(next, _)| *next).is_err() {
                self.delta.disconnect.push((id, *to));
            }
        }
        let senders = senders(&vertex.members, &self.seats);
        if senders != entry.senders {
            self.delta.rebind.push((id, senders));
        }
        self.kept.push(Kept { id, vertex: Arc::new(vertex), successors: after });
    }

    fn enter(
        &mut self,
        new: Newcomer,
        after: Vec<(VertexId, bool)>,
        roster: &Roster,
        reach: &Reach,
        config: &Config,
        now: Time,
    ) -> Result<(), SwapError> {
        let Newcomer { id, generation, vertex, capabilities, changes, replaces, is_undo } = new;
        let lead = vertex.lead();
        let label = lead.label.clone();
        let old = changes.and_then(|old| roster.get(old));
        match old {
            Some(_) => self.swapped.changed += 1,
            None => self.swapped.added += 1,
        }
        let mut policy = Policy::new(&lead.meta, &capabilities, config.noop, config.sema);
        if config.one_look {
            policy.wake = WakePolicy::Never;
            policy.retries = Some(0);
        }
        let resource: Arc<dyn Resource> = if vertex.members.iter().all(|member| member.receives.is_empty()) {
            let built = build(&vertex.kind, &vertex.members);
            built.map_err(|errors| SwapError::Build {
                label: label.clone(),
                origin: lead.origin.clone(),
                errors,
            })?
        } else {
            Arc::new(Unreceived)
        };
        let undo = lead.meta.reverse && capabilities.reversible && !is_undo;
        let senders = senders(&vertex.members, &self.seats);
        let entry = Entry {
            generation,
            surroundings: reach.surroundings(id, generation, &label),
            undo: undo.then(|| UndoTask::new(&reach.prefix, &label)),
            fresh: old.and_then(|old| fresh_members(&vertex, old)),
            noop: policy.noop,
            place: capabilities.place,
            senders: senders.clone(),
            vertex: Arc::new(vertex),
            resource,
            successors: after,
            received: Vec::new(),
            is_undo,
            watch: None,
            running: None,
            stuck: false,
            outputs: Outputs::none(),
            ledger: Ledger { dirty_since: now, ..Ledger::default() },
        };
        self.delta.connect.extend(entry.successors.iter().map(|(to, notify)| (id, *to, *notify)));
        let receives = entry.vertex.members.iter().flat_map(|member| &member.receives).zip(senders);
        let receives = receives.map(|(receive, sender)| Receiving {
            sender,
            member: self.seats.get(&receive.from).map_or(0, |seat| seat.member),
            key: receive.key.clone(),
        });
        let receives = receives.collect();
        self.delta.add.push(Added { vertex: id, generation, label, policy, receives, replaces });
        self.newcomers.push((id, entry));
        Ok(())
    }
}

/// What a vertex is called among exports.
pub(super) fn exports_of(vertex: &Vertex) -> impl Iterator<Item = ExportId> {
    let exporting = vertex.members.iter().filter(|member| !member.meta.export.is_empty());
    exporting.flat_map(Declaration::export_ids)
}

fn senders(members: &[Declaration], seats: &HashMap<Label, Seat>) -> Vec<Option<VertexId>> {
    let receives = members.iter().flat_map(|member| &member.receives);
    receives.map(|receive| seats.get(&receive.from).map(|seat| seat.vertex)).collect()
}

/// The members of a group that are new or changed; `None`: all are to be looked at.
fn fresh_members(vertex: &Vertex, old: &Entry) -> Option<Arc<[u32]>> {
    let settled = old.ledger.checks > 0 && old.ledger.error.is_none() && old.running.is_none();
    if vertex.members.len() < 2 || !settled {
        return None;
    }
    let known: HashMap<&Label, &Declaration> =
        old.vertex.members.iter().map(|member| (&member.label, member)).collect();
    let is_fresh = |member: &Declaration| known.get(&member.label).is_none_or(|known| *known != member);
    let fresh = (0..).zip(&vertex.members).filter(|(_, member)| is_fresh(member)).map(|(at, _)| at);
    Some(fresh.collect())
}

/// Stands in for a resource until it has received its parameters.
#[derive(Debug)]
struct Unreceived;

#[derive(Debug, thiserror::Error)]
#[error("it ran before it had received its parameters")]
struct NotReceived;

#[async_trait::async_trait]
impl Resource for Unreceived {
    async fn check(&self, _: &Cx) -> Result<Found, ResourceError> {
        Err(ResourceError::bug(NotReceived))
    }

    async fn apply(&self, _: &Cx, _: Drift) -> Result<Outputs, ResourceError> {
        Err(ResourceError::bug(NotReceived))
    }
}
