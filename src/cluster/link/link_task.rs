//! Keeps a connection to a member while it lives.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::watch;

use super::greeting::{Expected, GREETING, Greeting, greet};
use super::line::{self, Line, LineId};
use super::{Backoff, Endpoint, Problem, Trouble};
use crate::cluster::etcd::pb::etcdserverpb as pb;
use crate::cluster::etcd::serve::Inside;
use crate::cluster::peer::{PeerTls, PeerUrl};
use crate::cluster::store::id::ClusterId;
use crate::engine::world::{Deadline, WorldError};

/// While another endpoint is known, the next one is tried beside one that has not answered after this.
const NEXT_AFTER: Duration = Duration::from_millis(250);

/// How a link is set up.
#[derive(Debug, Default)]
pub struct LinkSettings {
    /// The store that it must be; `None`: the first that answers.
    pub cluster: Option<ClusterId>,
    /// Where a store keeps the ids of those that it was before it began anew: it is taken for each of them.
    pub lineage: Option<&'static str>,
    /// With what `https` is spoken; it may come later ([`Link::set_tls`]).
    pub tls: Option<Arc<PeerTls>>,
    /// To the store of this process, without a port; the endpoint is only a name then.
    pub inside: Option<Inside>,
}

/// Since when there is no connection, and why.
#[derive(Clone, Debug)]
pub struct Away {
    /// Since when, for what is counted.
    pub since: Instant,
    /// Since when, for people.
    pub since_time: SystemTime,
    /// What each endpoint answered last.
    pub why: BTreeMap<Endpoint, Problem>,
}

/// Whether there is a connection.
#[derive(Clone, Debug)]
pub enum Standing {
    /// There is none.
    Away(Away),
    /// There is one.
    Up(Line),
}

impl Standing {
    /// The connection that there is.
    pub fn line(&self) -> Option<&Line> {
        match self {
            Self::Up(line) => Some(line),
            Self::Away(_) => None,
        }
    }
}

/// Keeps a connection. Cheap to clone; it ends with the last clone.
#[derive(Clone, Debug)]
pub struct Link(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    standing: watch::Sender<Standing>,
    endpoints: watch::Sender<Vec<Endpoint>>,
    /// The newest connection of which someone has said that another is to be made.
    dismissed: watch::Sender<Option<Dismissed>>,
    cluster: std::sync::Mutex<Option<ClusterId>>,
    lineage: Option<&'static str>,
    tls: std::sync::Mutex<Option<Arc<PeerTls>>>,
    inside: Option<Inside>,
    lines: AtomicU64,
}

/// A connection that someone wants no longer.
#[derive(Clone, Copy, Debug)]
struct Dismissed {
    line: LineId,
    why: Why,
}

/// Why a connection has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// It is of no use.
    Useless,
    /// There is a better one.
    Better,
}

impl Link {
    /// Starts to connect, as soon as there are endpoints. To be called inside a tokio runtime.
    pub fn start(settings: LinkSettings) -> Self {
        let away = Away { since: Instant::now(), since_time: SystemTime::now(), why: BTreeMap::new() };
        let shared = Arc::new(Shared {
            standing: watch::Sender::new(Standing::Away(away)),
            endpoints: watch::Sender::new(Vec::new()),
            dismissed: watch::Sender::new(None),
            cluster: std::sync::Mutex::new(settings.cluster),
            lineage: settings.lineage,
            tls: std::sync::Mutex::new(settings.tls),
            inside: settings.inside,
            lines: AtomicU64::new(1),
        });
        tokio::spawn(run(Arc::downgrade(&shared)));
        Self(shared)
    }

    /// Where to connect to from now on, the best first. The connection that there is stays.
    pub fn set_endpoints(&self, endpoints: Vec<Endpoint>) {
        self.0.endpoints.send_if_modified(|known| {
            let differs = *known != endpoints;
            *known = endpoints;
            differs
        });
    }

    /// With what `https` is spoken from now on; to be said before there are endpoints that need it.
    pub fn set_tls(&self, tls: Arc<PeerTls>) {
        *self.0.tls.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(tls);
    }

    /// With what `https` is spoken.
    pub fn tls(&self) -> Option<Arc<PeerTls>> {
        self.0.tls.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// Whether a member answers at an address, and is of use.
    ///
    /// # Errors
    /// What is wrong, in a few words.
    pub async fn knock(&self, address: &str) -> Result<(), String> {
        line::knock(address, self.tls().as_ref()).await
    }

    /// Where it connects to.
    pub fn endpoints(&self) -> Vec<Endpoint> {
        self.0.endpoints.borrow().clone()
    }

    /// The same as URLs.
    pub fn urls(&self) -> Vec<PeerUrl> {
        self.0.endpoints.borrow().iter().map(|at| at.url.clone()).collect()
    }

    /// The same as tokens have it, `host:port` each.
    pub fn places(&self) -> Vec<String> {
        self.0.endpoints.borrow().iter().map(|at| at.url.place()).collect()
    }

    /// Whether there is a connection now.
    pub fn standing(&self) -> Standing {
        self.0.standing.borrow().clone()
    }

    /// Follows whether there is a connection.
    pub fn follow(&self) -> watch::Receiver<Standing> {
        self.0.standing.subscribe()
    }

    /// The store that it is connected to, or must be.
    pub fn cluster(&self) -> Option<ClusterId> {
        *self.0.cluster.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// A connection, waited for.
    ///
    /// # Errors
    /// When there is none in time.
    pub async fn line(&self, operation: &'static str, by: Deadline) -> Result<Line, WorldError> {
        let mut standing = self.follow();
        let up = standing.wait_for(|standing| matches!(standing, Standing::Up(_)));
        match tokio::time::timeout_at(by.at().into(), up).await {
            Ok(Ok(standing)) => match &*standing {
                Standing::Up(line) => return Ok(line.clone()),
                Standing::Away(_) => {}
            },
            Ok(Err(_)) => return Err(WorldError::Ended { operation }),
            Err(_) => {}
        }
        Err(self.away(operation))
    }

    /// That there is no connection, as an error.
    pub fn away(&self, operation: &'static str) -> WorldError {
        match self.standing() {
            Standing::Away(away) => WorldError::Away { operation, away: away.since.elapsed() },
            Standing::Up(_) => WorldError::Late { operation },
        }
    }

    /// Says that a connection is of no use: another is made.
    pub fn is_useless(&self, line: LineId) {
        self.dismiss(line, Why::Useless);
    }

    /// Goes over from a connection that works to the best one of these endpoints.
    pub fn go_over(&self, line: LineId, endpoints: Vec<Endpoint>) {
        self.set_endpoints(endpoints);
        self.dismiss(line, Why::Better);
    }

    fn dismiss(&self, line: LineId, why: Why) {
        self.0.dismissed.send_if_modified(|known| {
            let newer = known.is_none_or(|known| known.line < line);
            if newer {
                *known = Some(Dismissed { line, why });
            }
            newer
        });
    }

    /// Asks over the connection that there is, and over the next ones while they break, until the deadline.
    ///
    /// # Errors
    /// When there is no answer in time, or a refusal. What was asked may have been done all the same.
    pub async fn ask<T, F>(
        &self,
        operation: &'static str,
        by: Deadline,
        ask: impl Fn(Line, Deadline) -> F,
    ) -> Result<T, WorldError>
    where
        F: Future<Output = Result<T, Trouble>>,
    {
        let mut backoff = Backoff::default();
        loop {
            let line = self.line(operation, by).await?;
            let id = line.id;
            let asked = match ask(line, by).await {
                Ok(answer) => return Ok(answer),
                Err(trouble @ Trouble::Refused(_)) => return Err(trouble.tell(operation)),
                Err(Trouble::Busy(after)) => after,
                Err(Trouble::Line(why)) => {
                    tracing::debug!(operation, why, "a call to the store has failed");
                    self.is_useless(id);
                    None
                }
            };
            let wait = backoff.next(chance(), asked);
            if by.left() <= wait {
                return Err(WorldError::Late { operation });
            }
            tokio::time::sleep(wait).await;
        }
    }
}

impl Link {
    /// Asks for a transaction, as [`Link::ask`] does.
    ///
    /// # Errors
    /// As for [`Link::ask`]; that what it compares is not so is none.
    pub async fn transact(
        &self,
        operation: &'static str,
        by: Deadline,
        txn: pb::TxnRequest,
    ) -> Result<pb::TxnResponse, WorldError> {
        let asked = self.ask(operation, by, |line: Line, by| {
            let txn = txn.clone();
            async move { line.txn(txn, by).await }
        });
        asked.await
    }
}

/// Chance is not worth an error: without it, clients come back in step.
pub(in crate::cluster) fn chance() -> u64 {
    getrandom::u64().unwrap_or_default()
}

async fn run(shared: std::sync::Weak<Shared>) {
    let Some((mut endpoints, mut dismissed)) =
        shared.upgrade().map(|shared| (shared.endpoints.subscribe(), shared.dismissed.subscribe()))
    else {
        return;
    };
    let mut backoff = Backoff::default();
    let mut first = 0;
    let mut told = BTreeMap::new();
    loop {
        let known = endpoints.borrow_and_update().clone();
        let Some(alive) = shared.upgrade() else { return };
        let cluster = *alive.cluster.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let tls = alive.tls.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        let expected = Expected { cluster, lineage: alive.lineage, tls, inside: alive.inside.clone() };
        let number = LineId(alive.lines.fetch_add(1, Ordering::Relaxed));
        drop(alive);
        let mut why = BTreeMap::new();
        let connected = connect(&known, first, number, expected, &mut why).await;
        complain(&why, &mut told);
        match connected {
            Some((at, line)) => {
                let Some(ended) = stay(&shared, line, &mut dismissed).await else { return };
                // After a connection that did not last the next one is tried, after one that did the best.
                (first, backoff) = match ended {
                    Ended::Soon => (at + 1, backoff),
                    Ended::Late | Ended::ForABetter => (0, Backoff::default()),
                };
            }
            None => {
                let Some(alive) = shared.upgrade() else { return };
                let retry_after = why.values().filter_map(Problem::retry_after).min();
                alive.standing.send_if_modified(|standing| match standing {
                    Standing::Away(away) => {
                        let differs = away.why != why;
                        away.why = why;
                        differs
                    }
                    Standing::Up(_) => false,
                });
                drop(alive);
                let wait = if known.is_empty() { Duration::MAX } else { backoff.next(chance(), retry_after) };
                tokio::select! {
                    () = tokio::time::sleep(wait.min(Duration::from_secs(3600))) => {}
                    changed = endpoints.changed() => {
                        if changed.is_err() {
                            return;
                        }
                        backoff = Backoff::default();
                        first = 0;
                    }
                }
            }
        }
    }
}

/// How a connection has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// It did not last: that is a failure like one that was not made.
    Soon,
    /// It had been of use.
    Late,
    /// Somebody has gone over to a better one.
    ForABetter,
}

/// Lets all use a connection until it ends; `None`: nobody wants any.
async fn stay(
    shared: &std::sync::Weak<Shared>,
    line: Line,
    dismissed: &mut watch::Receiver<Option<Dismissed>>,
) -> Option<Ended> {
    let alive = shared.upgrade()?;
    *alive.cluster.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(line.cluster);
    tracing::debug!(endpoint = %line.endpoint, resumed = line.is_resumed(), "connected to the store");
    let before = match alive.standing.send_replace(Standing::Up(line.clone())) {
        Standing::Away(away) => Some((away.since, away.since_time)),
        Standing::Up(_) => None,
    };
    drop(alive);
    let up = Instant::now();
    let ended = match wait_for_end(&line, dismissed).await {
        Why::Better => Ended::ForABetter,
        Why::Useless if up.elapsed() > GREETING => Ended::Late,
        Why::Useless => Ended::Soon,
    };
    let (since, since_time) = match before {
        Some(before) if ended == Ended::Soon => before,
        _ => (Instant::now(), SystemTime::now()),
    };
    let why = [(line.endpoint.clone(), Problem::Ended)].into();
    shared.upgrade()?.standing.send_replace(Standing::Away(Away { since, since_time, why }));
    Some(ended)
}

/// Says of an endpoint what somebody must do something about, once, also where another one is of use.
fn complain(why: &BTreeMap<Endpoint, Problem>, told: &mut BTreeMap<Endpoint, Problem>) {
    for (endpoint, problem) in why.iter().filter(|(_, problem)| problem.lasts()) {
        if told.insert(endpoint.clone(), problem.clone()).as_ref() != Some(problem) {
            tracing::warn!(%endpoint, why = %problem, hint = problem.hint(), "it is not used");
        }
    }
}

/// Returns when a connection has ended, or someone wants it no longer, or nobody wants any.
async fn wait_for_end(line: &Line, dismissed: &mut watch::Receiver<Option<Dismissed>>) -> Why {
    let is_it = |known: &Option<Dismissed>| known.is_some_and(|known| known.line >= line.id);
    tokio::select! {
        () = line.closed() => Why::Useless,
        // Its sender goes with the last link.
        known = dismissed.wait_for(is_it) => known.ok().and_then(|known| *known).map_or(Why::Useless, |known| known.why),
    }
}

/// Tries endpoints beginning with one of them, the next beside one that is slow; the first that is of use is taken. Those
/// that only know where the store is are asked for it.
async fn connect(
    endpoints: &[Endpoint],
    first: usize,
    number: LineId,
    expected: Expected,
    why: &mut BTreeMap<Endpoint, Problem>,
) -> Option<(usize, Line)> {
    let mut trying = tokio::task::JoinSet::new();
    let turned = (0..endpoints.len()).map(|offset| (first + offset) % endpoints.len());
    let mut rest: VecDeque<(usize, Endpoint)> = turned.map(|at| (at, endpoints[at].clone())).collect();
    let mut told: BTreeSet<Endpoint> = endpoints.iter().cloned().collect();
    loop {
        if let Some((at, endpoint)) = rest.pop_front() {
            let expected = expected.clone();
            trying.spawn(async move {
                let greeting = greet(endpoint.clone(), number, expected).await;
                (at, endpoint, greeting)
            });
        }
        let patience = if rest.is_empty() { GREETING } else { NEXT_AFTER };
        match tokio::time::timeout(patience, trying.join_next()).await {
            Ok(Some(Ok((at, _, Ok(Greeting::Store(line)))))) => return Some((at, *line)),
            Ok(Some(Ok((at, endpoint, Ok(Greeting::Signpost(others)))))) => {
                why.insert(endpoint, Problem::NoStore);
                rest.extend(
                    others.into_iter().filter(|other| told.insert(other.clone())).map(|other| (at, other)),
                );
            }
            Ok(Some(Ok((_, endpoint, Err(problem))))) => drop(why.insert(endpoint, problem)),
            Ok(Some(Err(_))) => {}
            Ok(None) | Err(_) => {}
        }
        if rest.is_empty() && trying.is_empty() {
            return None;
        }
    }
}
