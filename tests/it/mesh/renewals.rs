//! Certificates that are renewed while hosts write and watch: no stream ends for it, and no event is lost or told twice.
//!
//! `MGMT_SOAK_SECONDS` says how long (12 unless set), `MGMT_SOAK_VALIDITY` for how many seconds a certificate is good (4 unless
//! set): `make soak` sets both.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant, SystemTime};

use mgmt::cluster::identity::JoinToken;
use mgmt::cluster::link::Standing;
use mgmt::cluster::mesh::{Found, Mesh, Options, Security, Volunteer};
use mgmt::cluster::world::keys;
use mgmt::cluster::world::mirror::{Changed, Mirror};
use mgmt::cluster::world::outbox::Write;
use mgmt::cluster::world::watcher::Sink;
use mgmt::engine::world::{Deadline, Written};

use super::village::Village;

/// Hosts that write; each of them watches all.
const HOSTS: [&str; 3] = ["h1", "h2", "h3"];
/// Keys that each writes in turn.
const KEYS: u64 = 64;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A number of seconds that the environment may set.
fn seconds(name: &str, otherwise: u64) -> Duration {
    let set = std::env::var(name).ok().map(|text| text.parse().expect("a number of seconds"));
    Duration::from_secs(set.unwrap_or(otherwise))
}

/// One event as a watch tells it: who wrote which number, at which revision.
type Event = (String, u64, i64);

/// Takes down what is told.
struct Taken {
    events: Sender<Event>,
    /// That it was told that what it shows may be old.
    stale: Sender<SystemTime>,
}

impl Sink for Taken {
    fn told(&mut self, _: &Mirror, changes: &[Changed], stale: Option<SystemTime>) {
        for Changed { key, now } in changes {
            let entry = now.as_ref().expect("nobody removes any");
            let host = std::str::from_utf8(key).unwrap().rsplit('/').next().unwrap().to_owned();
            let number = std::str::from_utf8(&entry.value).unwrap().parse().unwrap();
            // Whoever has seen enough does not listen.
            let _ = self.events.send((host, number, entry.written.0));
        }
        if let Some(since) = stale {
            let _ = self.stale.send(since);
        }
    }
}

/// What is written down of a host's connections.
#[derive(Debug, Default)]
struct Tally {
    connections: usize,
    /// When its certificates were over, in seconds.
    certificates: BTreeSet<u64>,
    longest_without: Duration,
}

/// A host within this process.
fn host(village: &Village, name: &str, token: &Arc<JoinToken>, validity: Duration) -> Mesh {
    let prefix = village.path(&format!("state/{name}"));
    fs::create_dir_all(&prefix).unwrap();
    let security = Security::Tls { prefix: prefix.clone(), token: Some(token.clone()), validity };
    let mesh = Mesh::prepare(Options {
        host: name.parse().unwrap(),
        zone: String::new(),
        labels: Default::default(),
        seeds: Vec::new(),
        listen: Vec::new(),
        advertise: Vec::new(),
        volunteer: Volunteer::Never,
        no_network: true,
        folder: prefix.join("mesh"),
        security,
        etcd_tls: None,
        at_once: true,
    });
    let mesh = mesh.unwrap();
    mesh.start(Box::new(Found::default));
    mesh
}

/// Writes one number after the other until the time is up; returns the last one.
async fn write(mesh: &Mesh, name: &str, until: Instant) -> u64 {
    let client = mesh.client();
    let mut number = 0;
    while Instant::now() < until {
        number += 1;
        let key = format!("{}soak-{}/{name}", keys::HOST_STRINGS, number % KEYS);
        let write = Write { key: key.into(), value: Some(number.to_string().into()), leased: false };
        let written = client.writer().write("soak", write, Deadline::after(PATIENCE)).await;
        // What waits on disk is not overtaken by the next of its key.
        if written.expect("the store takes it") == Written::Queued {
            client.link().line("soak", Deadline::after(PATIENCE)).await.expect("it comes back");
        }
    }
    number
}

/// Watches a host's connections until it is aborted.
async fn tally(mesh: Arc<Mesh>, tally: Arc<std::sync::Mutex<Tally>>) {
    let mut standing = mesh.client().link().follow();
    let mut away: Option<Instant> = None;
    loop {
        let is_up = matches!(&*standing.borrow_and_update(), Standing::Up(_));
        {
            let mut tally = tally.lock().unwrap();
            match (is_up, away) {
                (true, since) => {
                    tally.connections += 1;
                    tally.certificates.extend(mesh.report().certificate_until.map(|until| until.0));
                    let without = since.map_or(Duration::ZERO, |since| since.elapsed());
                    tally.longest_without = tally.longest_without.max(without);
                    away = None;
                }
                (false, None) => away = Some(Instant::now()),
                (false, Some(_)) => {}
            }
        }
        if standing.changed().await.is_err() {
            return;
        }
    }
}

/// Every number of every host, once and in order, at revisions that only grow.
fn check(watcher: &str, events: &Receiver<Event>, last: &[u64]) -> Vec<Event> {
    let mut next = [1; HOSTS.len()];
    let mut seen = Vec::new();
    let mut revision = 0;
    while next.iter().zip(last).any(|(next, last)| next <= last) {
        let event = events.recv_timeout(PATIENCE);
        let (host, number, written) =
            event.unwrap_or_else(|_| panic!("{watcher} waits for {next:?} of {last:?}, and nothing comes"));
        let at = HOSTS.iter().position(|known| *known == host).unwrap();
        assert_eq!(
            number, next[at],
            "{watcher} sees {number} of {host} at {written} in place of {}",
            next[at]
        );
        next[at] += 1;
        // Writes of one transaction share their revision.
        assert!(written >= revision, "{watcher} goes back from {revision} to {written}");
        revision = written;
        seen.push((host, number, written));
    }
    assert!(events.try_recv().is_err(), "{watcher} is told more than was written");
    seen
}

#[test]
fn certificates_are_renewed_under_load_and_no_watch_loses_or_repeats_an_event() {
    let (length, validity) = (seconds("MGMT_SOAK_SECONDS", 12), seconds("MGMT_SOAK_VALIDITY", 4));
    let village = Village::new();
    let brief = format!("--certificate-validity={}s", validity.as_secs());
    let mut agent = village.run("a", &["--no-join", "--listen", "127.0.0.1:0", &brief]);
    agent.says("ready to serve");
    let token = village.say(&["mesh", "invite", "--uses=3", "--host=h*", "--hostname", "a"]);
    let token: Arc<JoinToken> = Arc::new(token.trim().parse().unwrap());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (last, tallies, watches) = runtime.block_on(async {
        let meshes = HOSTS.map(|name| Arc::new(host(&village, name, &token, validity)));
        let tallies = HOSTS.map(|_| Arc::<std::sync::Mutex<Tally>>::default());
        let mut watches = Vec::new();
        for (mesh, of) in meshes.iter().zip(&tallies) {
            mesh.connected().await;
            let ((events, seen), (stale, was_stale)) = (channel(), channel());
            mesh.client().watcher().follow(keys::under(keys::HOST_STRINGS), Taken { events, stale });
            watches.push((seen, was_stale));
            tokio::spawn(tally(mesh.clone(), of.clone()));
        }
        let until = Instant::now() + length;
        let writing = meshes.iter().zip(HOSTS).map(|(mesh, name)| write(mesh, name, until));
        let last = futures_util::future::join_all(writing).await;
        let checked = tokio::task::spawn_blocking(move || {
            let mut all: Vec<(Vec<Event>, usize)> = Vec::new();
            for ((seen, was_stale), name) in watches.into_iter().zip(HOSTS) {
                let events = check(name, &seen, &last);
                all.push((events, was_stale.try_iter().count()));
            }
            (last, all)
        });
        let (last, all) = checked.await.unwrap();
        (last, tallies, all)
    });
    assert!(watches.windows(2).all(|two| two[0].0 == two[1].0), "all watches are told the same");
    let renewals_of_a = agent.said().matches("this host has a new certificate").count();
    println!(
        "{} s, certificates of {} s: {} writes by {} hosts, each seen once by {} watches; a renewed {renewals_of_a} times",
        length.as_secs(),
        validity.as_secs(),
        last.iter().sum::<u64>(),
        HOSTS.len(),
        HOSTS.len(),
    );
    for ((name, tally), (_, stale)) in HOSTS.iter().zip(&tallies).zip(&watches) {
        let tally = tally.lock().unwrap();
        println!(
            "{name}: {} certificates, {} connections, at most {:?} without one, told that it is stale {stale} times",
            tally.certificates.len(),
            tally.connections,
            tally.longest_without,
        );
        // A certificate is renewed at half of its time; the last one may be under way.
        let least = (length.as_secs() / validity.as_secs()).max(1);
        assert!(tally.certificates.len() as u64 >= least, "{name} has not renewed often enough: {tally:?}");
        // Nobody notices that a connection is exchanged for another.
        assert_eq!(*stale, 0, "{name} took what it saw for old");
    }
    assert!(renewals_of_a as u64 >= length.as_secs() / validity.as_secs());
}

#[test]
fn certificates_are_renewed_while_everything_goes_on() {
    let village = Village::new();
    let brief = "--certificate-validity=4s";
    let mut first = village.run("a", &["--no-join", "--listen", "127.0.0.1:0", brief]);
    first.says("ready to serve");
    let token = village.say(&["mesh", "invite", "--hostname", "a"]).trim().to_owned();
    let mut second = village.run("b", &["--no-join", brief, &format!("--join={token}")]);
    second.says("has joined the mesh");
    village.wait_for("b", "f4a");
    let graph = village.path("graph3a.yaml");
    let mut before = "i am f3, exported by host a".to_owned();
    for round in 0..3 {
        first.says("this host has a new certificate");
        second.says("this host has a new certificate");
        // What a changes reaches b over a connection that has been exchanged meanwhile.
        let content = format!("round {round}");
        let text = fs::read_to_string(&graph).unwrap().replace(&before, &content);
        fs::write(village.path("new"), text).unwrap();
        fs::rename(village.path("new"), &graph).unwrap();
        super::files::wait_for(&village.path("files-b/f3a"), &content, |found| found.contains(&content));
        before = content;
    }
}
