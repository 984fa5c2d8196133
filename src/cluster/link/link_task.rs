//! Keeps a connection to a member while it lives.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::watch;

use super::line::{self, Line, LineId};
use super::{Backoff, Endpoint, Trouble};
use crate::cluster::peer::Channel;
use crate::cluster::store::id::{ClusterId, MemberId};
use crate::engine::world::{Deadline, WorldError};

/// How long a member may take to be connected to and say how it stands.
const GREETING: Duration = Duration::from_secs(4);
/// While another endpoint is known, the next one is tried beside one that has not answered after this.
const NEXT_AFTER: Duration = Duration::from_millis(250);

/// How a link is set up.
#[derive(Debug, Default)]
pub struct LinkSettings {
    /// The store that it must be; `None`: the first that answers.
    pub cluster: Option<ClusterId>,
    /// Where a store keeps the ids of those that it was before it began anew: it is taken for each of them.
    pub lineage: Option<&'static str>,
}

/// Since when there is no connection, and why.
#[derive(Clone, Debug)]
pub struct Away {
    /// Since when, for what is counted.
    pub since: Instant,
    /// Since when, for people.
    pub since_time: SystemTime,
    /// What each endpoint answered last.
    pub why: BTreeMap<Endpoint, String>,
}

/// Whether there is a connection.
#[derive(Clone, Debug)]
pub enum Standing {
    /// There is none.
    Away(Away),
    /// There is one.
    Up(Line),
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

/// Which stores are of use.
#[derive(Clone, Copy, Debug)]
struct Expected {
    cluster: Option<ClusterId>,
    lineage: Option<&'static str>,
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

    /// Where it connects to.
    pub fn endpoints(&self) -> Vec<Endpoint> {
        self.0.endpoints.borrow().clone()
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
    loop {
        let known = endpoints.borrow_and_update().clone();
        let Some(alive) = shared.upgrade() else { return };
        let cluster = *alive.cluster.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let expected = Expected { cluster, lineage: alive.lineage };
        let number = LineId(alive.lines.fetch_add(1, Ordering::Relaxed));
        drop(alive);
        let mut met = Met::default();
        let connected = connect(&known, first, number, expected, &mut met).await;
        let Some(alive) = shared.upgrade() else { return };
        match connected {
            Some((at, line)) => {
                first = at;
                *alive.cluster.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(line.cluster);
                tracing::debug!(endpoint = %line.endpoint, "connected to the store");
                alive.standing.send_replace(Standing::Up(line.clone()));
                drop(alive);
                let up = Instant::now();
                let why = wait_for_end(&line, &mut dismissed).await;
                // A connection that did not last is a failure like one that was not made, and the next one is tried; after
                // one that did, the best is.
                if why == Why::Better || up.elapsed() > GREETING {
                    backoff = Backoff::default();
                    first = 0;
                } else {
                    first += 1;
                }
                let Some(alive) = shared.upgrade() else { return };
                let why = [(line.endpoint.clone(), "the connection has ended".to_owned())].into();
                let away = Away { since: Instant::now(), since_time: SystemTime::now(), why };
                alive.standing.send_replace(Standing::Away(away));
            }
            None => {
                alive.standing.send_if_modified(|standing| match standing {
                    Standing::Away(away) => {
                        let differs = away.why != met.why;
                        away.why = met.why;
                        differs
                    }
                    Standing::Up(_) => false,
                });
                drop(alive);
                let wait =
                    if known.is_empty() { Duration::MAX } else { backoff.next(chance(), met.retry_after) };
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
    met: &mut Met,
) -> Option<(usize, Line)> {
    let mut trying = tokio::task::JoinSet::new();
    let turned = (0..endpoints.len()).map(|offset| (first + offset) % endpoints.len());
    let mut rest: VecDeque<(usize, Endpoint)> = turned.map(|at| (at, endpoints[at].clone())).collect();
    let mut told: BTreeSet<Endpoint> = endpoints.iter().cloned().collect();
    loop {
        if let Some((at, endpoint)) = rest.pop_front() {
            trying.spawn(async move {
                let greeting = greet(endpoint.clone(), number, expected).await;
                (at, endpoint, greeting)
            });
        }
        let patience = if rest.is_empty() { GREETING } else { NEXT_AFTER };
        match tokio::time::timeout(patience, trying.join_next()).await {
            Ok(Some(Ok((at, _, Ok(Greeting::Store(line)))))) => return Some((at, *line)),
            Ok(Some(Ok((at, endpoint, Ok(Greeting::Signpost(others)))))) => {
                met.why.insert(endpoint, "it carries no store".to_owned());
                rest.extend(
                    others.into_iter().filter(|other| told.insert(other.clone())).map(|other| (at, other)),
                );
            }
            Ok(Some(Ok((_, endpoint, Err(Unfit { why, retry_after }))))) => {
                met.why.insert(endpoint, why);
                met.retry_after = [met.retry_after, retry_after].into_iter().flatten().min();
            }
            Ok(Some(Err(_))) => {}
            Ok(None) | Err(_) => {}
        }
        if rest.is_empty() && trying.is_empty() {
            return None;
        }
    }
}

/// Whether a store was another one before it began anew.
async fn has_been(channel: &Channel, lineage: Option<&str>, other: ClusterId) -> bool {
    let Some(lineage) = lineage else { return false };
    line::has(channel, format!("{lineage}{other}"), Deadline::after(GREETING)).await.unwrap_or(false)
}

/// What was met at endpoints that are of no use.
#[derive(Debug, Default)]
struct Met {
    why: BTreeMap<Endpoint, String>,
    /// The first of those that are full wants to be asked again after this.
    retry_after: Option<Duration>,
}

/// Why an endpoint is of no use now.
struct Unfit {
    why: String,
    retry_after: Option<Duration>,
}

impl From<String> for Unfit {
    fn from(why: String) -> Self {
        Self { why, retry_after: None }
    }
}

/// Who answers at an endpoint.
enum Greeting {
    /// A member that is of use.
    Store(Box<Line>),
    /// A host that carries no store, and knows where it is.
    Signpost(Vec<Endpoint>),
}

/// Connects, and asks whether the member is of use.
async fn greet(endpoint: Endpoint, number: LineId, expected: Expected) -> Result<Greeting, Unfit> {
    let by = Deadline::after(GREETING);
    let channel = Channel::connect(&endpoint.url, None).await.map_err(|error| error.to_string())?;
    let stranger = |why: String| format!("it answers, and not as a store does: {why}");
    let status = match line::status(&channel, by).await {
        Ok(status) => status,
        Err(Trouble::Busy(retry_after)) => return Err(Unfit { why: "it is full".to_owned(), retry_after }),
        Err(Trouble::Line(why)) => return Err(stranger(why).into()),
        Err(Trouble::Refused(why)) => {
            let told = line::members(&channel, by).await.map_err(|_| stranger(why))?;
            let urls = told.members.iter().flat_map(|member| &member.client_ur_ls);
            return Ok(Greeting::Signpost(urls.filter_map(|url| url.parse().ok()).collect()));
        }
    };
    let header = status.header.ok_or_else(|| stranger("its answers have no header".to_owned()))?;
    let cluster = ClusterId(header.cluster_id);
    let other = expected.cluster.filter(|expected| *expected != cluster);
    let has_leader = status.leader != 0;
    if let Some(other) = other {
        if !has_leader || !has_been(&channel, expected.lineage, other).await {
            return Err(format!("it is a store of another mesh: {cluster}, not {other}").into());
        }
        tracing::warn!(%endpoint, "the store {other} has begun anew as {cluster}: what it lost is written again where hosts know it");
    }
    if !has_leader {
        return Err("it has no leader".to_owned().into());
    }
    let member = MemberId(header.member_id);
    Ok(Greeting::Store(Box::new(Line { channel, id: number, endpoint, cluster, member })))
}
