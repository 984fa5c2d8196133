//! This host's part in the mesh, from the moment in which its graph needs the world.

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use tokio::sync::{oneshot, watch};

use super::part::{Open, Part};
use super::signpost::Signpost;
use super::store::{self, Beginning, Store};
use super::{Memory, MeshError, Options, Said, door, outage};
use crate::cluster::etcd::serve::Address;
use crate::cluster::link::{Endpoint, Link, LinkSettings};
use crate::cluster::tls::MeshTls;
use crate::cluster::world::{Client, ClientSettings, keys};
use crate::engine::state_dir;
use crate::engine::world::World;

/// How many times another port is tried when one is taken in the last moment.
const TRIES: u32 = 10;

/// How a host finds those agents of its user that run on the same machine; it may block for a moment.
pub type Neighbours = Box<dyn FnOnce() -> Found + Send>;

/// What was found.
#[derive(Default)]
pub struct Found {
    /// Where the store of their mesh is; empty: they have none.
    pub endpoints: Vec<Endpoint>,
    /// While it is kept, no other agent looks for a mesh.
    pub turn: Option<Box<dyn Any + Send>>,
}

/// What this host does for the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Nothing yet: the graph has not needed the world.
    #[default]
    Apart,
    /// It carries the store.
    Carries,
    /// It uses the store that others carry.
    Uses,
}

/// How this host's part stands, for `status`.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What it does.
    pub role: Role,
    /// Where others reach it.
    pub addresses: Vec<String>,
    /// Where the store is, as far as it knows.
    pub endpoints: Vec<String>,
    /// Which member it is connected to.
    pub through: Option<String>,
    /// The store's id.
    pub cluster: Option<String>,
    /// Since when the store is away.
    pub away_since: Option<SystemTime>,
    /// How many writes wait for the store.
    pub waiting: usize,
    /// Why it cannot take part.
    pub failed: Option<String>,
    /// What the steward says, if it works on this host.
    pub steward: Said,
}

/// This host's part in the mesh.
#[derive(Debug)]
pub struct Mesh {
    client: Arc<Client>,
    report: watch::Receiver<Report>,
    failed: watch::Receiver<Option<Arc<MeshError>>>,
    stage: Mutex<Stage>,
}

/// How far it is.
#[derive(Debug)]
enum Stage {
    Prepared(Box<Joining>, watch::Sender<Option<Arc<MeshError>>>),
    Running { stop: oneshot::Sender<()>, leave: oneshot::Sender<Leave>, task: tokio::task::JoinHandle<()> },
    Ended,
}

impl Mesh {
    /// Prepares to take part. To be called inside a tokio runtime.
    ///
    /// # Errors
    /// When what this host knows of its mesh cannot be read.
    pub fn prepare(options: Options) -> Result<Self, MeshError> {
        state_dir::make(&options.folder).map_err(crate::cluster::world::ClientError::from)?;
        let memory = Memory::load(&options.folder)?;
        let cluster = memory.cluster();
        let link =
            Link::start(LinkSettings { cluster, lineage: Some(keys::STORES), ..LinkSettings::default() });
        let settings = ClientSettings {
            host: options.host.clone(),
            zone: options.zone.clone(),
            folder: Some(options.folder.clone()),
        };
        let client = Client::start(settings, link.clone())?;
        let (tell, report) = watch::channel(Report::default());
        let (fail, failed) = watch::channel(None);
        let joining = Box::new(Joining { options, memory, link, client: client.clone(), tell });
        Ok(Self { client, report, failed, stage: Mutex::new(Stage::Prepared(joining, fail)) })
    }

    /// Takes part from now on, once the world is needed: until then nothing is opened and nothing started.
    pub fn start(&self, neighbours: Neighbours) {
        let mut stage = self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        if let Stage::Prepared(joining, fail) = std::mem::replace(&mut *stage, Stage::Ended) {
            let (stop, stopped) = oneshot::channel();
            let (leave, leaving) = oneshot::channel();
            let task = tokio::spawn(async move {
                if let Err(error) = joining.run(neighbours, stopped, leaving).await {
                    fail.send_replace(Some(Arc::new(error)));
                }
            });
            *stage = Stage::Running { stop, leave, task };
        }
    }

    /// The world as this host sees it.
    pub fn world(&self) -> Arc<dyn World> {
        self.client.clone()
    }

    /// Returns once anybody has needed the world.
    pub async fn wanted(&self) {
        self.client.wanted().await;
    }

    /// Returns once there is a connection to the store.
    pub async fn connected(&self) {
        let mut standing = self.client.link().follow();
        // Its sender lives as long as the client.
        let _ = standing.wait_for(|standing| standing.line().is_some()).await;
    }

    /// How this host's part stands.
    pub fn report(&self) -> Report {
        let mut report = self.report.borrow().clone();
        report.away_since = if report.role == Role::Apart { None } else { self.client.away_since() };
        report.through = self.client.link().standing().line().map(|line| line.endpoint.to_string());
        report.waiting = self.client.writer().depth().0;
        report.failed = self.failed.borrow().as_ref().map(ToString::to_string);
        report
    }

    /// Returns once it takes part, or cannot; at once if nobody has needed the world.
    pub async fn begun(&self) {
        if !self.client.is_wanted_now() {
            return;
        }
        let (mut report, mut failed) = (self.report.clone(), self.failed.clone());
        tokio::select! {
            _ = report.wait_for(|report| report.role != Role::Apart) => {}
            _ = failed.wait_for(Option::is_some) => {}
        }
    }

    /// How this host's part stands, to be followed.
    pub fn follow(&self) -> watch::Receiver<Report> {
        self.report.clone()
    }

    /// Returns when this host cannot take part, and why.
    pub fn failed(&self) -> watch::Receiver<Option<Arc<MeshError>>> {
        self.failed.clone()
    }

    /// Leaves the mesh for good: what this host carries is handed over, and what it has written of itself and for others
    /// is removed. Afterwards it takes part no longer.
    ///
    /// # Errors
    /// When the others do not agree in time: then it still belongs to them.
    pub async fn leave(&self) -> Result<(), MeshError> {
        let stage =
            std::mem::replace(&mut *self.stage.lock().unwrap_or_else(PoisonError::into_inner), Stage::Ended);
        let Stage::Running { stop, leave, task } = stage else { return Err(MeshError::Apart) };
        let (answer, answered) = oneshot::channel();
        if leave.send(Leave(answer)).is_err() {
            return Err(MeshError::Apart);
        }
        let left = answered.await.unwrap_or(Err(MeshError::Apart));
        // It ends, whether or not it has left.
        drop(stop);
        let _ = task.await;
        left
    }

    /// Ends this host's part: what waits for the store is kept on disk, and the store that it carries ends in order.
    pub async fn end(&self) {
        if let Err(error) = self.client.end().await {
            tracing::warn!(%error, "what waits for the mesh is lost");
        }
        let stage =
            std::mem::replace(&mut *self.stage.lock().unwrap_or_else(PoisonError::into_inner), Stage::Ended);
        if let Stage::Running { stop, task, .. } = stage {
            drop(stop);
            // It panics only for a bug, which was reported.
            let _ = task.await;
        }
    }
}

/// Somebody wants this host to leave.
#[derive(Debug)]
pub(super) struct Leave(pub oneshot::Sender<Result<(), MeshError>>);

/// The task.
#[derive(Debug)]
struct Joining {
    options: Options,
    memory: Memory,
    link: Link,
    client: Arc<Client>,
    tell: watch::Sender<Report>,
}

/// While it is kept, no other agent of this machine looks for a mesh.
type Turn = Option<Box<dyn Any + Send>>;

impl Joining {
    async fn run(
        self,
        neighbours: Neighbours,
        mut stopped: oneshot::Receiver<()>,
        leaving: oneshot::Receiver<Leave>,
    ) -> Result<(), MeshError> {
        if self.options.at_once {
            self.client.is_wanted();
        }
        tokio::select! {
            () = self.client.wanted() => {}
            _ = &mut stopped => return Ok(()),
        }
        // It ends with the link.
        tokio::spawn(outage::tell(self.link.follow()));
        let (part, turn) = self.begin(neighbours).await?;
        // From now on others find this agent's mesh.
        drop(turn);
        part.play(stopped, leaving).await
    }

    /// Finds the mesh, or founds one.
    async fn begin(mut self, neighbours: Neighbours) -> Result<(Part, Turn), MeshError> {
        let folder = self.options.folder.clone();
        if self.options.seeds.iter().any(|seed| seed.etcd) {
            // An etcd is used, and never served.
            self.link.set_endpoints(self.options.seeds.clone());
            return Ok((self.part(Open::Nothing, None, (Vec::new(), Vec::new())), None));
        }
        let has_files = store::has_files(&folder);
        let mut known = self.options.seeds.clone();
        known.extend(
            self.memory.endpoints.iter().filter(|known| !self.options.seeds.contains(known)).cloned(),
        );
        let mut turn = None;
        if known.is_empty() && !has_files {
            // It may not panic: it asks sockets.
            let found = tokio::task::spawn_blocking(neighbours).await.unwrap_or_default();
            (known, turn) = (found.endpoints, found.turn);
        }
        let listen = match self.options.no_network {
            true => Vec::new(),
            false => door::choose(&self.options, self.memory.port).await?,
        };
        let mut advertised = door::advertised(&self.options, &listen, None);
        if advertised.is_empty() && !listen.is_empty() {
            advertised.clone_from(&self.memory.advertised);
        }
        self.memory.advertised.clone_from(&advertised);
        self.memory.port = door::kept_port(&listen).filter(|_| self.options.listen.is_empty());
        let founds = known.is_empty() && self.memory.cluster.is_none();
        // The host's own door is no way to the store that others carry.
        known.retain(|known| !advertised.contains(&known.url.to_string()));
        if !has_files && !founds {
            self.link.set_endpoints(known);
            let signpost = Signpost::start(&listen, self.link.clone(), None).await;
            return Ok((self.part(Open::Signpost(signpost), None, (listen, advertised)), turn));
        }
        let (mut listen, mut advertised) = (listen, advertised);
        let mut tries = 0;
        let store = loop {
            let beginning = if has_files { Beginning::Again } else { Beginning::Founded };
            match Store::start(&self.options.host, &folder, &listen, &advertised, beginning, None).await {
                Ok(store) => break store,
                // Another agent that starts now has found the same port free.
                Err(error) if error.is_taken() && self.options.listen.is_empty() && tries < TRIES => {
                    tries += 1
                }
                Err(error) => return Err(error),
            }
            listen = door::choose(&self.options, None).await?;
            advertised = door::advertised(&self.options, &listen, None);
            self.memory.advertised.clone_from(&advertised);
            self.memory.port = door::kept_port(&listen);
        };
        self.memory.cluster = Some(store.cluster().to_string());
        let mut endpoints: Vec<Endpoint> = advertised.iter().filter_map(|url| url.parse().ok()).collect();
        endpoints.extend(known);
        self.memory.endpoints.clone_from(&endpoints);
        self.memory.save(&folder)?;
        self.link.set_endpoints(endpoints);
        Ok((self.part(Open::Store(Box::new(store)), None, (listen, advertised)), turn))
    }

    fn part(self, open: Open, tls: Option<Arc<MeshTls>>, door: (Vec<Address>, Vec<String>)) -> Part {
        let Self { options, memory, link, client, tell } = self;
        Part::new(options, memory, link, client, tell, open, tls, door)
    }
}
