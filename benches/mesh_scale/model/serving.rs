//! Stores start, stop and die; agents restart.

use std::time::Duration;

use mgmt::engine::sched::Time;

use super::agenda::{Event, HostIndex, ServerIndex};
use super::client::State;
use super::mesh::Mesh;

impl Mesh {
    /// The store of a member starts. A new one is sent all data first.
    pub fn start_store(&mut self, server: ServerIndex, new: bool) {
        let costs = &self.constants.costs;
        let sent = if new { self.store_bytes() } else { 0.0 };
        let time = costs.start + Duration::from_secs_f64(sent / costs.snapshot_bytes_per_s);
        if new {
            let (leader, now, costs) = (self.leader(), self.now, costs.clone());
            self.server(leader).works(now, sent / 65_536.0, sent, sent / 1e9, &costs);
        }
        let starting = self.server(server);
        starting.epoch += 1;
        let epoch = starting.epoch;
        self.after(time, Event::Serves(server, epoch));
    }

    pub fn serves(&mut self, server: ServerIndex, epoch: u32) {
        let store = self.server(server);
        let host = store.host;
        if store.epoch != epoch || store.removed || self.client(host).state == State::Down {
            return;
        }
        self.server(server).serves = true;
        // It uses its own store from now on.
        if let Some(used) = self.client(host).server() {
            self.server(used).connections -= 1;
            self.seen.connected -= u32::from(matches!(self.client(host).state, State::Connected(_)));
        }
        let client = self.client(host);
        client.epoch += 1;
        client.state = State::Serving(server);
        client.away_since = None;
        if !client.registered {
            let done = self.write(self.constants.costs.registration_bytes);
            self.agenda.at(done, Event::Registered(host));
        }
        self.heard(server);
    }

    /// A store ends. `told`: it says so to its clients, and hands over if it leads.
    pub fn end_store(&mut self, server: ServerIndex, told: bool) {
        let store = self.server(server);
        store.serves = false;
        store.connections = 0;
        self.unheard(server);
        let clients = (0..).zip(&self.clients).filter(|(_, client)| client.server() == Some(server));
        let clients: Vec<HostIndex> = clients.map(|(host, _)| host).collect();
        clients.into_iter().for_each(|host| self.disconnected(host, told));
    }

    /// An agent stops cleanly, and comes back.
    pub fn restart(&mut self, host: HostIndex) {
        let client = *self.client(host);
        if client.state == State::Down {
            return;
        }
        self.note_stop(host);
        if let Some(server) = client.server() {
            self.server(server).connections -= 1;
            self.seen.connected -= u32::from(matches!(client.state, State::Connected(_)));
        }
        let stopped = self.client(host);
        stopped.state = State::Down;
        stopped.epoch += 1;
        stopped.registered = false;
        stopped.away_since = None;
        if let State::Serving(server) = client.state {
            self.end_store(server, true);
        }
        self.after(self.constants.costs.restart, Event::Back(host));
    }

    pub fn back(&mut self, host: HostIndex) {
        let own = self.members().find(|(_, server)| server.host == host).map(|(server, _)| server);
        let now = self.now;
        let client = self.client(host);
        client.state = State::Seeking;
        client.away_since = Some(now);
        client.tries = 0;
        let epoch = client.epoch;
        match own {
            Some(server) => self.start_store(server, false),
            None => self.after(Duration::ZERO, Event::Attempt(host, epoch)),
        }
    }

    /// A machine loses its power, and stays away.
    pub fn die(&mut self, host: HostIndex) {
        if let State::Serving(server) = self.client(host).state {
            let client = self.client(host);
            client.state = State::Down;
            client.epoch += 1;
            self.end_store(server, false);
            self.after(self.constants.protocol.lease, Event::Gone(host));
        }
    }

    /// A write is given to the leader; when it is agreed upon.
    pub fn write(&mut self, bytes: f64) -> Time {
        let costs = &self.constants.costs;
        let followers = self.members().count().saturating_sub(1) as f64;
        let sent = (bytes + costs.overhead_bytes / 4.0) * followers;
        let time = (1.0 / costs.writes_per_s).max(sent / costs.nic_bytes_per_s);
        self.writes_until = self.writes_until.max(self.now) + Duration::from_secs_f64(time);
        self.writes.0 += 1.0;
        self.writes_made += 1.0;
        self.writes.1 += bytes;
        self.writes_until + self.constants.costs.commit
    }

    /// What the store holds.
    pub fn store_bytes(&self) -> f64 {
        let (costs, load) = (&self.constants.costs, &self.constants.load);
        let a_host = costs.registration_bytes
            + costs.key_memory_bytes
            + load.exports * (load.payload_bytes + costs.key_memory_bytes);
        f64::from(self.seen.registered) * a_host
    }
}
