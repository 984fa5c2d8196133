//! What the vertices keep, and what befalls it.

use std::collections::BTreeMap;

use fastrand::Rng;
use mgmt::engine::id::{Generation, VertexId};
use mgmt::engine::resource::Stamp;
use mgmt::engine::sched::{Outcome, Sent, Time};

use super::dice::percent;

/// What one label is about: two sides, so that a repair of one can miss the other.
#[derive(Clone, Debug)]
pub struct Object {
    pub is: [u64; 2],
    pub stamp: u64,
    /// Its events tell the state after; else they are bare.
    pub stamped: bool,
    pub fault: Fault,
    /// What it sends, but for what it is wanted to be.
    pub extra: u64,
    /// It sends values.
    pub sends: bool,
    /// Its runs without drift beat, sometimes.
    pub beats: bool,
    /// No event of it is delivered before an earlier one.
    pub delivered: Time,
    /// When anyone else last changed it.
    pub drifted: Time,
    /// Its watch broke, once at least.
    pub unwatched: bool,
}

/// Whether and how runs fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    /// The next so many runs fail.
    Tries(u32),
    /// Runs fail until then.
    Until(Time),
    /// All runs fail, and another try may help or not.
    Always {
        retryable: bool,
    },
}

/// A run under way.
#[derive(Clone, Debug)]
pub struct Run {
    pub vertex: VertexId,
    pub generation: Generation,
    pub label: u32,
    pub wanted: u64,
    pub refresh: bool,
    pub arm: bool,
    pub noop: bool,
    /// What the check found.
    pub found: Option<[bool; 2]>,
    pub wrote: Option<Stamp>,
    /// It has changed the object.
    pub applied: bool,
    pub fails: Option<bool>,
    pub cancelled: bool,
    /// The first of those that run together: they look, write and end with it.
    pub first: u64,
}

impl Run {
    /// Whether it has looked, and is to change something.
    pub fn acts(&self) -> bool {
        let differs = self.found.is_some_and(|found| found.contains(&true));
        !self.noop && (self.refresh || differs) && self.fails.is_none()
    }
}

/// All that is outside of the scheduler.
#[derive(Debug, Default)]
pub struct World {
    pub objects: BTreeMap<u32, Object>,
    /// Watches that are alive.
    pub watches: BTreeMap<VertexId, (Generation, u32)>,
    pub runs: BTreeMap<u64, Run>,
    pub next_run: u64,
    /// When each vertex last looked.
    pub looked: BTreeMap<VertexId, Time>,
    stamps: u64,
}

impl Object {
    pub fn new(rng: &mut Rng, end: Time) -> Self {
        let fault = match rng.u32(0..100) {
            0..84 => Fault::None,
            84..90 => Fault::Tries(rng.u32(1..5)),
            90..95 => Fault::Until(Time(rng.u64(0..=end.0))),
            _ => Fault::Always { retryable: rng.bool() },
        };
        Self {
            is: [0, 0],
            stamp: 0,
            stamped: percent(rng, 75),
            fault,
            extra: 0,
            sends: percent(rng, 50),
            beats: percent(rng, 10),
            delivered: Time(0),
            drifted: Time(0),
            unwatched: false,
        }
    }
}

impl World {
    /// Changes an object; its stamp is new.
    pub fn write(&mut self, label: u32, change: impl FnOnce(&mut Object)) -> Stamp {
        self.stamps += 1;
        let object = self.objects.get_mut(&label).expect("every label has an object");
        object.stamp = self.stamps;
        change(object);
        Stamp(self.stamps)
    }

    /// What a run sees, and whether it fails, now that it looks.
    pub fn look(&mut self, run: u64, now: Time) {
        let run = self.runs.get_mut(&run).expect("a run looks once");
        let object = self.objects.get_mut(&run.label).expect("every label has an object");
        run.found = Some(object.is.map(|side| side != run.wanted));
        self.looked.insert(run.vertex, now);
        if run.arm {
            self.watches.insert(run.vertex, (run.generation, run.label));
        }
        run.fails = match object.fault {
            Fault::None => None,
            Fault::Tries(0) => None,
            Fault::Tries(left) => {
                object.fault = Fault::Tries(left - 1);
                Some(true)
            }
            Fault::Until(end) => (now < end).then_some(true),
            Fault::Always { retryable } => Some(retryable),
        };
    }

    /// The runs that belong together, by the first of them.
    pub fn together(&self, first: u64) -> Vec<u64> {
        self.runs.iter().filter(|(_, run)| run.first == first).map(|(number, _)| *number).collect()
    }

    /// How a run ends.
    pub fn outcome(&mut self, run: &Run, rng: &mut Rng) -> Outcome {
        let armed =
            self.watches.get(&run.vertex).is_some_and(|(generation, _)| *generation == run.generation);
        if run.cancelled && !run.applied {
            return Outcome::Cancelled { armed };
        }
        if let Some(retryable) = run.fails {
            return Outcome::Failed { retryable, armed };
        }
        let object = &self.objects[&run.label];
        let drifted = run.found.is_some_and(|found| found.contains(&true));
        let changed = run.applied || (run.noop && (drifted || run.refresh));
        let digest = run.wanted.wrapping_mul(31).wrapping_add(object.extra);
        let sends = object.sends && !(run.noop && changed);
        let sent = sends.then(|| Sent { key: "v".into(), digest });
        Outcome::Done {
            changed,
            beat: changed || (object.beats && percent(rng, 40)),
            armed,
            wrote: run.wrote,
            sent: sent.into_iter().collect(),
        }
    }
}
