//! The graph as its user changes it, and the deltas that follow.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use mgmt::engine::id::{Generation, Label, VertexId};
use mgmt::engine::sched::event::Receiving;
use mgmt::engine::sched::{Added, Delta, Policy};

use super::dice::{self, percent};

/// How many labels there are to choose from.
pub const LABELS: u32 = 24;

/// What the user wrote of one label.
#[derive(Clone, Debug)]
pub struct Plant {
    pub wanted: u64,
    pub policy: Policy,
    pub receives: Vec<u32>,
    pub id: VertexId,
    pub generation: Generation,
    /// Which labels run together.
    pub team: Option<u32>,
}

/// The present graph, and the ids that are taken.
#[derive(Debug, Default)]
pub struct Garden {
    /// Most vertices wait for one another.
    crowded: bool,
    pub plants: BTreeMap<u32, Plant>,
    edges: BTreeMap<(u32, u32), bool>,
    leaving: BTreeMap<u32, Vec<VertexId>>,
    free: Vec<VertexId>,
    slots: u32,
    generation: u32,
    wanted: u64,
    /// How many were in each team.
    sizes: BTreeMap<u32, usize>,
    /// What each occupant of a slot is to bring about, leaving ones included.
    wishes: BTreeMap<(VertexId, Generation), u64>,
}

/// What one swap does, by label.
#[derive(Debug, Default)]
struct Edit {
    fresh: BTreeSet<u32>,
    gone: BTreeMap<u32, VertexId>,
    edges_before: BTreeMap<(u32, u32), bool>,
    /// Labels that come to share a vertex, as in a group: the first takes over from the second too.
    joined: Vec<(u32, VertexId)>,
}

impl Garden {
    /// Nothing planted yet.
    pub fn new(crowded: bool) -> Self {
        Self { crowded, ..Self::default() }
    }

    /// The delta to the first graph.
    pub fn plant(&mut self, rng: &mut Rng) -> Delta {
        let size = if percent(rng, 20) { rng.u32(0..4) } else { rng.u32(2..LABELS - 6) };
        let mut edit = Edit::default();
        for _ in 0..size {
            let label = rng.u32(0..LABELS);
            self.add(label, &mut edit, rng);
        }
        self.generation += 1;
        let edges = match rng.u32(0..4) {
            0 => 0,
            1 => size / 2,
            2 => size,
            _ => size * 2,
        };
        for _ in 0..edges {
            self.connect(rng);
        }
        if percent(rng, 15) {
            self.chain(rng);
        }
        self.delta(edit, rng)
    }

    /// The delta to another graph.
    pub fn change(&mut self, rng: &mut Rng) -> Delta {
        let mut edit = Edit { edges_before: self.edges.clone(), ..Edit::default() };
        self.generation += 1;
        for _ in 0..rng.u32(1..5) {
            let any = self.any(rng);
            match (rng.u32(0..10), any) {
                (0..2, _) | (_, None) => {
                    // A label that is still leaving comes again, by preference.
                    let back = self.leaving.keys().copied().find(|label| !self.plants.contains_key(label));
                    let label = back.filter(|_| rng.bool()).unwrap_or_else(|| rng.u32(0..LABELS));
                    self.add(label, &mut edit, rng);
                }
                (2..4, Some(label)) => self.remove(label, &mut edit, rng),
                (4..6, Some(label)) => self.replace(label, &mut edit, rng),
                (6, _) => self.flip(rng),
                (7, _) => self.renotify(rng),
                (8, _) => self.disconnect(rng),
                _ => self.connect(rng),
            }
        }
        self.delta(edit, rng)
    }

    /// What a vertex is to bring about.
    pub fn wanted(&self, id: VertexId, generation: Generation) -> u64 {
        self.wishes[&(id, generation)]
    }

    /// A vertex has retired.
    pub fn retired(&mut self, id: VertexId) {
        self.free.push(id);
        self.leaving.retain(|_, ids| {
            ids.retain(|known| *known != id);
            !ids.is_empty()
        });
    }

    fn any(&self, rng: &mut Rng) -> Option<u32> {
        rng.choice(self.plants.keys().copied().collect::<Vec<_>>())
    }

    fn add(&mut self, label: u32, edit: &mut Edit, rng: &mut Rng) {
        if self.plants.contains_key(&label) || edit.gone.contains_key(&label) {
            return;
        }
        self.wanted += 1;
        let others: Vec<u32> = self.plants.keys().copied().collect();
        let mut receives = Vec::new();
        if percent(rng, 25)
            && let Some(from) = rng.choice(&others)
        {
            receives.push(*from);
        }
        let plant = Plant {
            wanted: self.wanted,
            policy: dice::policy(rng, self.crowded),
            receives,
            id: VertexId(u32::MAX),
            generation: Generation(self.generation + 1),
            team: None,
        };
        // Whoever receives comes after, as a rule.
        for from in plant.receives.clone() {
            if percent(rng, 90) {
                self.edges.insert((from, label), rng.bool());
            }
        }
        self.plants.insert(label, plant);
        edit.fresh.insert(label);
    }

    fn remove(&mut self, label: u32, edit: &mut Edit, rng: &mut Rng) {
        if edit.fresh.contains(&label) {
            return;
        }
        let Some(plant) = self.plants.remove(&label) else { return };
        self.edges.retain(|(from, to), _| *from != label && *to != label);
        edit.gone.insert(label, plant.id);
        if percent(rng, 20)
            && let Some(into) = rng.choice(edit.fresh.iter().copied().collect::<Vec<_>>())
        {
            edit.joined.push((into, plant.id));
        }
    }

    fn replace(&mut self, label: u32, edit: &mut Edit, rng: &mut Rng) {
        if edit.fresh.contains(&label) {
            return;
        }
        let Some(plant) = self.plants.get_mut(&label) else { return };
        edit.gone.insert(label, plant.id);
        edit.fresh.insert(label);
        if percent(rng, 70) {
            self.wanted += 1;
            plant.wanted = self.wanted;
        }
        if percent(rng, 50) {
            plant.policy = dice::policy(rng, self.crowded);
        }
    }

    fn connect(&mut self, rng: &mut Rng) {
        let (Some(from), Some(to)) = (self.any(rng), self.any(rng)) else { return };
        if from != to && !self.reaches(to, from) {
            self.edges.entry((from, to)).or_insert(rng.bool());
        }
    }

    fn chain(&mut self, rng: &mut Rng) {
        let labels: Vec<u32> = self.plants.keys().copied().collect();
        for pair in labels.windows(2) {
            if !self.reaches(pair[1], pair[0]) {
                self.edges.entry((pair[0], pair[1])).or_insert(rng.bool());
            }
        }
    }

    fn disconnect(&mut self, rng: &mut Rng) {
        if let Some(edge) = rng.choice(self.edges.keys().copied().collect::<Vec<_>>()) {
            self.edges.remove(&edge);
        }
    }

    fn flip(&mut self, rng: &mut Rng) {
        let Some((from, to)) = rng.choice(self.edges.keys().copied().collect::<Vec<_>>()) else { return };
        self.edges.remove(&(from, to));
        if !self.reaches(from, to) {
            self.edges.insert((to, from), rng.bool());
        }
    }

    fn renotify(&mut self, rng: &mut Rng) {
        if let Some(edge) = rng.choice(self.edges.keys().copied().collect::<Vec<_>>()) {
            self.edges.entry(edge).and_modify(|notify| *notify = !*notify);
        }
    }

    fn reaches(&self, from: u32, to: u32) -> bool {
        let mut open = vec![from];
        let mut seen = BTreeSet::new();
        while let Some(at) = open.pop() {
            if at == to {
                return true;
            }
            if seen.insert(at) {
                open.extend(self.edges.range((at, 0)..=(at, u32::MAX)).map(|((_, next), _)| *next));
            }
        }
        false
    }

    /// The length of the longest path to each label.
    fn depths(&self) -> BTreeMap<u32, usize> {
        let mut depths: BTreeMap<u32, usize> = self.plants.keys().map(|label| (*label, 0)).collect();
        // Each round settles those at one depth at least.
        for _ in 0..depths.len() {
            for (from, to) in self.edges.keys() {
                let below = depths[from] + 1;
                depths.entry(*to).and_modify(|depth| *depth = below.max(*depth));
            }
        }
        depths
    }

    /// Teams that are not as they were fall apart, and new ones form: of those that come, and are equally deep.
    fn team_up(&mut self, edit: &mut Edit, rng: &mut Rng) {
        let depths = self.depths();
        let mut teams: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (label, plant) in &self.plants {
            plant.team.iter().for_each(|team| teams.entry(*team).or_default().push(*label));
        }
        for (team, labels) in teams {
            let whole = labels.len() == self.sizes[&team]
                && labels
                    .iter()
                    .all(|label| depths[label] == depths[&labels[0]] && !edit.fresh.contains(label));
            for label in labels.into_iter().filter(|_| !whole) {
                let plant = self.plants.get_mut(&label).expect("it was just there");
                plant.team = None;
                if edit.fresh.insert(label) {
                    edit.gone.insert(label, plant.id);
                }
            }
        }
        let mut level: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
        for label in edit.fresh.iter().filter(|label| self.plants[label].receives.is_empty()) {
            level.entry(depths[label]).or_default().push(*label);
        }
        for labels in level.into_values().filter(|labels| labels.len() > 1) {
            if !percent(rng, 30) {
                continue;
            }
            let team = self.sizes.len() as u32;
            let labels = &labels[..rng.usize(2..=labels.len())];
            let policy = Policy { hidden: false, ..self.plants[&labels[0]].policy.clone() };
            self.sizes.insert(team, labels.len());
            for label in labels {
                let plant = self.plants.get_mut(label).expect("what is fresh is planted");
                plant.team = Some(team);
                plant.policy = policy.clone();
            }
        }
    }

    fn delta(&mut self, mut edit: Edit, rng: &mut Rng) -> Delta {
        self.team_up(&mut edit, rng);
        let mut delta = Delta { remove: edit.gone.values().copied().collect(), ..Delta::default() };
        for (&label, &id) in &edit.gone {
            self.leaving.entry(label).or_default().push(id);
        }
        let mut sender_was = BTreeMap::new();
        for (label, plant) in &self.plants {
            let senders: Vec<_> = plant.receives.iter().map(|from| self.id_before(*from, &edit)).collect();
            sender_was.insert(*label, senders);
        }
        for &label in &edit.fresh {
            let id = self.free.pop().unwrap_or_else(|| {
                self.slots += 1;
                VertexId(self.slots - 1)
            });
            let plant = self.plants.get_mut(&label).expect("what is fresh is planted");
            plant.id = id;
            plant.generation = Generation(self.generation);
            self.wishes.insert((id, plant.generation), plant.wanted);
        }
        for &label in &edit.fresh {
            delta.add.push(self.added(label, &edit));
        }
        let kept = |label: &u32| !edit.fresh.contains(label);
        for (&(from, to), &notify) in &self.edges {
            let ends = (self.plants[&from].id, self.plants[&to].id);
            let before = edit.edges_before.get(&(from, to)).filter(|_| kept(&from) && kept(&to));
            match before {
                None => delta.connect.push((ends.0, ends.1, notify)),
                Some(known) if *known != notify => delta.renotify.push((ends.0, ends.1, notify)),
                Some(_) => {}
            }
        }
        for (from, to) in edit.edges_before.keys().filter(|edge| !self.edges.contains_key(edge)) {
            if let (Some(f), Some(t)) = (self.plants.get(from), self.plants.get(to))
                && kept(from)
                && kept(to)
            {
                delta.disconnect.push((f.id, t.id));
            }
        }
        for (label, plant) in self.plants.iter().filter(|(label, _)| kept(label)) {
            let senders: Vec<_> =
                plant.receives.iter().map(|from| self.plants.get(from).map(|plant| plant.id)).collect();
            if senders != sender_was[label] {
                delta.rebind.push((plant.id, senders));
            }
        }
        delta
    }

    fn id_before(&self, label: u32, edit: &Edit) -> Option<VertexId> {
        let before = edit.gone.get(&label).copied();
        before.or_else(|| self.plants.get(&label).filter(|_| !edit.fresh.contains(&label)).map(|p| p.id))
    }

    fn added(&self, label: u32, edit: &Edit) -> Added {
        let plant = &self.plants[&label];
        let mut replaces = self.leaving.get(&label).cloned().unwrap_or_default();
        replaces.extend(edit.joined.iter().filter(|(into, _)| *into == label).map(|(_, id)| *id));
        let receives = plant
            .receives
            .iter()
            .map(|from| Receiving { sender: self.plants.get(from).map(|plant| plant.id), key: "v".into() });
        Added {
            vertex: plant.id,
            generation: plant.generation,
            label: Label::new("sim", format!("n{label}").as_str()),
            policy: plant.policy.clone().into(),
            team: plant.team.map(|team| {
                let mut mates = self.plants.values().filter(|other| other.team == Some(team));
                mates.next().expect("it is of its own team").id
            }),
            receives: receives.collect(),
            replaces,
        }
    }
}
