//! Two servers in lock step: seeded random requests, and every answer compared, field by field.
//!
//! What changes something is asked one by one, of both; then some requests that only read, all at once. Ids, terms,
//! indexes and sizes are left out (`normal`). `make differential SEED=7 REQUESTS=100000`.

mod draw;
mod normal;
mod rare;
mod request;
mod settings;
mod watching;

use std::collections::BTreeMap;
use std::time::Instant;

use fastrand::Rng;
use futures_util::future::join_all;
use mgmt::cluster::etcd::pb::etcdserverpb::{AlarmRequest, LeaseGrantRequest, LeaseRevokeRequest, StatusRequest, StatusResponse};
use tonic::transport::{Channel, Endpoint};

use self::draw::Draw;
use self::request::{Request, unary};
use self::settings::Settings;
use self::watching::Watching;
use super::server::Server;

/// Reads at once behind each write.
const READS: usize = 12;
/// Writes from one look at alarms, short leases and watches to the next.
const EPISODE: usize = 120;

struct Differential {
    settings: Settings,
    draw: Draw,
    reference: Channel,
    tested: Channel,
    step: usize,
    /// By method: how often answers differed, and the first time.
    mismatches: BTreeMap<String, (usize, String)>,
    asked: BTreeMap<&'static str, usize>,
}

impl Differential {
    async fn ask(&mut self, request: Request) {
        self.ask_at_once(vec![request]).await;
    }

    async fn ask_at_once(&mut self, requests: Vec<Request>) {
        let both = join_all(requests.iter().map(|request| async {
            tokio::join!(request.ask(&self.reference), request.ask(&self.tested))
        }));
        for (request, (expected, found)) in requests.iter().zip(both.await) {
            *self.asked.entry(request.method()).or_default() += 1;
            if !expected.same(&found) {
                let diff = similar::TextDiff::from_lines(&expected.show(), &found.show()).unified_diff().context_radius(12).to_string();
                self.differs(request.method(), format!("{request:#?}\n{diff}"));
            }
        }
        self.step += requests.len();
    }

    fn differs(&mut self, method: &str, what: String) {
        let step = self.step;
        let first = format!("step {step}: {what}\nreplay: {}", self.settings.replay());
        self.mismatches.entry(method.to_owned()).or_insert((0, first)).0 += 1;
    }

    fn stop(&self) -> bool {
        self.step >= self.settings.requests || self.mismatches.values().map(|(count, _)| count).sum::<usize>() >= self.settings.mismatches
    }

    /// Where the servers are: asked of the one that is right.
    async fn learn_revision(&mut self) {
        let reply: StatusResponse =
            unary(&self.reference, "/etcdserverpb.Maintenance/Status", StatusRequest {}).await.expect("the reference answers");
        self.draw.revision = reply.header.map_or(0, |header| header.revision);
    }

    async fn write(&mut self) {
        self.learn_revision().await;
        let write = self.draw.write();
        self.ask(write).await;
        let reads = (0..self.draw.random.usize(..READS)).map(|_| self.draw.read()).collect();
        self.ask_at_once(reads).await;
    }

    /// Alarms refuse writes until they are off again.
    async fn alarm(&mut self) {
        let alarm = self.draw.random.i32(1..=2);
        for action in [1, 0, 2, 0] {
            self.ask(Request::Alarm(AlarmRequest { action, member_id: 77, alarm })).await;
            for _ in 0..3 {
                let write = self.draw.write();
                self.ask(write).await;
            }
            let reads = (0..READS).map(|_| self.draw.read()).collect();
            self.ask_at_once(reads).await;
        }
    }

    /// Below the least time to live; gone again before it ends.
    async fn short_lease(&mut self) {
        for ttl in [0, -1, 1, 3] {
            self.ask(Request::Grant(LeaseGrantRequest { id: -5, ttl })).await;
            self.ask(Request::Revoke(LeaseRevokeRequest { id: -5 })).await;
        }
    }

    async fn watches(&mut self) {
        self.learn_revision().await;
        let opened = Watching::open(&mut self.draw, &self.reference, &self.tested).await;
        let mut watching = opened.expect("both servers take watch streams");
        for _ in 0..self.draw.random.usize(1..12) {
            self.write().await;
            if self.draw.one_in(8) {
                watching.cancel_one(&mut self.draw).await;
            }
        }
        self.learn_revision().await;
        if let Some(difference) = watching.compare(self.draw.revision).await {
            self.differs("/etcdserverpb.Watch/Watch", difference);
        }
    }

    async fn run(&mut self) {
        while !self.stop() {
            for _ in 0..EPISODE {
                if self.stop() {
                    return;
                }
                self.write().await;
            }
            self.watches().await;
            match self.draw.random.u32(..8) {
                0 => self.alarm().await,
                1 => self.short_lease().await,
                _ => {}
            }
        }
    }

    fn report(&self, start: Instant) -> String {
        let mut asked: Vec<_> = self.asked.iter().map(|(method, count)| format!("{count} {}", method.rsplit('/').next().unwrap_or(method))).collect();
        asked.sort_by_key(|text| std::cmp::Reverse(text.split(' ').next().and_then(|count| count.parse::<usize>().ok())));
        let seconds = start.elapsed().as_secs_f64();
        let Settings { seed, .. } = self.settings;
        format!("seed {seed}: {} requests in {seconds:.1} s, to revision {}: {}", self.step, self.draw.revision, asked.join(", "))
    }
}

fn channel(server: &Server) -> Channel {
    Endpoint::from_shared(format!("http://{}", server.client)).unwrap().connect_lazy()
}

/// A server that has died may have said why.
fn last_line(server: &Server) -> String {
    server.log().lines().last().unwrap_or_default().to_owned()
}

#[test]
fn every_answer_is_the_one_that_etcd_gives() {
    let settings = Settings::from_environment();
    let (left, right) = (Server::start(&settings.reference, &[]), Server::start(&settings.under_test, &[]));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (report, mismatches) = runtime.block_on(async {
        let draw = Draw { random: Rng::with_seed(settings.seed), revision: 1 };
        let (reference, tested) = (channel(&left), channel(&right));
        let mut run = Differential { settings, draw, reference, tested, step: 0, mismatches: BTreeMap::new(), asked: BTreeMap::new() };
        let start = Instant::now();
        run.run().await;
        (run.report(start), run.mismatches)
    });
    println!("{report}");
    let logs = if mismatches.is_empty() { String::new() } else { format!("{}\n{}", last_line(&left), last_line(&right)) };
    let told: Vec<String> = mismatches.iter().map(|(method, (count, first))| format!("{method}: {count} times, first at {first}")).collect();
    assert!(told.is_empty(), "- is etcd's answer, + the tested server's\n{report}\n{}\nlast in their logs:\n{logs}", told.join("\n\n"));
}
