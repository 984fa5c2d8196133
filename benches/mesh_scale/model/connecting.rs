//! Clients find a server, are refused, change over.

use super::agenda::{Event, HostIndex, ServerIndex};
use super::client::State;
use super::mesh::Mesh;

impl Mesh {
    /// A client asks a server to take it.
    pub fn attempt(&mut self, host: HostIndex, epoch: u32) {
        let client = *self.client(host);
        if client.epoch != epoch || client.state != State::Seeking {
            return;
        }
        self.seen.attempts += 1;
        let Some(server) = self.choose(host, client.tries) else {
            return self.wait(host);
        };
        let (now, protocol, costs) =
            (self.now, self.constants.protocol.clone(), self.constants.costs.clone());
        let chosen = &mut self.servers[server as usize];
        if !chosen.serves {
            // Its host is dead, or its store does not run: that takes a while to see.
            self.client(host).tries = client.tries.saturating_add(1);
            return self.after(protocol.connect_timeout, Event::Attempt(host, epoch));
        }
        if chosen.connections >= protocol.most_connections || chosen.backlog(now) > protocol.most_backlog {
            chosen.works(now, 2.0, 2.0 * costs.overhead_bytes, costs.refusal_cpu_s, &costs);
            self.seen.refusals += 1;
            return self.wait(host);
        }
        let opening = 2.0 + self.constants.load.watches;
        let bytes = costs.connect_bytes + self.constants.load.watches * costs.overhead_bytes;
        chosen.works(now, 2.0 * opening, bytes, costs.connect_cpu_s, &costs);
        chosen.connect();
        let time = chosen.backlog(now) + 3 * costs.round_trip;
        self.client(host).state = State::Connecting(server);
        self.after(time, Event::Connected(host, epoch));
    }

    /// A server in the host's zone first; after a refusal any. Who is contacted tells all members.
    fn choose(&mut self, host: HostIndex, tries: u8) -> Option<ServerIndex> {
        let all: &[ServerIndex] = &self.rim.listed;
        let zone = self.zone_of(host);
        if tries == 0 {
            let near = self.rim.listed_in.get(zone).filter(|near| !near.is_empty());
            if let Some(near) = near {
                return Some(near[self.rng.usize(0..near.len())]);
            }
        }
        (!all.is_empty()).then(|| all[self.rng.usize(0..all.len())])
    }

    /// It was refused: it asks another server, and after a round of them waits, later and later.
    fn wait(&mut self, host: HostIndex) {
        let protocol = &self.constants.protocol;
        let ((first, longest), round) = (protocol.retry_after, protocol.servers_a_round);
        let next = 2 * self.constants.costs.round_trip;
        let client = self.client(host);
        client.tries = client.tries.saturating_add(1);
        let (tries, epoch) = (u32::from(client.tries), client.epoch);
        let time = if tries.is_multiple_of(round) {
            let wait = first.saturating_mul(1 << (tries / round - 1).min(10)).min(longest);
            wait / 2 + self.part_of(wait)
        } else {
            next
        };
        self.after(time, Event::Attempt(host, epoch));
    }

    pub fn connected(&mut self, host: HostIndex, epoch: u32) {
        let now = self.now;
        let client = self.client(host);
        let State::Connecting(server) = client.state else { return };
        if client.epoch != epoch {
            return;
        }
        client.state = State::Connected(server);
        client.tries = 0;
        let away = client.away_since.take().filter(|_| client.known);
        let registered = client.registered;
        self.seen.connected += 1;
        if let Some(since) = away {
            self.seen.longest_away = self.seen.longest_away.max(now.since(since));
        }
        if !registered {
            self.register(host, server);
        }
    }

    /// A host's registration and its exports are written; it reads what it collects.
    fn register(&mut self, host: HostIndex, server: ServerIndex) {
        let (now, costs, load) = (self.now, self.constants.costs.clone(), self.constants.load.clone());
        let bytes = costs.registration_bytes + costs.overhead_bytes;
        self.server(server).works(now, 4.0, 2.0 * bytes, costs.peer_cpu_s, &costs);
        let known = self.client(host).known;
        let mut done = self.write(costs.registration_bytes);
        if !known {
            for _ in 0..load.exports.round() as u32 {
                done = self.write(load.payload_bytes);
            }
            // Those that collect them are told, and what is there already is read.
            self.untold += load.exports;
            let collected = load.collected_share * f64::from(self.seen.registered) * load.exports;
            let read = collected * (load.payload_bytes + costs.overhead_bytes / 4.0);
            self.server(server).works(now, 2.0, read, collected * costs.event_cpu_s, &costs);
        }
        self.agenda.at(done, Event::Registered(host));
    }

    pub fn registered(&mut self, host: HostIndex) {
        let client = self.client(host);
        let first = !client.known;
        (client.registered, client.known) = (true, true);
        self.seen.registered += u32::from(first);
        self.record(host);
    }

    /// A client is without its server. `told`: the server said so, else it finds out.
    pub fn disconnected(&mut self, host: HostIndex, told: bool) {
        let (now, protocol) = (self.now, self.constants.protocol.clone());
        let client = self.client(host);
        let was = client.state;
        client.epoch += 1;
        client.state = State::Seeking;
        client.away_since = client.away_since.or(Some(now));
        client.tries = 0;
        let epoch = client.epoch;
        self.seen.connected -= u32::from(matches!(was, State::Connected(_)));
        let notices =
            if told { std::time::Duration::ZERO } else { protocol.ping + self.part_of(protocol.ping) };
        let time = notices + self.part_of(protocol.spread);
        self.after(time, Event::Attempt(host, epoch));
        // Its last renewal may be as old as the time between two.
        let renewed = self.part_of(protocol.renew_every);
        self.after(protocol.lease.saturating_sub(renewed), Event::Expires(host, epoch));
    }

    pub fn expires(&mut self, host: HostIndex, epoch: u32) {
        let client = self.client(host);
        if client.epoch == epoch
            && client.registered
            && matches!(client.state, State::Seeking | State::Connecting(_))
        {
            self.seen.lost += 1;
        }
    }
}
