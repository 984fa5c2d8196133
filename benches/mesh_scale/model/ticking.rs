//! What goes on all the time, counted once a second: renewals, batches, replication, watch events.

use std::time::Duration;

use super::agenda::{Event, ServerIndex};
use super::mesh::Mesh;

impl Mesh {
    pub fn tick(&mut self) {
        self.after(Duration::from_secs(1), Event::Tick);
        self.change();
        self.count_clients();
        let (writes, bytes) = std::mem::take(&mut self.writes);
        self.seen.peak_writes = self.seen.peak_writes.max(writes);
        let untold = std::mem::take(&mut self.untold);
        let members: Vec<ServerIndex> =
            self.members().filter(|(_, server)| server.serves).map(|(server, _)| server).collect();
        for server in &members {
            self.renewals(*server);
            self.replication(*server, members.len(), writes, bytes);
            self.deliveries(*server, untold);
        }
    }

    /// Exports and registrations that change by themselves.
    fn change(&mut self) {
        let load = &self.constants.load;
        let per_host = (load.exports * load.changes_an_hour + load.registrations_an_hour) / 3600.0;
        let told = load.exports * load.changes_an_hour / 3600.0;
        let hosts = f64::from(self.seen.registered);
        let (bytes, exports) = (load.payload_bytes, hosts * told);
        self.due += hosts * per_host;
        while self.due >= 1.0 {
            self.due -= 1.0;
            self.write(bytes);
        }
        self.untold += exports;
    }

    /// Each client renews its lease; a server sends what it got to the leader.
    fn renewals(&mut self, server: ServerIndex) {
        let (now, costs, protocol) =
            (self.now, self.constants.costs.clone(), self.constants.protocol.clone());
        let leader = self.leader();
        let connections = f64::from(self.server(server).connections);
        let renewals = connections / protocol.renew_every.as_secs_f64();
        let bytes = 2.0 * renewals * costs.overhead_bytes;
        self.server(server).works(now, 2.0 * renewals, bytes, renewals * costs.renewal_cpu_s, &costs);
        if server != leader {
            let batches = 1.0 / protocol.batch_every.as_secs_f64();
            let bytes = 2.0 * batches * costs.overhead_bytes + renewals * costs.batched_renewal_bytes;
            for end in [server, leader] {
                self.server(end).works(now, 2.0 * batches, bytes, batches * costs.peer_cpu_s, &costs);
            }
        }
    }

    /// The leader sends what was written, and heartbeats. Entries that wait together go together: one message a
    /// millisecond at the most.
    fn replication(&mut self, server: ServerIndex, members: usize, writes: f64, bytes: f64) {
        let (now, costs) = (self.now, self.constants.costs.clone());
        let heartbeats = self.constants.protocol.heartbeats_per_s;
        let cpu = writes * costs.write_cpu_s;
        if server == self.leader() {
            return self.server(server).works(now, 2.0 * writes, bytes, cpu, &costs);
        }
        debug_assert!(members > 0);
        let messages = 2.0 * (writes.min(1000.0) + heartbeats);
        let sent = bytes + writes * costs.overhead_bytes / 4.0 + messages * costs.overhead_bytes;
        self.server(server).works(now, messages, sent, cpu / 2.0 + messages * costs.peer_cpu_s, &costs);
        let leader = self.leader();
        self.server(leader).works(now, messages, sent, messages * costs.peer_cpu_s, &costs);
    }

    /// Clients that collect a changed export are told.
    fn deliveries(&mut self, server: ServerIndex, changed: f64) {
        let (now, costs, load) = (self.now, self.constants.costs.clone(), self.constants.load.clone());
        let connections = f64::from(self.server(server).connections);
        let events = changed * load.collected_share * connections;
        let bytes = events * (load.payload_bytes + costs.overhead_bytes);
        self.server(server).works(now, events, bytes, events * costs.event_cpu_s, &costs);
    }
}
