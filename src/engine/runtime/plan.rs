//! The difference between the running graph and the next, with everything new built, before anything old stops.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::prepare::Prepared;
use super::roster::{Entry, Ledger, Reach, Roster, Team};
use super::undo::{self, UndoTask};
use super::{Config, build};
use crate::engine::cx::Cx;
use crate::engine::declaration::Declaration;
use crate::engine::drift::Drift;
use crate::engine::graph::Vertex;
use crate::engine::id::{Generation, Label, VertexId};
use crate::engine::kind::Capabilities;
use crate::engine::origin::Origin;
use crate::engine::params::{ParamError, Params};
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
    pub newcomers: Vec<(VertexId, Box<Entry>)>,
    pub kept: Vec<Kept>,
    pub holders: HashMap<Label, VertexId>,
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
    let labels = next.vertices.iter().map(|vertex| vertex.label().clone());
    let holders: HashMap<Label, VertexId> = labels.zip(ids.iter().copied()).collect();
    let mut teams = teams(&next, &fates, &ids)?;
    let mut successors: Vec<Vec<(VertexId, bool)>> = vec![Vec::new(); ids.len()];
    for &(from, to, notify) in &next.edges {
        successors[from as usize].push((ids[to as usize], notify));
    }

    let mut plan = Plan {
        delta: Delta::default(),
        newcomers: Vec::new(),
        kept: Vec::new(),
        holders,
        exports: next.vertices.iter().flat_map(|vertex| exports_of(vertex)).collect(),
        swapped: Swapped { graph: next.name.to_string(), ..Swapped::default() },
    };
    let newcomers = fates.iter().filter(|fate| matches!(fate, Fate::New { .. })).count();
    plan.newcomers.reserve(newcomers);
    plan.delta.add.reserve(newcomers);
    let generation = roster.next_generation();
    let staying: HashSet<VertexId> =
        fates.iter().zip(&ids).filter(|(fate, _)| matches!(fate, Fate::Keep)).map(|(_, id)| *id).collect();
    for (at, (vertex, capabilities)) in next.vertices.into_iter().zip(next.capabilities).enumerate() {
        let mut after = std::mem::take(&mut successors[at]);
        after.sort_unstable();
        let id = ids[at];
        match fates[at] {
            Fate::Keep => plan.keep(id, vertex, after, roster, &staying),
            Fate::New { changes, ref mut replaces } => {
                let replaces = std::mem::take(replaces);
                let is_undo = at >= user_count;
                let team = teams[at].take();
                let new = Newcomer { id, generation, vertex, capabilities, team, changes, replaces, is_undo };
                plan.enter(new, after, roster, reach, config, now)?;
            }
        }
    }
    let gone = roster.present().map(|(id, _)| id).filter(|id| !staying.contains(id));
    plan.delta.remove = gone.collect();
    // What is replaced because its group has changed around it is neither changed nor removed.
    let comes_and_stays = plan.newcomers.iter().filter(|(_, entry)| entry.regrouped).count();
    plan.swapped.removed = plan.delta.remove.len() - plan.swapped.changed - comes_and_stays;
    Ok(plan)
}

/// A team of a newcomer, and as which member it is in it; and the resource of all of it.
type Membership = (Arc<Team>, u32, Arc<dyn Resource>);

/// The teams of newcomers, by their position.
fn teams(next: &Prepared, fates: &[Fate], ids: &[VertexId]) -> Result<Vec<Option<Membership>>, SwapError> {
    let mut teams = vec![None; ids.len()];
    for positions in groups(next) {
        if matches!(fates[positions[0]], Fate::Keep) {
            continue;
        }
        let vertices = || positions.iter().map(|at| &next.vertices[*at]);
        let members: Vec<Declaration> = vertices().map(|vertex| vertex.lead().clone()).collect();
        let lead = &next.vertices[positions[0]];
        let resource = build(&lead.kind, &members).map_err(|errors| SwapError::Build {
            label: lead.label().clone(),
            origin: lead.lead().origin.clone(),
            errors,
        })?;
        let team = Arc::new(Team { ids: positions.iter().map(|at| ids[*at]).collect(), members });
        for (member, at) in (0..).zip(&positions) {
            teams[*at] = Some((team.clone(), member, resource.clone()));
        }
    }
    Ok(teams)
}

/// The positions of those that run together: groups of two at least.
fn groups(next: &Prepared) -> Vec<Vec<usize>> {
    let mut groups: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (at, lead) in next.leads.iter().enumerate() {
        if at != *lead as usize {
            groups.entry(*lead).or_insert_with(|| vec![*lead as usize]).push(at);
        }
    }
    groups.into_values().collect()
}

/// Vertices for what has `reverse` and has vanished: on their own, without edges.
fn add_undos(next: &mut Prepared, reach: &Reach, config: &Config) {
    let mut undos = undo::pending(&reach.prefix, &config.registry, |_| false);
    if undos.is_empty() {
        return;
    }
    let present: HashSet<&Label> =
        next.vertices.iter().flat_map(|vertex| &vertex.members).map(|member| &member.label).collect();
    undos.retain(|vertex| !present.contains(vertex.label()));
    next.leads.extend((next.leads.len() as u32..).take(undos.len()));
    next.capabilities.extend(undos.iter().map(|vertex| vertex.kind.capabilities(vertex.lead())));
    next.vertices.extend(undos.into_iter().map(Arc::new));
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
    // For each that runs with others: whether these are whom it runs with already.
    let mut is_same: Vec<Option<bool>> = vec![None; next.vertices.len()];
    for positions in groups(next) {
        let same = is_same_team(next, &positions, roster);
        positions.iter().for_each(|at| is_same[*at] = Some(same));
    }
    let mut free = roster.next_ids();
    next.vertices
        .iter()
        .enumerate()
        .map(|(at, vertex)| {
            let old = roster.holder(vertex.label());
            let same = old.and_then(|id| roster.get(id)).is_some_and(|entry| {
                entry.is_undo == (at >= user_count)
                    && entry.vertex.members == vertex.members
                    && is_same[at].unwrap_or(entry.team.is_none())
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

/// Whether these ran together already, they and nobody else, as they are declared now.
fn is_same_team(next: &Prepared, positions: &[usize], roster: &Roster) -> bool {
    let declared = positions.iter().map(|at| next.vertices[*at].lead());
    let holder = roster.holder(next.vertices[positions[0]].label()).and_then(|id| roster.get(id));
    let team = holder.and_then(|entry| entry.team.as_ref());
    team.is_some_and(|(team, _)| {
        declared.eq(&team.members)
            && team
                .members
                .iter()
                .zip(&team.ids)
                .all(|(member, id)| roster.holder(&member.label) == Some(*id))
    })
}

/// All that hold the label of a new vertex now, or did and have not gone yet.
fn forerunners(vertex: &Vertex, roster: &Roster) -> Vec<VertexId> {
    let label = vertex.label();
    roster.holder(label).into_iter().chain(roster.leaving(label).iter().copied()).collect()
}

struct Newcomer {
    id: VertexId,
    generation: Generation,
    vertex: Arc<Vertex>,
    capabilities: Capabilities,
    team: Option<Membership>,
    changes: Option<VertexId>,
    replaces: Vec<VertexId>,
    is_undo: bool,
}

impl Plan {
    fn keep(
        &mut self,
        id: VertexId,
        vertex: Arc<Vertex>,
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
        let senders = senders(vertex.lead(), &self.holders);
        if senders != entry.senders {
            self.delta.rebind.push((id, senders));
        }
        self.kept.push(Kept { id, vertex, successors: after });
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
        let Newcomer { id, generation, vertex, capabilities, team, changes, replaces, is_undo } = new;
        let lead = vertex.lead();
        let label = lead.label.clone();
        let old = changes.and_then(|old| roster.get(old));
        let regrouped = old.is_some_and(|old| old.vertex.members == vertex.members && old.is_undo == is_undo);
        *match old {
            Some(_) if regrouped => &mut self.swapped.kept,
            Some(_) => &mut self.swapped.changed,
            None => &mut self.swapped.added,
        } += 1;
        let mut policy = Policy::new(&lead.meta, &capabilities, config.noop, config.sema);
        if config.one_look {
            policy.wake = WakePolicy::Never;
            policy.retries = Some(0);
        }
        let (team, resource): (_, Arc<dyn Resource>) = if let Some((team, member, resource)) = team {
            (Some((team, member)), resource)
        } else if lead.receives.is_empty() {
            let built = build(&vertex.kind, &vertex.members);
            let built = built.map_err(|errors| SwapError::Build {
                label: label.clone(),
                origin: lead.origin.clone(),
                errors,
            })?;
            (None, built)
        } else {
            (None, Arc::new(Unreceived))
        };
        let timeout = lead.meta.timeout();
        let undo = lead.meta.reverse && capabilities.reversible && !is_undo;
        let senders = senders(lead, &self.holders);
        // To those who read the log it is the same one.
        let complaint = old.filter(|_| regrouped).map(|old| old.ledger.complaint.clone()).unwrap_or_default();
        let entry = Entry {
            generation,
            vertex,
            surroundings: reach.surroundings(id, generation, &label),
            undo: undo.then(|| UndoTask::new(&reach.prefix, &label)),
            was_right: team.is_some() && regrouped && old.is_some_and(is_right),
            regrouped,
            noop: policy.noop,
            timeout,
            place: capabilities.place,
            informs: capabilities.informs,
            senders: senders.clone(),
            team,
            resource,
            successors: after,
            received: Params::new(),
            is_undo,
            watch: None,
            running: None,
            stuck: false,
            outputs: Outputs::none(),
            ledger: Ledger { dirty_since: now, complaint, ..Ledger::default() },
        };
        self.delta.connect.extend(entry.successors.iter().map(|(to, notify)| (id, *to, *notify)));
        let receives = entry.vertex.lead().receives.iter().zip(senders);
        let receives = receives.map(|(receive, sender)| Receiving { sender, key: receive.key.clone() });
        let receives = receives.collect();
        let team = entry.team.as_ref().map(|(team, _)| team.ids[0]);
        let policy = match self.delta.add.last() {
            Some(before) if *before.policy == policy => before.policy.clone(),
            _ => Arc::new(policy),
        };
        self.delta.add.push(Added { vertex: id, generation, label, policy, team, receives, replaces });
        self.newcomers.push((id, Box::new(entry)));
        Ok(())
    }
}

/// What a vertex is called among exports.
pub(super) fn exports_of(vertex: &Vertex) -> impl Iterator<Item = ExportId> {
    let exporting = vertex.members.iter().filter(|member| !member.meta.export.is_empty());
    exporting.flat_map(Declaration::export_ids)
}

fn senders(declared: &Declaration, holders: &HashMap<Label, VertexId>) -> Vec<Option<VertexId>> {
    declared.receives.iter().map(|receive| holders.get(&receive.from).copied()).collect()
}

/// Whether a vertex was found as wanted, as far as is known.
fn is_right(entry: &Entry) -> bool {
    let Ledger { checks, error, noted, .. } = &entry.ledger;
    *checks > 0 && error.is_none() && noted.is_none() && entry.running.is_none()
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
