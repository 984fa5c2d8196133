//! One seed: a pair of fresh servers, and random requests to both in lock step.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::time::{Duration, Instant};

use fastrand::Rng;
use futures_util::future::join_all;
use mgmt::cluster::etcd::pb::etcdserverpb::{
    AlarmRequest, LeaseGrantRequest, LeaseRevokeRequest, StatusRequest, StatusResponse,
};
use tempfile::TempDir;
use tonic::Status;

use super::draw::{Draw, MAX_REQUEST_BYTES};
use super::line::Line;
use super::request::{Answer, Request, unary};
use super::settings::Settings;
use super::watching::Watching;
use crate::cluster::process::{Make, Process};

/// Reads at once behind each write.
pub const READS: usize = 12;
/// Writes from one look at alarms, short leases, users and watches to the next.
const EPISODE: usize = 120;
/// How many requests before a difference are told with it.
const REMEMBERED: usize = 20;
/// A request that is told is not longer than this.
const SHOWN: usize = 400;
/// Nor is the one that is answered differently longer than this.
const LONGEST: usize = 8000;

/// How a refusal ends that etcd may think better of, and how long that may take.
const DENIED: &str = "permission denied";
const PATIENCE: Duration = Duration::from_secs(2);

/// Who asks, by the name under which a token was given; `None`: without a token.
pub type By = Option<&'static str>;

fn cut(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

/// The lock step.
pub struct Run {
    pub draw: Draw,
    seed: u64,
    requests: usize,
    most: usize,
    reference: Line,
    tested: Line,
    /// By user: what each of the two calls its token.
    pub tokens: BTreeMap<&'static str, (String, String)>,
    /// What was asked so far.
    pub step: usize,
    pub asked: BTreeMap<&'static str, usize>,
    /// Each that was found.
    pub differences: Vec<String>,
    before: VecDeque<String>,
}

/// In memory where that is possible.
fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
}

/// Runs a seed on servers of its own.
pub async fn run(settings: &Settings, seed: u64, requests: usize) -> Run {
    let most_bytes = MAX_REQUEST_BYTES.to_string();
    // The least cost: passwords are not what is compared; nor is the disk.
    let flags = ["--bcrypt-cost", "4", "--max-request-bytes", &most_bytes];
    let (left_dir, right_dir) = (scratch(), scratch());
    let left = Process::start(Make::Etcd, left_dir.path(), &[&flags[..], &["--unsafe-no-fsync"]].concat());
    let right = Process::start(Make::Ours, right_dir.path(), &flags);
    let mut run = Run {
        draw: Draw {
            random: Rng::with_seed(seed),
            revision: 1,
            compacted: 0,
            compacts: true,
            ordered: false,
            nests: true,
        },
        seed,
        requests,
        most: settings.mismatches,
        reference: Line::to(&left),
        tested: Line::to(&right),
        tokens: BTreeMap::new(),
        step: 0,
        asked: BTreeMap::new(),
        differences: Vec::new(),
        before: VecDeque::new(),
    };
    run.start().await;
    run.go_on().await;
    run
}

impl Run {
    /// Both listen before they have told of themselves: then each has a version.
    async fn start(&mut self) {
        for line in [&self.reference, &self.tested] {
            loop {
                let request = mgmt::cluster::etcd::pb::etcdserverpb::DowngradeRequest {
                    action: 0,
                    version: "x".to_owned(),
                };
                let told: Result<mgmt::cluster::etcd::pb::etcdserverpb::DowngradeResponse, _> =
                    unary(line, "/etcdserverpb.Maintenance/Downgrade", request).await;
                if told.is_err_and(|status| status.code() == tonic::Code::InvalidArgument) {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
    }

    /// The two, as somebody.
    pub fn lines(&self, by: By) -> (Line, Line) {
        let (left, right) = match by {
            None => (None, None),
            Some(user) => match self.tokens.get(user) {
                Some((left, right)) => (Some(left.clone()), Some(right.clone())),
                None => (Some(format!("{user}.1")), Some(format!("{user}.1"))),
            },
        };
        (self.reference.with(left), self.tested.with(right))
    }

    pub async fn ask(&mut self, request: Request) {
        self.ask_at_once(vec![(request, None)]).await;
    }

    pub async fn ask_by(&mut self, by: By, request: Request) {
        self.ask_at_once(vec![(request, by)]).await;
    }

    pub async fn ask_at_once(&mut self, requests: Vec<(Request, By)>) {
        let both = join_all(requests.iter().map(|(request, by)| async {
            let (left, right) = self.lines(*by);
            tokio::join!(request.ask(&left), request.ask(&right))
        }))
        .await;
        for ((request, by), (expected, found)) in requests.iter().zip(both) {
            *self.asked.entry(request.method()).or_default() += 1;
            self.step += 1;
            if let Request::Compact(compaction) = request
                && expected.brief() == "ok"
            {
                self.draw.compacted = compaction.revision;
            }
            let expected = self.reconsidered(request, *by, expected, &found).await;
            if !expected.same(&found) {
                let (expected, found) = (expected.show(), found.show());
                let diff = similar::TextDiff::from_lines(&expected, &found)
                    .unified_diff()
                    .context_radius(20)
                    .to_string();
                let asked = format!("{request:?}");
                self.differs(&format!("{} by {by:?}: {}\n{diff}", request.method(), cut(&asked, LONGEST)));
            }
            let shown =
                format!("{}: {} by {by:?}: {request:?} -> {}", self.step, request.method(), expected.brief());
            self.before.push_back(cut(&shown, SHOWN).to_owned());
            if self.before.len() > REMEMBERED {
                self.before.pop_front();
            }
        }
    }

    /// What etcd says in the end. For a moment after users were changed it may refuse what they may, root too: seen once in
    /// some hundred thousand requests. What it refuses has changed nothing, so it can be asked again.
    async fn reconsidered(&self, request: &Request, by: By, expected: Answer, found: &Answer) -> Answer {
        let (mut expected, start) = (expected, Instant::now());
        while !expected.same(found) && expected.brief().ends_with(DENIED) && start.elapsed() < PATIENCE {
            expected = request.ask(&self.lines(by).0).await;
        }
        expected
    }

    /// Notes a difference, with what came before.
    pub fn differs(&mut self, what: &str) {
        let (seed, step, requests) = (self.seed, self.step, self.requests);
        let before: Vec<&str> = self.before.iter().map(String::as_str).collect();
        self.differences.push(format!(
            "seed {seed}, request {step}: {what}\nbefore it:\n{}\nrepeat: make differential SEED={seed} REQUESTS={requests}\n",
            before.join("\n")
        ));
    }

    fn stop(&self) -> bool {
        self.step >= self.requests || self.differences.len() >= self.most
    }

    /// Where the servers are: asked of the one that is right.
    pub async fn learn_revision(&mut self) {
        let (line, _) = self.lines(self.tokens.contains_key("root").then_some("root"));
        let start = Instant::now();
        let told: Result<StatusResponse, _> = loop {
            let told = unary(&line, "/etcdserverpb.Maintenance/Status", StatusRequest {}).await;
            let denied = told.as_ref().is_err_and(|status: &Status| status.message().ends_with(DENIED));
            if !denied || start.elapsed() > PATIENCE {
                break told;
            }
        };
        match told {
            Ok(reply) => self.draw.revision = reply.header.map_or(0, |header| header.revision),
            Err(status) => {
                self.differs(&format!("the reference does not say where it is: {status:?}"));
                self.requests = 0;
            }
        }
    }

    async fn write(&mut self) {
        self.learn_revision().await;
        let write = self.draw.write();
        self.ask(write).await;
        self.reads().await;
    }

    async fn reads(&mut self) {
        let reads = (0..self.draw.random.usize(..READS)).map(|_| (self.draw.read(), None)).collect();
        self.ask_at_once(reads).await;
    }

    /// Alarms refuse writes until they are off again.
    async fn alarm(&mut self) {
        let alarm = self.draw.random.i32(1..=2);
        self.draw.nests = false;
        for action in [1, 0, 2, 0] {
            self.ask(Request::Alarm(AlarmRequest { action, member_id: 77, alarm })).await;
            for _ in 0..3 {
                let write = self.draw.write();
                self.ask(write).await;
            }
            self.reads().await;
        }
        self.draw.nests = true;
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
        let (left, right) = self.lines(None);
        let opened = Watching::open(&mut self.draw, &left, &right).await;
        let mut watching = opened.expect("both servers take watch streams");
        for _ in 0..self.draw.random.usize(1..12) {
            self.write().await;
            if self.draw.one_in(8) {
                self.learn_revision().await;
                watching.cancel_one(&mut self.draw).await;
            }
        }
        self.end(watching, None).await;
    }

    /// Compares what watches were told in the end.
    pub async fn end(&mut self, watching: Watching, by: By) {
        self.learn_revision().await;
        if let Some(difference) = watching.compare(self.draw.revision).await {
            self.differs(&format!("Watch by {by:?}: {difference}"));
        }
        self.draw.compacts = true;
    }

    async fn go_on(&mut self) {
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
                2 | 3 => self.users().await,
                _ => {}
            }
        }
    }
}
