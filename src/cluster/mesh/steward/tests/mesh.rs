//! A mesh in which every order is carried out at once.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::cluster::mesh::steward::{
    Advice, Command, DataDir, Exchanged, Host, Intent, Lag, Member, Nomination, Role, Steward, View,
    Volunteers,
};
use crate::cluster::mesh::{HostName, Policy};
use crate::cluster::store::id::MemberId;
use crate::engine::sched::Time;

pub fn named(name: &str) -> HostName {
    name.parse().unwrap()
}

/// A mesh, its steward, and the time.
pub struct Mesh {
    pub view: View,
    pub now: Time,
    pub steward: Steward,
    /// Learners that are added are up and caught up at once.
    pub quick: bool,
    next_id: u64,
}

impl Mesh {
    /// These hosts vote, the first one leads.
    pub fn of(voters: &[&str]) -> Self {
        let view = View {
            policy: Policy::default(),
            me: MemberId(1),
            members: BTreeMap::new(),
            change_under_way: false,
            exchanged: None,
            hosts: BTreeMap::new(),
            nominations: BTreeMap::new(),
            store_bytes: 1 << 20,
            clients: 0,
        };
        // The agent has been running for a while.
        let now = Time::from_secs(1000);
        let mut mesh = Self { view, now, steward: Steward::new(), quick: true, next_id: 1 };
        voters.iter().for_each(|name| mesh.serves(name, Role::Voter));
        mesh
    }

    /// These hosts are clients.
    pub fn with_clients(mut self, names: &[&str]) -> Self {
        names.iter().for_each(|name| self.joins(name, ""));
        self
    }

    /// These hosts are learners, caught up.
    pub fn with_learners(mut self, names: &[&str]) -> Self {
        names.iter().for_each(|name| self.serves(name, Role::Learner));
        self
    }

    fn serves(&mut self, name: &str, role: Role) {
        self.joins(name, "");
        let id = self.new_id();
        self.view.hosts.get_mut(&named(name)).unwrap().data = DataDir::Of(id);
        let member =
            Member { host: Some(named(name)), peer: peer(name), role, lag: None, silent_since: None };
        self.view.members.insert(id, member);
    }

    /// A host registers, later than all others.
    pub fn joins(&mut self, name: &str, zone: &str) {
        let since = self.view.hosts.values().map(|host| host.since).max().unwrap_or(0) + 1;
        let host = Host {
            zone: zone.to_owned(),
            labels: BTreeMap::new(),
            since,
            instance: since,
            alive: true,
            intent: Intent::Stays,
            volunteers: Volunteers::Yes,
            disk_free_bytes: 100 << 30,
            memory_bytes: 16 << 30,
            peer: Some(peer(name)),
            data: DataDir::Fresh,
        };
        self.view.hosts.insert(named(name), host);
    }

    fn new_id(&mut self) -> MemberId {
        let id = MemberId(self.next_id);
        self.next_id += 1;
        id
    }

    pub fn host(&mut self, name: &str) -> &mut Host {
        self.view.hosts.get_mut(&named(name)).unwrap()
    }

    /// The host's newest member.
    pub fn id(&self, name: &str) -> MemberId {
        let of = |member: &Member| member.host.as_ref().is_some_and(|host| host.as_str() == name);
        *self.view.members.iter().rfind(|(_, member)| of(member)).unwrap().0
    }

    pub fn member(&mut self, name: &str) -> &mut Member {
        let id = self.id(name);
        self.view.members.get_mut(&id).unwrap()
    }

    /// From now on nothing is heard of it.
    pub fn falls_silent(&mut self, name: &str) {
        let now = self.now;
        self.member(name).silent_since = Some(now);
        self.host(name).alive = false;
    }

    /// It is back as it was.
    pub fn comes_back(&mut self, name: &str) {
        self.member(name).silent_since = None;
        let host = self.host(name);
        (host.alive, host.intent) = (true, Intent::Stays);
    }

    pub fn after(&mut self, time: Duration) {
        self.now = self.now + time;
    }

    pub fn after_secs(&mut self, secs: u64) {
        self.after(Duration::from_secs(secs));
    }

    /// One step, of which nothing is done.
    pub fn asks(&mut self) -> Advice {
        self.steward.step(&self.view, self.now)
    }

    /// The commands of one step, of which nothing is done, as text.
    pub fn commands(&mut self) -> Vec<String> {
        let orders = self.asks().orders;
        orders.iter().map(|order| self.tell(&order.command)).collect()
    }

    /// Steps and does what is said, until nothing is said; what was done, as text.
    pub fn settles(&mut self) -> Vec<String> {
        let mut done = Vec::new();
        for _ in 0..100 {
            let orders = self.asks().orders;
            if orders.is_empty() {
                return done;
            }
            for order in orders {
                done.push(self.tell(&order.command));
                self.obeys(&order.command);
            }
        }
        panic!("it never settles: {done:?}");
    }

    /// Lives on for so long, doing what is said when it is said.
    pub fn lives(&mut self, time: Duration) -> Vec<String> {
        let end = self.now + time;
        let mut done = self.settles();
        for _ in 0..1000 {
            let Some(at) = self.asks().wake_at.filter(|at| *at <= end) else {
                self.now = end;
                return done;
            };
            self.now = at;
            done.extend(self.settles());
        }
        panic!("it wakes too often: {done:?}");
    }

    pub fn obeys(&mut self, command: &Command) {
        match command {
            Command::AddLearner { host, peer } => {
                let id = self.new_id();
                let host_name = self.quick.then(|| host.clone());
                let silent_since = (!self.quick).then_some(self.now);
                let lag = (!self.quick).then_some(Lag { entries: 100, since: self.now });
                let member =
                    Member { host: host_name, peer: peer.clone(), role: Role::Learner, lag, silent_since };
                self.view.members.insert(id, member);
                self.view.nominations.get_mut(host).unwrap().member = Some(id);
                self.view.hosts.get_mut(host).unwrap().data = DataDir::Of(id);
            }
            Command::Promote { members } => members.iter().for_each(|id| self.set_role(*id, Role::Voter)),
            Command::Demote { members } => members.iter().for_each(|id| self.set_role(*id, Role::Learner)),
            Command::Exchange { promote, demote } => {
                self.view.exchanged = Some(Exchanged { promote: *promote, demote: *demote, at: self.now });
                self.set_role(*promote, Role::Voter);
                self.set_role(*demote, Role::Learner);
            }
            Command::Remove { member } => {
                assert_eq!(self.view.members.remove(member).unwrap().role, Role::Learner);
            }
            Command::Readdress { member, peer } => {
                let peer = peer.clone().unwrap_or_else(|| format!("nowhere:{member}"));
                self.view.members.get_mut(member).unwrap().peer = peer;
            }
            Command::Nominate { host, duty } => {
                let nomination = Nomination { duty: *duty, since: self.now, member: None };
                self.view.nominations.insert(host.clone(), nomination);
            }
            Command::Withdraw { host } => {
                self.view.nominations.remove(host).unwrap();
            }
            Command::MoveLeader { to } => {
                self.view.me = *to;
                self.steward = Steward::new();
            }
        }
    }

    fn set_role(&mut self, id: MemberId, role: Role) {
        let member = self.view.members.get_mut(&id).unwrap();
        assert_ne!(member.role, role, "{id} already is {role:?}");
        assert!(id != self.view.me || role == Role::Voter, "the leader loses its vote");
        member.role = role;
    }

    /// A command with names in place of ids.
    fn tell(&self, command: &Command) -> String {
        let name = |id: &MemberId| {
            let host = self.view.members.get(id).and_then(|member| member.host.clone());
            host.map_or_else(|| format!("#{id}"), |host| host.to_string())
        };
        let names = |ids: &[MemberId]| ids.iter().map(name).collect::<Vec<_>>().join(" ");
        match command {
            Command::AddLearner { host, .. } => format!("add {host}"),
            Command::Promote { members } => format!("promote {}", names(members)),
            Command::Exchange { promote, demote } => {
                format!("exchange {} for {}", name(demote), name(promote))
            }
            Command::Demote { members } => format!("demote {}", names(members)),
            Command::Remove { member } => format!("remove {}", name(member)),
            Command::Readdress { member, peer } => {
                format!("{} is at {}", name(member), peer.as_deref().unwrap_or("nowhere"))
            }
            Command::Nominate { host, duty } => format!("nominate {host} as {duty}"),
            Command::Withdraw { host } => format!("withdraw {host}"),
            Command::MoveLeader { to } => format!("{} leads", name(to)),
        }
    }

    /// Who has this role, by name.
    pub fn who(&self, role: Role) -> Vec<String> {
        let of_role = self.view.members.values().filter(|member| member.role == role);
        let mut names: Vec<String> =
            of_role.map(|member| member.host.as_ref().unwrap().to_string()).collect();
        names.sort();
        names
    }
}

/// Where a host serves.
pub fn peer(name: &str) -> String {
    format!("http://{name}:2379")
}
