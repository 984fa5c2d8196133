//! Hosts, and what the store holds.

use std::collections::BTreeMap;

use mgmt::cluster::mesh::steward::{Command, DataDir, Intent, Role, View};
use mgmt::cluster::mesh::{HostName, Policy};
use mgmt::cluster::store::id::MemberId;

use super::machine::Machine;

/// A change of members that was proposed.
#[derive(Clone, Debug)]
pub struct Change {
    pub number: u64,
    pub command: Command,
    /// The joint configuration is entered.
    pub joint: bool,
    /// Nothing will come of it.
    pub lost: bool,
}

/// Hosts as they are, and the store as it is agreed upon.
pub struct World {
    pub machines: BTreeMap<HostName, Machine>,
    /// What the store holds; times are those of the present leader. `change_under_way` and `me` are set for each step.
    pub store: View,
    pub change: Option<Change>,
    pub next_member: u64,
    pub revision: u64,
}

impl World {
    pub fn new() -> Self {
        let store = View {
            policy: Policy::default(),
            me: MemberId(0),
            members: BTreeMap::new(),
            change_under_way: false,
            exchanged: None,
            hosts: BTreeMap::new(),
            nominations: BTreeMap::new(),
            store_bytes: 1 << 20,
            clients: 0,
        };
        Self { machines: BTreeMap::new(), store, change: None, next_member: 1, revision: 1 }
    }

    /// Whose disk a member's data is on.
    pub fn home(&self, id: MemberId) -> Option<(&HostName, &Machine)> {
        self.machines.iter().find(|(_, machine)| machine.disk == DataDir::Of(id))
    }

    /// Whether a member is there for the others.
    pub fn is_heard(&self, id: MemberId) -> bool {
        self.home(id).is_some_and(|(_, machine)| machine.is_reached() && machine.serving)
    }

    pub fn voters(&self) -> Vec<MemberId> {
        let members = self.store.members.iter();
        members.filter(|(_, member)| member.role == Role::Voter).map(|(id, _)| *id).collect()
    }

    /// The voters after a change.
    pub fn voters_after(&self, command: &Command) -> Vec<MemberId> {
        let mut voters = self.voters();
        let (promote, demote): (&[MemberId], &[MemberId]) = match command {
            Command::Promote { members } => (members, &[]),
            Command::Demote { members } => (&[], members),
            Command::Exchange { promote, demote } => {
                (std::slice::from_ref(promote), std::slice::from_ref(demote))
            }
            _ => (&[], &[]),
        };
        voters.retain(|id| !demote.contains(id));
        voters.extend(promote);
        voters
    }

    /// The electorates that must agree just now: two in a joint configuration.
    pub fn electorates(&self) -> Vec<Vec<MemberId>> {
        let joint = self.change.iter().filter(|change| change.joint);
        let after = joint.map(|change| self.voters_after(&change.command));
        std::iter::once(self.voters()).chain(after).collect()
    }

    /// Whether most of each electorate have a quality.
    pub fn most(&self, has: impl Fn(MemberId) -> bool) -> bool {
        let electorates = self.electorates();
        electorates.iter().all(|voters| voters.iter().filter(|id| has(**id)).count() * 2 > voters.len())
    }

    pub fn has_quorum(&self) -> bool {
        self.most(|id| self.is_heard(id))
    }

    /// Whether a host is to keep or take no duty.
    pub fn departs(&self, id: MemberId) -> bool {
        let host = self.store.members[&id].host.as_ref().and_then(|host| self.store.hosts.get(host));
        host.is_some_and(mgmt::cluster::mesh::steward::Host::gives_up_duty)
    }

    /// Whether its host said that it stops.
    pub fn stopped(&self, id: MemberId) -> bool {
        let host = self.store.members[&id].host.as_ref().and_then(|host| self.store.hosts.get(host));
        host.is_some_and(|host| matches!(host.intent, Intent::Stopped { .. }))
    }
}
