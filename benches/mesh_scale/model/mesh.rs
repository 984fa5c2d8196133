//! The hosts, the servers, and what happens next.

use std::time::Duration;

use fastrand::Rng;
use mgmt::cluster::mesh::HostName;
use mgmt::engine::sched::Time;

use super::agenda::{Agenda, Event, HostIndex, ServerIndex};
use super::client::{Client, State};
use super::constants::Constants;
use super::rim::Rim;
use super::server::Server;

/// A mesh in virtual time.
pub struct Mesh {
    pub constants: Constants,
    pub rng: Rng,
    pub now: Time,
    pub agenda: Agenda,
    pub clients: Vec<Client>,
    pub names: Vec<HostName>,
    pub servers: Vec<Server>,
    pub rim: Rim,
    /// Until when the leader is busy with writes.
    pub writes_until: Time,
    /// Writes of this second, and their bytes.
    pub writes: (f64, f64),
    /// All writes so far.
    pub writes_made: f64,
    /// Changes of exports that watchers are still to be told.
    pub untold: f64,
    /// A fraction of a write that is due.
    pub due: f64,
    pub seen: Seen,
}

/// What happened so far.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub registered: u32,
    pub connected: u32,
    pub attempts: u64,
    pub refusals: u64,
    /// For how long a registered host that runs was without a server, at the most.
    pub longest_away: Duration,
    /// Hosts whose lease ended though they ran.
    pub lost: u64,
    /// The most writes in one second.
    pub peak_writes: f64,
    pub exchanges: u64,
    pub elections: u64,
}

impl Mesh {
    /// A mesh of one host that serves, and `hosts - 1` that do not run yet.
    pub fn new(hosts: u32, seed: u64, constants: Constants) -> Self {
        let now = Time::from_secs(100);
        let down = Client { state: State::Down, ..Client::new(now) };
        let mut mesh = Self {
            constants,
            rng: Rng::with_seed(seed),
            now,
            agenda: Agenda::default(),
            clients: (0..hosts).map(|_| down).collect(),
            names: (0..hosts)
                .map(|number| format!("host{number:07}").parse().expect("letters and digits"))
                .collect(),
            servers: Vec::new(),
            rim: Rim::new(),
            writes_until: now,
            writes: (0.0, 0.0),
            writes_made: 0.0,
            untold: 0.0,
            due: 0.0,
            seen: Seen::default(),
        };
        mesh.found();
        mesh.after(Duration::from_secs(1), Event::Tick);
        mesh
    }

    /// Lets things happen until then.
    pub fn run_until(&mut self, end: Time) {
        self.run_while(end, |_| true);
    }

    /// Lets things happen until then, or until it is no longer so. Looks once a second.
    pub fn run_while(&mut self, end: Time, mut goes_on: impl FnMut(&Self) -> bool) {
        while let Some((at, event)) = self.agenda.next() {
            if at > end {
                self.agenda.at(at, event);
                self.now = end;
                return;
            }
            self.now = at;
            self.happen(event);
            if event == Event::Tick && !goes_on(self) {
                return;
            }
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Attempt(host, epoch) => self.attempt(host, epoch),
            Event::Connected(host, epoch) => self.connected(host, epoch),
            Event::Registered(host) => self.registered(host),
            Event::Restart(host) => self.restart(host),
            Event::Back(host) => self.back(host),
            Event::Serves(server, epoch) => self.serves(server, epoch),
            Event::Expires(host, epoch) => self.expires(host, epoch),
            Event::Gone(host) => self.note_death(host),
            Event::Look => self.look(),
            Event::Done(order) => self.done(order),
            Event::Tick => self.tick(),
        }
    }

    pub fn after(&mut self, time: Duration, event: Event) {
        self.agenda.at(self.now + time, event);
    }

    /// A part of this time, drawn by lot.
    pub fn part_of(&mut self, time: Duration) -> Duration {
        time.mul_f64(self.rng.f64())
    }

    pub fn zone_of(&self, host: HostIndex) -> usize {
        host as usize % self.constants.load.zones
    }

    pub fn server(&mut self, server: ServerIndex) -> &mut Server {
        &mut self.servers[server as usize]
    }

    pub fn client(&mut self, host: HostIndex) -> &mut Client {
        &mut self.clients[host as usize]
    }

    /// The leader's store.
    pub fn leader(&self) -> ServerIndex {
        self.rim.leader
    }

    /// Members of the store.
    pub fn members(&self) -> impl Iterator<Item = (ServerIndex, &Server)> {
        (0..).zip(&self.servers).filter(|(_, server)| !server.removed)
    }
}
