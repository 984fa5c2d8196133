//! Which deploy this host is to run: fetched, opened and handed to the agent, one graph after another.
//!
//! What cannot be had for now is tried again; what cannot be run is said, and the last good one runs on. A host that
//! starts without the store runs what is on its disk.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use tokio::sync::{mpsc, oneshot, watch};

use super::shelf::{Shelf, ShelfError, may_pass};
use super::telling::Standing;
use crate::agent::error::AgentError;
use crate::engine::Graph;
use crate::engine::world::{
    Deadline, Deploy, DeployId, Follow, Rollout, Seen, Turn, World, WorldError, rollout,
};
use crate::lang::{Outcome, Parsed};

/// So long a host that starts waits for the mesh before it runs what it has.
const WORLD_WAIT: Duration = Duration::from_secs(1);
/// How long the store may take to say what a deploy is made of.
const PATIENCE: Duration = Duration::from_secs(10);
/// What could not be had is tried again after this, and later each time.
const AGAIN: Duration = Duration::from_secs(1);
/// At the latest after this.
const AGAIN_AT_MOST: Duration = Duration::from_secs(30);

/// A graph for the agent to run, or what is wrong with it.
pub struct Proposal {
    /// The graph.
    pub outcome: Outcome,
    /// Who waits to hear whether it runs, and if not, why.
    pub answer: Option<oneshot::Sender<Result<(), String>>>,
}

impl From<Outcome> for Proposal {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, answer: None }
    }
}

/// Opens a graph file.
pub type Open = Box<dyn Fn(&Path) -> Result<BoxStream<'static, Outcome>, AgentError> + Send>;

/// Follows which deploy this host is to run.
pub struct Follower {
    /// The mesh.
    pub world: Arc<dyn World>,
    /// What this host's administrator says of it.
    pub labels: BTreeMap<String, String>,
    /// Later deploys are left alone.
    pub first_only: bool,
    /// Where deploys are kept.
    pub shelf: Shelf,
    /// What opens a deploy's graph.
    pub open: Open,
}

impl Follower {
    /// Follows until the answer is dropped. To be called inside a tokio runtime.
    pub fn start(self) -> (BoxStream<'static, Proposal>, watch::Receiver<Standing>) {
        let (propose, mut proposals) = mpsc::channel(1);
        let (tell, standing) = watch::channel(Standing::default());
        let Self { world, labels, first_only, shelf, open } = self;
        let shelf = Arc::new(shelf);
        let following = Following {
            world,
            labels,
            first_only,
            shelf,
            open,
            propose,
            tell,
            graphs: stream::pending().boxed(),
            done: None,
            running: None,
        };
        tokio::spawn(following.run());
        (stream::poll_fn(move |cx| proposals.poll_recv(cx)).boxed(), standing)
    }
}

impl fmt::Debug for Follower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Follower").field(&self.shelf).finish()
    }
}

/// The task.
struct Following {
    world: Arc<dyn World>,
    labels: BTreeMap<String, String>,
    first_only: bool,
    shelf: Arc<Shelf>,
    open: Open,
    propose: mpsc::Sender<Proposal>,
    tell: watch::Sender<Standing>,
    /// The graphs of the deploy that runs, when what it collects changes.
    graphs: BoxStream<'static, Outcome>,
    /// Which one was tried last, with whatever outcome; `Some(None)`: that this host is to run none.
    done: Option<Option<DeployId>>,
    running: Option<DeployId>,
}

type Rolled = Seen<Option<Arc<Rollout>>>;

/// Why a deploy does not run.
enum Trouble {
    /// It may later.
    Passing(String),
    /// It never will.
    Lasting(String),
    /// Nobody who may has signed it, as far as is known: an administrator may be new.
    Refused(String),
    /// The agent ends, or this host is to run another one by now.
    Moot,
}

impl Following {
    async fn run(mut self) {
        let mut rolled = self.world.deploys().rollout();
        let mut now = rolled.first(Deadline::after(WORLD_WAIT)).await.ok();
        let mut again = AGAIN;
        loop {
            let retry_at = match self.due(now.as_ref()) {
                Some(due) if self.done != Some(due) => {
                    let is_stale = now.as_ref().is_some_and(|now| now.stale.is_some());
                    let rollout = now.as_ref().and_then(|now| now.value.clone());
                    match self.turn_to(due, rollout, is_stale, &rolled).await {
                        Err(Trouble::Moot) => None,
                        Err(Trouble::Refused(why)) => {
                            self.refuse(why).await;
                            let at = Instant::now() + again;
                            again = (again * 2).min(AGAIN_AT_MOST);
                            Some(at)
                        }
                        Err(Trouble::Passing(why)) => {
                            tracing::warn!(deploy = %due.unwrap_or_default(), why, "the deploy is not there yet");
                            self.fall_back().await;
                            let at = Instant::now() + again;
                            again = (again * 2).min(AGAIN_AT_MOST);
                            Some(at)
                        }
                        done => {
                            again = AGAIN;
                            self.done = Some(due);
                            if let Err(Trouble::Lasting(why)) = done {
                                tracing::error!(deploy = %due.unwrap_or_default(), why, "the deploy cannot be run; the last good one runs on");
                                self.tell.send_modify(|standing| standing.broken = Some(why));
                                self.fall_back().await;
                            }
                            None
                        }
                    }
                }
                Some(_) => None,
                None => {
                    self.fall_back().await;
                    None
                }
            };
            let retry = async {
                match retry_at {
                    Some(at) => tokio::time::sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                seen = rolled.changed() => match seen {
                    Some(seen) => now = Some(seen),
                    None => return,
                },
                outcome = self.graphs.next() => self.pass_on(outcome).await,
                () = retry => {}
                () = self.propose.closed() => return,
            }
        }
    }

    /// Which deploy this host is to run; `None`: nobody has said, and what runs goes on.
    fn due(&self, now: Option<&Rolled>) -> Option<Option<DeployId>> {
        if self.first_only && self.running.is_some() {
            return Some(self.running).filter(|_| self.done.is_some());
        }
        let rollout = now?.value.as_ref()?;
        Some(rollout::due(rollout, self.world.host(), &self.labels))
    }

    /// Goes over to a deploy, or to none.
    async fn turn_to(
        &mut self,
        due: Option<DeployId>,
        rollout: Option<Arc<Rollout>>,
        is_stale: bool,
        rolled: &Follow<Option<Arc<Rollout>>>,
    ) -> Result<(), Trouble> {
        let is_wanted_still = self.tell.borrow().wanted == due && due != self.running;
        if !is_wanted_still {
            self.tell.send_modify(|standing| (standing.wanted, standing.broken) = (due, None));
        }
        if due == self.running {
            return Ok(());
        }
        if let Some(rollout) = rollout {
            let (world, shelf) = (self.world.clone(), self.shelf.clone());
            permitted(world, shelf, self.labels.clone(), due, &rollout, is_stale).await?;
        }
        let Some(id) = due else {
            let nothing = Parsed { graph: Graph::new("none"), warnings: Vec::new() };
            self.offer(Ok(nothing)).await?;
            self.graphs = stream::pending().boxed();
            self.runs(None);
            return Ok(());
        };
        let fetching = fetch(self.world.clone(), self.shelf.clone(), id, is_stale);
        tokio::pin!(fetching);
        let deploy = loop {
            tokio::select! {
                deploy = &mut fetching => break deploy?,
                outcome = self.graphs.next() => self.pass_on(outcome).await,
                () = self.propose.closed() => return Err(Trouble::Moot),
            }
        };
        // It took its time, and may have been aborted meanwhile.
        if self.due(rolled.now().as_ref()).is_some_and(|due| due != Some(id)) {
            return Err(Trouble::Moot);
        }
        self.run_deploy(&deploy).await
    }

    /// What this host was to run is not signed as it must be: it is said once, and what runs goes on.
    async fn refuse(&mut self, why: String) {
        if self.tell.borrow().broken.as_ref() != Some(&why) {
            tracing::error!(why, "a deploy is refused; the last good one runs on");
            self.tell.send_modify(|standing| standing.broken = Some(why));
        }
        self.fall_back().await;
    }

    /// Runs a deploy that is on the shelf.
    async fn run_deploy(&mut self, deploy: &Deploy) -> Result<(), Trouble> {
        let file = self.shelf.place(deploy.id).join(&deploy.entry);
        let opened = (self.open)(&file);
        let mut graphs = opened.map_err(|error| Trouble::Lasting(error.diagnostic().message))?;
        let first = graphs.next().await.ok_or(Trouble::Moot)?;
        self.offer(first).await?;
        self.graphs = graphs;
        self.runs(Some(deploy.id));
        if let Err(error) = self.shelf.is_good(deploy.id) {
            tracing::warn!(%error, "a restart without the mesh will not find this deploy");
        }
        Ok(())
    }

    /// Runs the newest good deploy of this disk, if nothing runs yet.
    async fn fall_back(&mut self) {
        if self.running.is_some() {
            return;
        }
        for id in self.shelf.good() {
            let Some(deploy) = self.shelf.get(id) else { continue };
            if self.run_deploy(&deploy).await.is_ok() {
                tracing::info!(deploy = %id, "runs the last deploy that was well");
                return;
            }
        }
    }

    fn runs(&mut self, id: Option<DeployId>) {
        self.running = id;
        self.tell.send_modify(|standing| {
            standing.running = id;
            if standing.wanted == id {
                standing.broken = None;
            }
        });
        match id {
            Some(id) => tracing::info!(deploy = %id, "runs the deploy"),
            None => tracing::info!("runs no deploy"),
        }
    }

    /// Hands a graph to the agent, and waits until it runs.
    async fn offer(&mut self, outcome: Outcome) -> Result<(), Trouble> {
        let (answer, answered) = oneshot::channel();
        let proposal = Proposal { outcome, answer: Some(answer) };
        self.propose.send(proposal).await.map_err(|_| Trouble::Moot)?;
        answered.await.map_err(|_| Trouble::Moot)?.map_err(Trouble::Lasting)
    }

    /// The next graph of the deploy that runs.
    async fn pass_on(&mut self, outcome: Option<Outcome>) {
        match outcome {
            // An agent that does not listen any more ends.
            Some(outcome) => drop(self.propose.send(outcome.into()).await),
            None => self.graphs = stream::pending().boxed(),
        }
    }
}

/// Whether this host may go over to a deploy by a rollout: both must be signed, and lead there.
async fn permitted(
    world: Arc<dyn World>,
    shelf: Arc<Shelf>,
    labels: BTreeMap<String, String>,
    due: Option<DeployId>,
    rollout: &Rollout,
    is_stale: bool,
) -> Result<(), Trouble> {
    if is_stale && due.is_some() && shelf.good().first() == due.as_ref() {
        // It ran last, so it was permitted.
        return Ok(());
    }
    let last = shelf.passed().map_err(|error| Trouble::Lasting(error.to_string()))?;
    let turn = Turn { rollout, due, labels: &labels, last };
    match world.deploys().permit(turn, Deadline::after(PATIENCE)).await {
        Ok(Some(passed)) if Some(passed) != last => {
            // Before it runs: what it does may end this host.
            shelf.pass(passed).map_err(|error| Trouble::Passing(error.to_string()))
        }
        Ok(_) => Ok(()),
        Err(error) => Err(of_world(&error)),
    }
}

/// Puts a deploy on the shelf. What is there already will do while the store is away.
async fn fetch(
    world: Arc<dyn World>,
    shelf: Arc<Shelf>,
    id: DeployId,
    is_stale: bool,
) -> Result<Deploy, Trouble> {
    let kept = shelf.get(id);
    if let Some(kept) = kept.clone().filter(|_| is_stale) {
        return Ok(kept);
    }
    let deploy = match (world.deploys().get(id, Deadline::after(PATIENCE)).await, kept) {
        (Ok(deploy), _) => deploy,
        (Err(error), Some(kept)) if may_pass(&error) => return Ok(kept),
        (Err(error), _) => return Err(of_world(&error)),
    };
    shelf.fetch(&deploy, &world.blobs()).await.map_err(|error: ShelfError| match error.is_transient() {
        true => Trouble::Passing(error.to_string()),
        false => Trouble::Lasting(error.to_string()),
    })?;
    Ok((*deploy).clone())
}

fn of_world(error: &WorldError) -> Trouble {
    match error {
        WorldError::Unbelieved { .. } => Trouble::Refused(error.to_string()),
        error if may_pass(error) => Trouble::Passing(error.to_string()),
        error => Trouble::Lasting(error.to_string()),
    }
}
