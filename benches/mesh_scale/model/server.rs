//! A host, as far as it carries a store.

use std::time::Duration;

use mgmt::cluster::store::id::MemberId;
use mgmt::engine::sched::Time;

use super::agenda::HostIndex;
use super::constants::Costs;
use super::flow::Flow;

/// A store.
#[derive(Clone, Debug)]
pub struct Server {
    pub host: HostIndex,
    pub member: MemberId,
    /// It runs, has caught up, and takes clients.
    pub serves: bool,
    /// It is a member no more.
    pub removed: bool,
    /// Grows with each start.
    pub epoch: u32,
    pub connections: u32,
    /// The most that there ever were.
    pub most_connections: u32,
    /// Until when its processors are busy.
    cpu_until: Time,
    /// Until when its network is.
    nic_until: Time,
    /// Since the last time that it was read.
    pub flow: Flow,
}

impl Server {
    pub fn new(host: HostIndex, member: MemberId) -> Self {
        Self {
            host,
            member,
            serves: false,
            removed: false,
            epoch: 0,
            connections: 0,
            most_connections: 0,
            cpu_until: Time(0),
            nic_until: Time(0),
            flow: Flow::default(),
        }
    }

    /// Work comes in.
    pub fn works(&mut self, now: Time, messages: f64, bytes: f64, cpu_s: f64, costs: &Costs) {
        self.flow.add(messages, bytes, cpu_s);
        self.cpu_until = self.cpu_until.max(now) + Duration::from_secs_f64(cpu_s / costs.cores);
        self.nic_until = self.nic_until.max(now) + Duration::from_secs_f64(bytes / costs.nic_bytes_per_s);
    }

    /// How far behind it is.
    pub fn backlog(&self, now: Time) -> Duration {
        self.cpu_until.max(self.nic_until).since(now)
    }

    pub fn connect(&mut self) {
        self.connections += 1;
        self.most_connections = self.most_connections.max(self.connections);
    }
}
