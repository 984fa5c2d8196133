//! Changes that wait for the core: by class, and in each class by turns.
//!
//! Between classes, bytes are dealt out by weight: a class that has used up its grant waits until all others that wait
//! have used up theirs. Within a class it is deficit round robin (Shreedhar and Varghese 1996): each identity may take
//! [`QUANTUM`] bytes a turn, and saves what it could not use for the next. So while `n` identities wait in a class,
//! whoever wants to take `c` bytes waits for less than `(n - 1) * (ceil(c / QUANTUM) * QUANTUM + longest)` bytes of the
//! others. Adding and taking cost the same however much waits; a long change is passed over once for each quantum that
//! it still needs.
//!
//! What an identity may have waiting is not a number but a share of what is free: alone it may take about half of all, two
//! may take a third each, and there is always room for one more.

use std::collections::{HashMap, VecDeque};

use super::{Class, Identity};

/// What an identity may take in a turn, in bytes.
const QUANTUM: u64 = 8 << 10;
/// The least that a change is taken for, in bytes: what it costs however short it is.
const FLOOR: u64 = 1 << 10;
/// What is kept of the room for identities once nobody waits.
const KEPT: usize = 1 << 10;
const CLASSES: usize = Class::ALL.len();

/// How much may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Changes.
    pub requests: usize,
    /// Bytes; each change counts for 1 KiB at the least.
    pub bytes: u64,
}

impl Default for Bounds {
    /// So many bytes of entries for the log; what their requests were read into is counted by `GuestBounds`.
    fn default() -> Self {
        Self { requests: 32_768, bytes: 256 << 20 }
    }
}

/// Changes that wait.
#[derive(Debug)]
pub struct FairQueue<T> {
    bounds: Bounds,
    lanes: [Lane; CLASSES],
    slots: Vec<Option<Slot<T>>>,
    free: Vec<usize>,
    by_identity: HashMap<Identity, usize>,
    requests: usize,
    bytes: u64,
}

/// A class.
#[derive(Debug)]
struct Lane {
    /// The slots of those who wait, in the order of their turns.
    turns: VecDeque<usize>,
    /// What it may still take before the others, in bytes.
    credit: i64,
    /// What it is given at a time.
    grant: i64,
    waiting: usize,
}

/// An identity.
#[derive(Debug)]
struct Slot<T> {
    identity: Identity,
    flows: [Flow<T>; CLASSES],
    requests: usize,
    bytes: u64,
}

/// What waits of an identity in a class.
#[derive(Debug)]
struct Flow<T> {
    waiting: VecDeque<(u64, T)>,
    /// What it may still take in this turn.
    credit: u64,
}

impl<T> Default for FairQueue<T> {
    fn default() -> Self {
        Self::new(Bounds::default())
    }
}

impl<T> FairQueue<T> {
    /// An empty one.
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            lanes: Class::ALL.map(Lane::new),
            slots: Vec::new(),
            free: Vec::new(),
            by_identity: HashMap::new(),
            requests: 0,
            bytes: 0,
        }
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.requests == 0
    }

    /// How many wait in each class, as in [`Class::ALL`].
    pub fn depths(&self) -> [usize; CLASSES] {
        [0, 1, 2].map(|class| self.lanes[class].waiting)
    }

    /// Adds a change of so many bytes behind all others of the identity in the class.
    ///
    /// # Errors
    /// The change itself, when there is no room for it.
    pub fn push(&mut self, identity: &Identity, class: Class, bytes: u64, change: T) -> Result<(), T> {
        let cost = bytes.max(FLOOR);
        let known = self.by_identity.get(identity).copied();
        let held = known.and_then(|at| self.slots[at].as_ref());
        let held = held.map_or((0, 0), |slot| (slot.requests as u64, slot.bytes));
        let free = (self.bounds.requests - self.requests, self.bounds.bytes - self.bytes);
        if held.0 + 1 > share(free.0 as u64, class) || held.1 + cost > share(free.1, class) {
            return Err(change);
        }
        let at = known.unwrap_or_else(|| self.enter(identity));
        let slot = self.slots[at].as_mut().expect("it is known by its identity as long as it is there");
        slot.requests += 1;
        slot.bytes += cost;
        self.requests += 1;
        self.bytes += cost;
        let (flow, lane) = (&mut slot.flows[class as usize], &mut self.lanes[class as usize]);
        if flow.waiting.is_empty() {
            flow.credit = QUANTUM;
            lane.turns.push_back(at);
        }
        flow.waiting.push_back((cost, change));
        lane.waiting += 1;
        Ok(())
    }

    /// Takes the change whose turn it is, with what it was taken for in bytes.
    pub fn pop(&mut self) -> Option<(u64, T)> {
        let class = self.next_class()?;
        let at = self.next_turn(class);
        let slot = self.slots[at].as_mut().expect("who has a turn is there");
        let flow = &mut slot.flows[class];
        let (cost, change) = flow.waiting.pop_front().expect("who has a turn waits for something");
        flow.credit = flow.credit.saturating_sub(cost);
        slot.requests -= 1;
        slot.bytes -= cost;
        self.requests -= 1;
        self.bytes -= cost;
        let lane = &mut self.lanes[class];
        lane.waiting -= 1;
        // Nobody's bytes are more than the bound.
        lane.credit -= i64::try_from(cost).unwrap_or(i64::MAX);
        if flow.waiting.is_empty() {
            lane.turns.pop_front();
            flow.waiting = VecDeque::new();
        }
        if slot.requests == 0 {
            self.leave(at);
        }
        Some((cost, change))
    }

    /// The most urgent class that waits and has not used up its grant.
    fn next_class(&mut self) -> Option<usize> {
        if self.is_empty() {
            return None;
        }
        let ready = |lanes: &[Lane; CLASSES]| lanes.iter().position(Lane::is_ready);
        ready(&self.lanes).or_else(|| {
            // As many grants as the first of them needs, in one go.
            let needed = self.lanes.iter().filter(|lane| lane.waiting > 0);
            let grants = needed.map(|lane| -lane.credit / lane.grant + 1).min().unwrap_or(1);
            for lane in &mut self.lanes {
                // What is not used is not saved.
                lane.credit = (lane.credit + lane.grant.saturating_mul(grants)).min(lane.grant);
            }
            ready(&self.lanes)
        })
    }

    /// Whose turn it is in a class in which somebody waits; it stays in front.
    fn next_turn(&mut self, class: usize) -> usize {
        let turns = &mut self.lanes[class].turns;
        loop {
            let at = turns[0];
            let slot = self.slots[at].as_mut().expect("who has a turn is there");
            let flow = &mut slot.flows[class];
            let cost = flow.waiting.front().map_or(0, |(cost, _)| *cost);
            // Who is alone takes no turns.
            if flow.credit >= cost || turns.len() == 1 {
                return at;
            }
            flow.credit += QUANTUM;
            turns.rotate_left(1);
        }
    }

    fn enter(&mut self, identity: &Identity) -> usize {
        let slot = Slot {
            identity: identity.clone(),
            flows: [const { Flow { waiting: VecDeque::new(), credit: 0 } }; CLASSES],
            requests: 0,
            bytes: 0,
        };
        let at = match self.free.pop() {
            Some(at) => {
                self.slots[at] = Some(slot);
                at
            }
            None => {
                self.slots.push(Some(slot));
                self.slots.len() - 1
            }
        };
        self.by_identity.insert(identity.clone(), at);
        at
    }

    fn leave(&mut self, at: usize) {
        if let Some(slot) = self.slots[at].take() {
            self.by_identity.remove(&slot.identity);
        }
        self.free.push(at);
        if self.is_empty() && self.slots.len() > KEPT {
            (self.slots, self.free, self.by_identity) = (Vec::new(), Vec::new(), HashMap::new());
            self.lanes.iter_mut().for_each(|lane| lane.turns = VecDeque::new());
        }
    }
}

impl Lane {
    fn new(class: Class) -> Self {
        // A few times the quantum.
        let grant = (class.weight() * QUANTUM).cast_signed();
        Self { turns: VecDeque::new(), credit: grant, grant, waiting: 0 }
    }

    fn is_ready(&self) -> bool {
        self.waiting > 0 && self.credit > 0
    }
}

/// How much of what is free an identity may have: less for what is less urgent, so that this does not keep the rest out.
fn share(free: u64, class: Class) -> u64 {
    match class {
        Class::Critical => free,
        Class::Normal => free - free / 4,
        Class::Bulk => free / 2,
    }
}

#[cfg(test)]
mod tests;
