//! What the steward sees, and how its orders are done.

use std::collections::BTreeMap;
use std::time::Duration;

use mgmt::cluster::mesh::steward::{
    Command, DataDir, Exchanged, Host, Intent, Lag, Member, Nomination, Role, Steward, View, Volunteers,
};
use mgmt::cluster::mesh::{HostName, Policy};
use mgmt::cluster::store::id::MemberId;
use mgmt::engine::sched::Time;

use super::agenda::{Event, HostIndex, ServerIndex};
use super::client::{Client, State};
use super::mesh::Mesh;
use super::server::Server;

/// The steward looks so often at the most.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How long an order takes: a write, or a change of members.
const ORDER: Duration = Duration::from_millis(20);

/// The steward of the leader, and what it sees.
pub struct Rim {
    pub view: View,
    steward: Steward,
    pub leader: ServerIndex,
    looks_at: Option<Time>,
    orders: Vec<Command>,
    revision: u64,
    /// Members, as clients are told of them; and by zone.
    pub listed: Vec<ServerIndex>,
    pub listed_in: Vec<Vec<ServerIndex>>,
}

impl Rim {
    pub fn new() -> Self {
        let view = View {
            policy: Policy::default(),
            me: MemberId(1),
            members: BTreeMap::new(),
            change_under_way: false,
            exchanged: None,
            hosts: BTreeMap::new(),
            nominations: BTreeMap::new(),
            store_bytes: 0,
            clients: 0,
        };
        Self {
            view,
            steward: Steward::new(),
            leader: 0,
            looks_at: None,
            orders: Vec::new(),
            revision: 1,
            listed: Vec::new(),
            listed_in: Vec::new(),
        }
    }
}

impl Mesh {
    /// The first host serves alone.
    pub fn found(&mut self) {
        self.clients[0] = Client { registered: true, known: true, away_since: None, ..Client::new(self.now) };
        self.seen.registered = 1;
        self.add_member(0);
        self.rim.view.members.values_mut().for_each(|member| member.role = Role::Voter);
        self.record(0);
        self.serves(0, 0);
    }

    /// The steward is to look at what has changed.
    fn changed(&mut self, wait: Duration) {
        let at = self.now + wait;
        if self.rim.looks_at.is_none_or(|looks| looks > at || looks < self.now) {
            self.rim.looks_at = Some(at);
            self.agenda.at(at, Event::Look);
        }
    }

    pub fn look(&mut self) {
        if self.rim.looks_at != Some(self.now) {
            return;
        }
        self.rim.looks_at = None;
        let minute = Duration::from_secs(60);
        let now = self.now;
        self.rim.view.exchanged = self.rim.view.exchanged.filter(|last| now.since(last.at) < minute);
        let advice = self.rim.steward.step(&self.rim.view, now);
        for order in advice.orders {
            self.rim.view.change_under_way |= order.command.changes_members();
            let number = u32::try_from(self.rim.orders.len()).expect("there are not so many");
            self.rim.orders.push(order.command);
            self.after(ORDER, Event::Done(number));
        }
        if let Some(at) = advice.wake_at {
            self.changed(at.since(now).max(LOOK_EVERY));
        }
    }

    pub fn done(&mut self, order: u32) {
        let command = self.rim.orders[order as usize].clone();
        if command.changes_members() {
            self.rim.view.change_under_way = false;
        }
        match command {
            Command::AddLearner { host, .. } => {
                let host = self.index_of(&host);
                let server = self.add_member(host);
                self.start_store(server, true);
            }
            Command::Promote { members } => members.iter().for_each(|id| self.set_role(*id, Role::Voter)),
            Command::Demote { members } => members.iter().for_each(|id| self.set_role(*id, Role::Learner)),
            Command::Exchange { promote, demote } => {
                self.seen.exchanges += 1;
                self.rim.view.exchanged = Some(Exchanged { promote, demote, at: self.now });
                self.set_role(promote, Role::Voter);
                self.set_role(demote, Role::Learner);
            }
            Command::Remove { member } => self.remove_member(member),
            Command::Readdress { .. } => {}
            Command::Nominate { host, duty } => {
                let nomination = Nomination { duty, since: self.now, member: None };
                self.rim.view.nominations.insert(host, nomination);
            }
            Command::Withdraw { host } => {
                self.rim.view.nominations.remove(&host);
            }
            Command::MoveLeader { to } => self.lead(to),
        }
        self.list();
        self.changed(LOOK_EVERY);
    }

    fn index_of(&self, host: &HostName) -> HostIndex {
        let at = self.names.binary_search(host).expect("names are in order");
        HostIndex::try_from(at).expect("there are not so many")
    }

    fn add_member(&mut self, host: HostIndex) -> ServerIndex {
        let server = ServerIndex::try_from(self.servers.len()).expect("there are not so many");
        let id = MemberId(u64::from(server) + 1);
        self.servers.push(Server::new(host, id));
        let name = &self.names[host as usize];
        let member = Member {
            host: None,
            peer: name.to_string(),
            role: Role::Learner,
            lag: Some(Lag { entries: 1, since: self.now }),
            silent_since: Some(self.now),
        };
        self.rim.view.members.insert(id, member);
        if let Some(nomination) = self.rim.view.nominations.get_mut(name) {
            nomination.member = Some(id);
        }
        server
    }

    fn remove_member(&mut self, id: MemberId) {
        self.rim.view.members.remove(&id);
        let found = self.members().find(|(_, server)| server.member == id);
        let Some((server, host)) = found.map(|(server, store)| (server, store.host)) else { return };
        self.server(server).removed = true;
        if self.client(host).state == State::Serving(server) {
            self.end_store(server, true);
            self.client(host).state = State::Connecting(server);
            self.disconnected(host, true);
        }
    }

    fn set_role(&mut self, id: MemberId, role: Role) {
        if let Some(member) = self.rim.view.members.get_mut(&id) {
            member.role = role;
        }
    }

    /// Whom clients may ask: members that have served.
    fn list(&mut self) {
        let known = |server: &Server| {
            self.rim.view.members.get(&server.member).is_some_and(|member| member.host.is_some())
        };
        let listed: Vec<ServerIndex> =
            self.members().filter(|(_, server)| known(server)).map(|(server, _)| server).collect();
        self.rim.listed_in = vec![Vec::new(); self.constants.load.zones];
        for server in &listed {
            let zone = self.zone_of(self.servers[*server as usize].host);
            self.rim.listed_in[zone].push(*server);
        }
        self.rim.listed = listed;
    }

    /// A member is heard.
    pub fn heard(&mut self, server: ServerIndex) {
        let store = &self.servers[server as usize];
        let (host, id) = (store.host, store.member);
        let name = self.names[host as usize].clone();
        if let Some(member) = self.rim.view.members.get_mut(&id) {
            (member.host, member.lag, member.silent_since) = (Some(name), None, None);
        }
        self.record(host);
        self.list();
    }

    /// A member is not heard any more. A leader that stops hands over; one that dies is replaced by election.
    pub fn unheard(&mut self, server: ServerIndex) {
        let (now, id) = (self.now, self.servers[server as usize].member);
        if let Some(member) = self.rim.view.members.get_mut(&id) {
            member.silent_since = Some(now);
        }
        if server == self.rim.leader {
            let members = &self.rim.view.members;
            let able = |id: &MemberId| {
                members.get(id).is_some_and(|member| {
                    member.role == Role::Voter && member.silent_since.is_none() && member.lag.is_none()
                })
            };
            let next = self.members().map(|(_, store)| store.member).find(able);
            if let Some(next) = next {
                self.lead(next);
            }
        }
        self.changed(LOOK_EVERY);
    }

    fn lead(&mut self, id: MemberId) {
        let found = self.members().find(|(_, server)| server.member == id && server.serves);
        if let Some((server, _)) = found {
            self.seen.elections += 1;
            self.rim.leader = server;
            self.rim.view.me = id;
            self.rim.steward = Steward::new();
        }
    }

    /// What the store knows of a host.
    pub fn record(&mut self, host: HostIndex) {
        self.rim.revision += 1;
        let name = &self.names[host as usize];
        let own = self.members().find(|(_, server)| server.host == host && server.serves);
        let record = Host {
            zone: format!("zone{}", self.zone_of(host)),
            labels: BTreeMap::new(),
            since: self
                .rim
                .view
                .hosts
                .get(name)
                .filter(|old| old.alive)
                .map_or(self.rim.revision, |old| old.since),
            instance: self.rim.revision,
            alive: true,
            intent: Intent::Stays,
            volunteers: Volunteers::Yes,
            disk_free_bytes: 100 << 30,
            memory_bytes: 16 << 30,
            peer: Some(name.to_string()),
            data: own.map_or(DataDir::Fresh, |(_, server)| DataDir::Of(server.member)),
        };
        self.rim.view.hosts.insert(name.clone(), record);
        self.changed(LOOK_EVERY);
    }

    /// A host says that it stops; its lease is given back.
    pub fn note_stop(&mut self, host: HostIndex) {
        let at = self.now;
        if let Some(record) = self.rim.view.hosts.get_mut(&self.names[host as usize]) {
            record.alive = false;
            record.intent = Intent::Stopped { at };
        }
    }

    /// A host that died is known to be gone.
    pub fn note_death(&mut self, host: HostIndex) {
        if let Some(record) = self.rim.view.hosts.get_mut(&self.names[host as usize]) {
            record.alive = false;
        }
        self.changed(LOOK_EVERY);
    }

    pub fn count_clients(&mut self) {
        let clients = u64::from(self.seen.connected);
        let store_bytes = self.store_bytes() as u64;
        if self.rim.view.clients != clients {
            (self.rim.view.clients, self.rim.view.store_bytes) = (clients, store_bytes);
            self.changed(LOOK_EVERY);
        }
    }

    /// Whether a member votes.
    pub fn votes(&self, id: MemberId) -> bool {
        self.rim.view.members.get(&id).is_some_and(|member| member.role == Role::Voter)
    }

    /// Members by role: voters, learners.
    pub fn roles(&self) -> (usize, usize) {
        let members = self.rim.view.members.values();
        let voters = members.clone().filter(|member| member.role == Role::Voter).count();
        (voters, members.count() - voters)
    }
}
