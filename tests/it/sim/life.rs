//! One simulation: the loop of a driver, with a clock of its own.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use fastrand::Rng;
use mgmt::engine::id::{Generation, VertexId};
use mgmt::engine::resource::Wake;
use mgmt::engine::sched::{Command, Event, Outcome, Scheduler, StopLevel, Time};

use super::dice::{self, percent, short};
use super::ending::{Ended, Trace, told};
use super::garden::{Garden, LABELS};
use super::invariants::{Invariant, Scene, Violation, all};
use super::known::Known;
use super::model::Model;
use super::world::{Object, Run, World};

/// For so long things befall the graph.
const TROUBLED: Duration = Duration::from_secs(10);
/// After that it has so long to come to rest.
const PEACE: Duration = Duration::from_secs(70);
/// More steps than this are a loop without end.
const STEPS: u32 = 60_000;

/// What comes at a time.
#[derive(Clone, Debug, PartialEq)]
enum What {
    Tell(Event),
    Look(u64),
    Write(u64),
    End(u64),
    Tick(u64),
    Drift,
    Storm(u32, u32),
    BreakWatch,
    Swap,
    Stale,
}

/// One simulation.
pub struct Life {
    rng: Rng,
    now: Time,
    order: u64,
    agenda: BinaryHeap<Reverse<(Time, u64)>>,
    entries: BTreeMap<u64, What>,
    scheduler: Scheduler,
    garden: Garden,
    world: World,
    model: Model,
    invariants: Vec<Box<dyn Invariant>>,
    wish: u64,
    end: Time,
    /// Ticks may be so late.
    lateness: Duration,
    /// Runs take up to so long.
    slowness: Duration,
    stops: bool,
    steps: u32,
    retired: Vec<(VertexId, Generation)>,
    trace: Option<Trace>,
}

impl Life {
    pub fn new(seed: u64, trace: Option<Trace>) -> Self {
        let mut rng = Rng::with_seed(seed);
        let crowded = percent(&mut rng, 20);
        let limits = dice::limits(&mut rng, crowded);
        let end = Time(0) + TROUBLED;
        let mut world = World::default();
        for label in 0..LABELS {
            world.objects.insert(label, Object::new(&mut rng, end));
        }
        Self {
            scheduler: Scheduler::new(limits),
            model: Model { limits, ..Model::default() },
            invariants: all(seed, limits),
            lateness: [0, 1, 50, 400].map(Duration::from_millis)[rng.usize(0..4)],
            slowness: [1, 20, 300, 2500].map(Duration::from_millis)[rng.usize(0..4)],
            stops: percent(&mut rng, 20),
            now: Time(0),
            order: 0,
            agenda: BinaryHeap::new(),
            entries: BTreeMap::new(),
            garden: Garden::new(crowded),
            wish: 0,
            steps: 0,
            retired: Vec::new(),
            trace,
            rng,
            world,
            end,
        }
    }

    /// Lives it to its end, or to the first violation.
    pub fn live(mut self) -> Ended {
        self.fate();
        let first = self.garden.plant(&mut self.rng);
        let mut violation = self.tell(Event::Swap(first)).err();
        let over = self.end + PEACE;
        while violation.is_none()
            && let Some(Reverse((at, order))) = self.agenda.pop()
            && at <= over
        {
            self.now = self.now.max(at);
            let what = self.entries.remove(&order).expect("the agenda names what is there");
            violation = self.happen(what).err();
        }
        let violation = violation.or_else(|| {
            let scene =
                Scene { now: self.now, model: &self.model, scheduler: &self.scheduler, world: &self.world };
            self.invariants.iter_mut().find_map(|invariant| {
                let found = invariant.end(&scene);
                found.err().map(|complaint| Violation::new(invariant.name(), complaint, &self.model))
            })
        });
        Ended { violation }
    }

    /// Decides what befalls the graph.
    fn fate(&mut self) {
        for (what, most) in [(What::Drift, 150), (What::BreakWatch, 12), (What::Swap, 25), (What::Stale, 10)]
        {
            let count = self.rng.u32(1..=most);
            for _ in 0..self.rng.u32(0..count) {
                let at = self.sometime();
                self.at(at, what.clone());
            }
        }
        if percent(&mut self.rng, 1) {
            let (at, label) = (self.sometime(), self.rng.u32(0..LABELS));
            self.at(at, What::Storm(label, 260));
        }
        if self.stops {
            let mut at = self.sometime();
            let levels = [StopLevel::Finish, StopLevel::Cancel, StopLevel::Kill];
            let first = self.rng.usize(0..3);
            for level in &levels[first..self.rng.usize(first..3) + 1] {
                self.at(at, What::Tell(Event::Stop(*level)));
                at = at + short(&mut self.rng, Duration::from_secs(1));
            }
        }
    }

    fn sometime(&mut self) -> Time {
        Time(self.rng.u64(0..self.end.0))
    }

    fn at(&mut self, at: Time, what: What) {
        self.order += 1;
        self.agenda.push(Reverse((at, self.order)));
        self.entries.insert(self.order, what);
    }

    fn happen(&mut self, what: What) -> Result<(), Violation> {
        match what {
            What::Tell(event) => return self.tell(event),
            What::Tick(wish) if wish == self.wish => return self.tell(Event::Tick),
            What::Tick(_) => {}
            What::Look(run) => self.look(run),
            What::Write(run) => self.write(run),
            What::End(run) => return self.end_run(run),
            What::Swap => {
                let delta = self.garden.change(&mut self.rng);
                return self.tell(Event::Swap(delta));
            }
            What::Drift => self.drift(),
            What::Storm(label, left) => {
                self.change(label, |object| object.is[0] += 1_000_000);
                if left > 0 {
                    self.at(self.now + Duration::from_millis(15), What::Storm(label, left - 1));
                }
            }
            What::BreakWatch => return self.break_watch(),
            What::Stale => return self.stale(),
        }
        Ok(())
    }

    fn drift(&mut self) {
        // Now and then one that is not in the graph, or not any more.
        let planted = self.rng.choice(self.garden.plants.keys().copied().collect::<Vec<_>>());
        let planted = planted.filter(|_| percent(&mut self.rng, 90));
        let label = planted.unwrap_or_else(|| self.rng.u32(0..LABELS));
        // Drifts in a row, some of them while the first is being put right.
        let side = self.rng.usize(0..2);
        let sends_more = percent(&mut self.rng, 40);
        self.change(label, |object| {
            object.is[side] += 1_000_000;
            object.extra += u64::from(sends_more);
        });
        if percent(&mut self.rng, 40) {
            let at = self.now + short(&mut self.rng, self.slowness);
            self.at(at, What::Storm(label, 0));
        }
    }

    /// Changes an object behind the scheduler's back.
    fn change(&mut self, label: u32, change: impl FnOnce(&mut Object)) {
        let now = self.now;
        self.world.write(label, |object| {
            object.drifted = now;
            change(object);
        });
        self.note(|| format!("         n{label} drifts"));
        self.echo(label);
    }

    /// Lets the watches of an object tell of its change, one after the other.
    fn echo(&mut self, label: u32) {
        let watching: Vec<_> = self.world.watches.iter().filter(|(_, (_, of))| *of == label).collect();
        let watching: Vec<_> = watching.into_iter().map(|(id, (generation, _))| (*id, *generation)).collect();
        for (vertex, generation) in watching {
            let delay = short(&mut self.rng, Duration::from_millis(30));
            let object = self.world.objects.get_mut(&label).expect("every label has an object");
            object.delivered = object.delivered.max(self.now + delay);
            let stamp = object.stamped.then_some(mgmt::engine::resource::Stamp(object.stamp));
            let at = object.delivered;
            self.at(at, What::Tell(Event::Wake { vertex, generation, wake: Wake { stamp } }));
        }
    }

    fn break_watch(&mut self) -> Result<(), Violation> {
        let watches: Vec<_> = self.world.watches.iter().map(|(id, watch)| (*id, *watch)).collect();
        let Some((vertex, (generation, label))) = self.rng.choice(watches) else { return Ok(()) };
        // A team has one watch.
        for mate in self.mates(vertex).into_iter().chain([(vertex, generation, label)]) {
            self.world.watches.remove(&mate.0);
            self.world.objects.get_mut(&mate.2).expect("every label has an object").unwatched = true;
        }
        let retryable = percent(&mut self.rng, 80);
        self.tell(Event::WatchFailed { vertex, generation, retryable })
    }

    /// An answer or a wake for one that has gone, or an answer that nobody has asked for.
    fn stale(&mut self) -> Result<(), Violation> {
        let idle: Vec<_> =
            self.world.watches.iter().map(|(id, (generation, _))| (*id, *generation)).collect();
        let idle = idle.into_iter().filter(|(id, _)| self.world.runs.values().all(|run| run.vertex != *id));
        let to = self.retired.iter().copied().filter(|_| self.rng.bool()).chain(idle).collect::<Vec<_>>();
        let Some((vertex, generation)) = self.rng.choice(to) else { return Ok(()) };
        let outcome = match self.rng.u32(0..3) {
            0 => Outcome::Failed { retryable: true, armed: true },
            1 => Outcome::Cancelled { armed: true },
            _ => Outcome::Done { changed: true, beat: true, armed: true, wrote: None, sent: Vec::new() },
        };
        self.tell(Event::Finished { vertex, generation, outcome })
    }

    /// The others of a team, and what they keep.
    fn mates(&self, vertex: VertexId) -> Vec<(VertexId, Generation, u32)> {
        let mates = self.model.vertices.get(&vertex).map(|known| &known.mates);
        let there = mates.into_iter().flatten().filter_map(|id| Some((*id, self.model.vertices.get(id)?)));
        there.map(|(id, known)| (id, known.generation, label_of(known))).collect()
    }

    fn start(&mut self, vertex: VertexId, with: &[VertexId], arm: bool, refresh: bool) {
        let first = self.world.next_run + 1;
        if arm {
            self.world.watches.remove(&vertex);
            for (mate, ..) in self.mates(vertex) {
                self.world.watches.remove(&mate);
            }
        }
        for vertex in std::iter::once(&vertex).chain(with) {
            self.start_one(*vertex, first, arm, refresh);
        }
        let at = self.now + short(&mut self.rng, self.slowness);
        self.at(at, What::Look(first));
    }

    fn start_one(&mut self, vertex: VertexId, first: u64, arm: bool, refresh: bool) {
        let Some(known) = self.model.vertices.get(&vertex) else { return };
        let (generation, label) = (known.generation, label_of(known));
        let run = Run {
            first,
            vertex,
            generation,
            label,
            wanted: self.garden.wanted(vertex, generation),
            refresh,
            arm,
            noop: known.policy.noop,
            found: None,
            wrote: None,
            applied: false,
            fails: None,
            cancelled: false,
        };
        self.world.next_run += 1;
        self.world.runs.insert(self.world.next_run, run);
    }

    fn look(&mut self, first: u64) {
        let Some(run) = self.world.runs.get(&first) else { return };
        let (vertex, generation) = (run.vertex, run.generation);
        if run.arm {
            for (mate, generation, label) in self.mates(vertex) {
                self.world.watches.insert(mate, (generation, label));
            }
        }
        let together = self.world.together(first);
        together.iter().for_each(|number| self.world.look(*number, self.now));
        self.note(|| format!("         run {first} looks, for {together:?}"));
        let at = self.now + short(&mut self.rng, self.slowness);
        let writes = together.iter().any(|number| self.world.runs[number].acts());
        if writes && self.rng.bool() {
            self.at(self.now, What::Tell(Event::Applying { vertex, generation }));
        }
        self.at(at, if writes { What::Write(first) } else { What::End(first) });
    }

    fn write(&mut self, first: u64) {
        let together = self.world.together(first);
        for number in together {
            if self.world.runs[&number].acts() {
                self.write_one(number);
            }
        }
        let at = self.now + short(&mut self.rng, self.slowness);
        self.at(at, What::End(first));
    }

    fn write_one(&mut self, number: u64) {
        let run = &self.world.runs[&number];
        let (label, wanted) = (run.label, run.wanted);
        let found = run.found.expect("it has looked");
        if found.contains(&true) {
            // Only what the check has found is put right.
            let stamp = self.world.write(label, |object| {
                for (side, differs) in object.is.iter_mut().zip(found) {
                    if differs {
                        *side = wanted;
                    }
                }
            });
            let stamped = self.world.objects[&label].stamped;
            let run = self.world.runs.get_mut(&number).expect("it was just there");
            run.wrote = stamped.then_some(stamp);
            self.echo(label);
        }
        self.world.runs.get_mut(&number).expect("it was just there").applied = true;
        self.note(|| format!("         run {number} writes n{label}"));
    }

    /// Those that ran together end at the same time, each by itself: one may have failed where the others have not.
    fn end_run(&mut self, first: u64) -> Result<(), Violation> {
        for number in self.world.together(first) {
            let Some(run) = self.world.runs.remove(&number) else { continue };
            let outcome = self.world.outcome(&run, &mut self.rng);
            self.tell(Event::Finished { vertex: run.vertex, generation: run.generation, outcome })?;
        }
        Ok(())
    }

    fn interrupt(&mut self, vertex: VertexId) {
        let Some(run) = self.world.runs.values().find(|run| run.vertex == vertex) else { return };
        let first = run.first;
        if percent(&mut self.rng, 80) {
            self.world
                .runs
                .values_mut()
                .filter(|run| run.first == first)
                .for_each(|run| run.cancelled = true);
            let at = self.now + short(&mut self.rng, Duration::from_millis(50));
            self.at(at, What::End(first));
        }
    }

    fn tell(&mut self, event: Event) -> Result<(), Violation> {
        self.steps += 1;
        assert!(self.steps < STEPS, "a life without end");
        let now = self.now;
        self.note(|| format!("{now} {}", told(&event)));
        let mut commands = Vec::new();
        self.model.event(&event, now);
        self.scheduler.step(event.clone(), now, &mut commands);
        for command in &commands {
            self.note(|| format!("         -> {command:?}"));
        }
        for command in &commands {
            let scene = Scene { now, model: &self.model, scheduler: &self.scheduler, world: &self.world };
            for invariant in &mut self.invariants {
                if let Err(complaint) = invariant.command(command, &scene) {
                    return Err(Violation::new(invariant.name(), complaint, &self.model));
                }
            }
            let known = match command {
                Command::Retire { vertex } => self.model.vertices.get(vertex).map(|v| v.generation),
                _ => None,
            };
            self.model.command(command, now);
            self.obey(command, known);
        }
        self.model.conclude(&self.scheduler);
        let scene = Scene { now, model: &self.model, scheduler: &self.scheduler, world: &self.world };
        for invariant in &mut self.invariants {
            if let Err(complaint) = invariant.step(&event, &commands, &scene) {
                return Err(Violation::new(invariant.name(), complaint, &self.model));
            }
        }
        Ok(())
    }

    fn obey(&mut self, command: &Command, retired: Option<Generation>) {
        match command {
            Command::Run { vertex, arm, refresh, with, .. } => self.start(*vertex, with, *arm, *refresh),
            Command::Cancel { vertex } | Command::Kill { vertex } => self.interrupt(*vertex),
            Command::Retire { vertex } => {
                self.world.watches.remove(vertex);
                self.garden.retired(*vertex);
                self.retired.extend(retired.map(|generation| (*vertex, generation)));
            }
            Command::WakeAt(at) => {
                self.wish += 1;
                let at = (*at).max(self.now) + short(&mut self.rng, self.lateness);
                self.at(at, What::Tick(self.wish));
            }
            Command::Notice(_) | Command::Converged(_) | Command::Stopped => {}
        }
    }

    fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(trace) = &self.trace {
            trace.lock().unwrap().push(line());
        }
    }
}

fn label_of(known: &Known) -> u32 {
    known.label.name[1..].parse().expect("labels are n and a number")
}
