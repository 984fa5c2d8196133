//! What happens to a mesh: all join at once; a server dies; all restart, one after the other.

use std::time::Duration;

use super::agenda::{Event, HostIndex};
use super::client::{Client, State};
use super::constants::Constants;
use super::flow::Flow;
use super::mesh::{Mesh, Seen};

/// What a server costs while nothing special happens.
#[derive(Clone, Debug, Default)]
pub struct Steady {
    pub leader: Flow,
    /// Of the servers that do not lead, the busiest.
    pub busiest: Flow,
    pub total: Flow,
    pub writes_per_s: f64,
    pub voters: usize,
    pub learners: usize,
    pub most_connections: u32,
    pub mean_connections: f64,
    pub leader_memory: f64,
    pub busiest_memory: f64,
}

/// A part of a mesh's life.
#[derive(Clone, Debug)]
pub struct Part {
    /// How long it took until all was well; `None`: it was not within the time given.
    pub took: Option<Duration>,
    pub seen: Seen,
    /// Connections of a server, at the most.
    pub most_connections: u32,
}

/// A whole life.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub hosts: u32,
    pub joining: Part,
    pub steady: Steady,
    pub dying: Part,
    /// How long until there were as many servers as before.
    pub replaced_after: Option<Duration>,
    pub restarting: Part,
    pub events: u64,
}

/// Lives a whole life.
pub fn live(hosts: u32, seed: u64, constants: Constants) -> Outcome {
    let mut mesh = Mesh::new(hosts, seed, constants);
    let joining = join_all(&mut mesh);
    settle(&mut mesh);
    let steady = measure(&mut mesh);
    let (dying, replaced_after) = server_dies(&mut mesh);
    settle(&mut mesh);
    let restarting = all_restart(&mut mesh, Duration::from_secs(600));
    Outcome { hosts, joining, steady, dying, replaced_after, restarting, events: mesh.agenda.total() }
}

fn begin(mesh: &mut Mesh) {
    mesh.seen.longest_away = Duration::ZERO;
    (mesh.seen.lost, mesh.seen.attempts, mesh.seen.refusals) = (0, 0, 0);
    (mesh.seen.exchanges, mesh.seen.elections, mesh.seen.peak_writes) = (0, 0, 0.0);
    mesh.servers.iter_mut().for_each(|server| server.most_connections = server.connections);
}

fn end(mesh: &Mesh, took: Option<Duration>) -> Part {
    let most = mesh.servers.iter().map(|server| server.most_connections).max();
    Part { took, seen: mesh.seen.clone(), most_connections: most.unwrap_or(0) }
}

fn is_at_home(client: &Client) -> bool {
    matches!(client.state, State::Connected(_) | State::Serving(_) | State::Down)
}

/// All hosts start in the same second, and know one address.
pub fn join_all(mesh: &mut Mesh) -> Part {
    begin(mesh);
    let from = mesh.now;
    for host in 1..HostIndex::try_from(mesh.clients.len()).expect("there are not so many") {
        mesh.clients[host as usize] = Client::new(from);
        let time = mesh.part_of(Duration::from_secs(1));
        mesh.after(time, Event::Attempt(host, 0));
    }
    let all = u32::try_from(mesh.clients.len()).expect("there are not so many");
    let limit = from + Duration::from_secs(4 * 3600);
    mesh.run_while(limit, |mesh| mesh.seen.registered < all);
    let joined = mesh.seen.registered == all;
    end(mesh, joined.then(|| mesh.now.since(from)))
}

/// Until there are as many servers as there should be.
fn settle(mesh: &mut Mesh) {
    let until = mesh.now + Duration::from_secs(1800);
    mesh.run_while(until, |mesh| !mesh.is_settled());
    // What waits in queues is done.
    mesh.run_until(mesh.now + Duration::from_secs(60));
}

/// A minute in which nothing special happens.
pub fn measure(mesh: &mut Mesh) -> Steady {
    let seconds = 60.0;
    mesh.servers.iter_mut().for_each(|server| server.flow = Flow::default());
    let writes = mesh.writes_made;
    mesh.run_until(mesh.now + Duration::from_secs_f64(seconds));
    let leader = mesh.leader();
    let mut steady = Steady::default();
    (steady.voters, steady.learners) = mesh.roles();
    steady.writes_per_s = (mesh.writes_made - writes) / seconds;
    let mut connections = 0;
    for (index, server) in mesh.members() {
        let flow = server.flow.per_second(seconds);
        steady.total = steady.total.plus(flow);
        steady.most_connections = steady.most_connections.max(server.connections);
        connections += server.connections;
        let memory = mesh.memory_of(server.connections);
        if index == leader {
            (steady.leader, steady.leader_memory) = (flow, memory);
        } else if flow.bytes > steady.busiest.bytes {
            (steady.busiest, steady.busiest_memory) = (flow, memory);
        }
    }
    steady.mean_connections = f64::from(connections) / mesh.members().count().max(1) as f64;
    steady
}

/// The relay with most clients loses its power; in a mesh without relays, the voter with most that does not lead. Also
/// how long until as many stores serve as before.
pub fn server_dies(mesh: &mut Mesh) -> (Part, Option<Duration>) {
    begin(mesh);
    let leader = mesh.leader();
    let relays = mesh.relays_needed() > 0;
    let serving = mesh.members().filter(|(index, server)| server.serves && *index != leader);
    let fitting = serving.filter(|(_, server)| mesh.votes(server.member) != relays);
    let victim = fitting.max_by_key(|(_, server)| server.connections);
    let Some(victim) = victim.map(|(_, server)| server.host) else { return (end(mesh, None), None) };
    let (from, servers) = (mesh.now, mesh.serving());
    mesh.die(victim);
    let (mut home, mut replaced) = (None, None);
    mesh.run_while(from + Duration::from_secs(600), |mesh| {
        let after = Some(mesh.now.since(from));
        home = home.or(after.filter(|_| mesh.clients.iter().all(is_at_home)));
        replaced = replaced.or(after.filter(|_| mesh.serving() >= servers));
        home.is_none() || replaced.is_none()
    });
    (end(mesh, home), replaced)
}

/// Every agent restarts, in an order drawn by lot, evenly over this time.
pub fn all_restart(mesh: &mut Mesh, over: Duration) -> Part {
    begin(mesh);
    let mut order: Vec<HostIndex> = (0..).zip(&mesh.clients).map(|(host, _)| host).collect();
    mesh.rng.shuffle(&mut order);
    let from = mesh.now;
    let each = over.div_f64(order.len() as f64);
    for (number, host) in (0u32..).zip(order) {
        let at = from + each.mul_f64(f64::from(number));
        mesh.agenda.at(at, Event::Restart(host));
    }
    mesh.run_until(from + over);
    let limit = from + over + Duration::from_secs(600);
    let well = |client: &Client| is_at_home(client) && (client.registered || client.state == State::Down);
    mesh.run_while(limit, |mesh| !mesh.clients.iter().all(well));
    let took = mesh.clients.iter().all(well).then(|| mesh.now.since(from));
    end(mesh, took)
}

impl Mesh {
    /// There are as many servers as there should be.
    fn is_settled(&self) -> bool {
        let policy = &self.rim.view.policy;
        let hosts = self.clients.len();
        let voters = usize::from(policy.voters).min((hosts - 1) | 1);
        let learners = (self.relays_needed() + 1).min(hosts - voters);
        let (vote, learn) = self.roles();
        vote == voters && learn >= learners && self.rim.view.nominations.is_empty()
    }

    fn relays_needed(&self) -> usize {
        (self.seen.connected / self.rim.view.policy.relay_per) as usize
    }

    /// How many stores serve.
    pub fn serving(&self) -> usize {
        self.members().filter(|(_, server)| server.serves).count()
    }

    /// What a server takes, in bytes.
    fn memory_of(&self, connections: u32) -> f64 {
        let (costs, load) = (&self.constants.costs, &self.constants.load);
        let a_client = costs.connection_memory_bytes + load.watches * costs.watch_memory_bytes;
        costs.base_memory_bytes + self.store_bytes() + f64::from(connections) * a_client
    }
}
