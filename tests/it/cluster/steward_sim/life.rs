//! One simulation: the queue of what happens.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use mgmt::cluster::mesh::HostName;
use mgmt::cluster::mesh::steward::{Command, DataDir, Lag, Volunteers};
use mgmt::cluster::store::id::MemberId;
use mgmt::engine::sched::Time;

use super::invariants::{self, Invariant, Verdict};
use super::leading::Leading;
use super::machine::Machine;
use super::tally::{Counted, Tally};
use super::world::World;
use super::{MS, Mistake, SECOND};

/// What happened, line by line; it outlives a panic.
pub type Trace = Arc<Mutex<Vec<String>>>;

/// Something that will happen.
#[derive(Clone, Debug)]
pub enum Next {
    Trouble,
    Heal,
    Look,
    /// The agent starts.
    Start(HostName),
    /// What a host is gets into the store.
    Register(HostName),
    /// A lease ends, if its host was away all the time.
    Expire(HostName, u64),
    /// The store of a host starts, in this run of the agent.
    Serve(HostName, u64),
    Mend(HostName),
    Reach(HostName),
    CaughtUp(MemberId, Lag),
    Elect(u64),
    GiveUp(u64),
    Apply(u64),
    Void(u64),
    Write(Command, u64),
    Wake,
}

pub struct Life {
    pub mistake: Mistake,
    pub rng: Rng,
    pub now: Time,
    queue: BinaryHeap<Reverse<(Time, u64)>>,
    next: BTreeMap<u64, Next>,
    queued: u64,
    pub world: World,
    pub leading: Leading,
    pub invariants: Vec<Box<dyn Invariant>>,
    trace: Option<Trace>,
    pub healed: Option<Time>,
    /// Since when all is as it should be.
    pub settled: Option<Time>,
    /// Orders get lost, leaders hesitate.
    pub rough: bool,
    pub tally: Tally,
}

impl Life {
    pub fn new(seed: u64, mistake: Mistake, trace: Option<Trace>) -> Self {
        let mut life = Self::begin(seed, mistake, trace);
        let most = life.rng.usize(1..12);
        let hosts = life.rng.usize(0..=most);
        (0..hosts).for_each(|_| life.arrive());
        let heals = Duration::from_secs(life.rng.u64(60..900));
        life.after(SECOND, Next::Trouble);
        life.after(heals, Next::Heal);
        life.rough = true;
        life
    }

    /// A mesh of eight hosts to which nothing happens.
    pub fn quiet(seed: u64) -> Self {
        let mut life = Self::begin(seed, Mistake::None, None);
        (0..7).for_each(|_| life.arrive());
        life.world.machines.values_mut().for_each(|machine| machine.volunteers = Volunteers::Yes);
        life
    }

    /// One host, which serves.
    fn begin(seed: u64, mistake: Mistake, trace: Option<Trace>) -> Self {
        let mut life = Self {
            mistake,
            rng: Rng::with_seed(seed),
            now: Time::from_secs(100),
            queue: BinaryHeap::new(),
            next: BTreeMap::new(),
            queued: 0,
            world: World::new(),
            leading: Leading::default(),
            invariants: invariants::all(),
            trace,
            healed: None,
            settled: None,
            rough: false,
            tally: Tally::default(),
        };
        life.found();
        life
    }

    /// A new host comes.
    pub fn arrive(&mut self) {
        let number = self.world.machines.len();
        let name: HostName = format!("h{number:02}").parse().unwrap();
        let zones = ["", "x", "y", "z"];
        let machine = Machine {
            zone: zones[self.rng.usize(0..zones.len())].to_owned(),
            running: false,
            cut: false,
            serving: false,
            broken: false,
            disk: DataDir::Fresh,
            volunteers: match self.rng.u32(0..100) {
                0..6 => Volunteers::Never,
                6..18 => Volunteers::Prefers,
                _ => Volunteers::Yes,
            },
            roomy: true,
            peer: format!("http://{name}:2379"),
            leaves: false,
            gone: false,
            instance: 0,
            absences: 0,
        };
        self.world.machines.insert(name.clone(), machine);
        self.after(10 * MS, Next::Start(name));
    }

    /// Lives until all is quiet again, or something is broken.
    pub fn live(mut self) -> Result<Tally, String> {
        while self.advance()? {}
        self.check(|invariant, world, now| invariant.end(world, now))?;
        Ok(self.tally)
    }

    /// Lets the next thing happen. False: the life is over.
    pub fn advance(&mut self) -> Result<bool, String> {
        let Some(Reverse((at, number))) = self.queue.pop() else { return Err("nothing happens".into()) };
        self.now = at;
        let next = self.next.remove(&number).expect("each is queued once");
        if matches!(next, Next::Look) {
            return self.look();
        }
        self.happen(next);
        self.world.expire_exchange(at);
        self.observe();
        self.decide()?;
        self.check(|invariant, world, now| invariant.moment(world, now))?;
        Ok(true)
    }

    fn happen(&mut self, next: Next) {
        match next {
            Next::Trouble => self.trouble(),
            Next::Heal => self.heal(),
            Next::Look | Next::Wake => {}
            Next::Start(host) => self.start(&host),
            Next::Register(host) => self.register(&host),
            Next::Expire(host, absence) => self.expire(&host, absence),
            Next::Serve(host, instance) => self.serve(&host, instance),
            Next::Mend(host) => self.mend(&host),
            Next::Reach(host) => self.reach(&host),
            Next::CaughtUp(member, lag) => self.catch_up(member, lag),
            Next::Elect(term) => self.elect(term),
            Next::GiveUp(term) => self.give_up(term),
            Next::Apply(number) => self.apply(number),
            Next::Void(number) => self.void(number),
            Next::Write(command, term) => self.write(&command, term),
        }
    }

    pub fn check(
        &mut self,
        mut look: impl FnMut(&mut dyn Invariant, &World, Time) -> Verdict,
    ) -> Result<(), String> {
        for invariant in &mut self.invariants {
            let verdict = look(invariant.as_mut(), &self.world, self.now);
            verdict.map_err(|error| format!("{}: {error}", invariant.name()))?;
        }
        Ok(())
    }

    pub fn tell(&self, text: impl FnOnce() -> String) {
        if let Some(trace) = &self.trace {
            trace.lock().unwrap().push(format!("{} {}", self.now, text()));
        }
    }

    pub fn count(&mut self, what: Counted) {
        self.tally.add(what);
    }

    pub fn at(&mut self, at: Time, next: Next) {
        self.queue.push(Reverse((at, self.queued)));
        self.next.insert(self.queued, next);
        self.queued += 1;
    }

    pub fn after(&mut self, time: Duration, next: Next) {
        self.at(self.now + time, next);
    }

    /// A time between these, in milliseconds.
    pub fn some_ms(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(self.rng.u64(from..to))
    }

    /// Whether something of this probability, in percent, happens.
    pub fn percent(&mut self, percent: u32) -> bool {
        self.rng.u32(0..100) < percent
    }
}
