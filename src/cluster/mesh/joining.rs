//! This host's part in the mesh, from the moment in which its graph needs the world.

use std::any::Any;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::{oneshot, watch};

use super::presence::{self, Live};
use super::signpost::Signpost;
use super::store::{self, Beginning, Store};
use super::{Memory, MeshError, Options, door};
use crate::cluster::etcd::serve::Address;
use crate::cluster::link::{Endpoint, Link, LinkSettings, Standing};
use crate::cluster::world::{Client, ClientSettings, StoredCard};
use crate::engine::state_dir;
use crate::engine::world::{Deadline, Duty, World};

/// How long the store may take to take note of this host. Until then the agent runs with what it knows.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often the members are asked for; a new connection asks at once.
const MEMBERS_EVERY: Duration = Duration::from_secs(30);

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
    /// The store's id.
    pub cluster: Option<String>,
    /// Since when the store is away.
    pub away_since: Option<SystemTime>,
    /// How many writes wait for the store.
    pub waiting: usize,
    /// Why it cannot take part.
    pub failed: Option<String>,
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
    Running { stop: oneshot::Sender<()>, task: tokio::task::JoinHandle<()> },
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
        let link = Link::start(LinkSettings { cluster: memory.cluster() });
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
            let task = tokio::spawn(async move {
                if let Err(error) = joining.run(neighbours, stopped).await {
                    fail.send_replace(Some(Arc::new(error)));
                }
            });
            *stage = Stage::Running { stop, task };
        }
    }

    /// The world as this host sees it.
    pub fn world(&self) -> Arc<dyn World> {
        self.client.clone()
    }

    /// How this host's part stands.
    pub fn report(&self) -> Report {
        let mut report = self.report.borrow().clone();
        report.away_since = if report.role == Role::Apart { None } else { self.client.away_since() };
        report.waiting = self.client.writer().depth().0;
        report.failed = self.failed.borrow().as_ref().map(ToString::to_string);
        report
    }

    /// How this host's part stands, to be followed.
    pub fn follow(&self) -> watch::Receiver<Report> {
        self.report.clone()
    }

    /// Returns when this host cannot take part, and why.
    pub fn failed(&self) -> watch::Receiver<Option<Arc<MeshError>>> {
        self.failed.clone()
    }

    /// Ends this host's part: what waits for the store is kept on disk, and the store that it carries ends in order.
    pub async fn end(&self) {
        if let Err(error) = self.client.end().await {
            tracing::warn!(%error, "what waits for the mesh is lost");
        }
        let stage =
            std::mem::replace(&mut *self.stage.lock().unwrap_or_else(PoisonError::into_inner), Stage::Ended);
        if let Stage::Running { stop, task } = stage {
            drop(stop);
            // It panics only for a bug, which was reported.
            let _ = task.await;
        }
    }
}

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

/// What this host keeps open.
enum Open {
    Store(Store),
    Signpost { _signpost: Signpost },
    Nothing,
}

impl Joining {
    async fn run(
        mut self,
        neighbours: Neighbours,
        mut stopped: oneshot::Receiver<()>,
    ) -> Result<(), MeshError> {
        if !self.options.at_once {
            tokio::select! {
                () = self.client.wanted() => {}
                _ = &mut stopped => return Ok(()),
            }
        }
        let (open, addresses, turn) = self.begin(neighbours).await?;
        let role = if matches!(open, Open::Store(_)) { Role::Carries } else { Role::Uses };
        self.tell.send_modify(|report| {
            report.role = role;
            report.addresses.clone_from(&addresses);
            report.endpoints = self.link.endpoints().iter().map(ToString::to_string).collect();
            report.cluster = self.link.cluster().map(|cluster| cluster.to_string());
        });
        // From now on others find this agent's mesh.
        drop(turn);
        let stay = self.stay(&open, addresses);
        let ended = tokio::select! {
            ended = stay => ended,
            _ = &mut stopped => Ok(()),
        };
        if let Open::Store(store) = open {
            store.end().await;
        }
        ended
    }

    /// Finds the mesh, or founds one.
    async fn begin(&mut self, neighbours: Neighbours) -> Result<(Open, Vec<String>, Turn), MeshError> {
        let folder = self.options.folder.clone();
        if self.options.seeds.iter().any(|seed| seed.etcd) {
            // An etcd is used, and never served.
            self.link.set_endpoints(self.options.seeds.clone());
            return Ok((Open::Nothing, Vec::new(), None));
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
        let advertised = door::advertised(&self.options, &listen, None);
        self.memory.port = door::kept_port(&listen).filter(|_| self.options.listen.is_empty());
        let founds = known.is_empty() && self.memory.cluster.is_none();
        if has_files || founds {
            let beginning = if has_files { Beginning::Again } else { Beginning::Founded };
            let open = self.carry(&folder, &listen, &advertised, beginning, known).await?;
            return Ok((open, advertised, turn));
        }
        // The host's own door is no way to the store.
        known.retain(|known| !advertised.contains(&known.url.to_string()));
        self.link.set_endpoints(known);
        let signpost = Signpost::start(&listen, self.link.clone()).await;
        Ok((Open::Signpost { _signpost: signpost }, advertised, turn))
    }

    async fn carry(
        &mut self,
        folder: &Path,
        listen: &[Address],
        advertised: &[String],
        beginning: Beginning,
        known: Vec<Endpoint>,
    ) -> Result<Open, MeshError> {
        let store = Store::start(&self.options.host, folder, listen, advertised, beginning).await?;
        self.memory.cluster = Some(store.cluster().to_string());
        let mut endpoints: Vec<Endpoint> = advertised.iter().filter_map(|url| url.parse().ok()).collect();
        endpoints.extend(known.into_iter().filter(|known| !advertised.contains(&known.url.to_string())));
        self.memory.endpoints.clone_from(&endpoints);
        self.memory.save(folder)?;
        self.link.set_endpoints(endpoints);
        Ok(Open::Store(store))
    }

    /// Takes part until something ends that.
    async fn stay(&mut self, open: &Open, addresses: Vec<String>) -> Result<(), MeshError> {
        let live = Live {
            instance: self.memory.instance.clone(),
            addresses: addresses.clone(),
            process: std::process::id(),
        };
        let card = StoredCard {
            addresses,
            zone: self.options.zone.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            labels: self.options.labels.clone(),
            duty: if matches!(open, Open::Store(_)) { Duty::Voter } else { Duty::Client },
            unknown: [].into(),
        };
        let mut leases = self.client.session().follow();
        let mut standing = self.link.follow();
        let mut announced = None;
        let store_ended = async {
            match open {
                Open::Store(store) => store.ended().await,
                _ => std::future::pending().await,
            }
        };
        tokio::pin!(store_ended);
        loop {
            let lease = leases.borrow_and_update().map(|lease| lease.id);
            if lease.is_some() && lease != announced {
                match presence::announce(&self.client, &live, &card, Deadline::after(PATIENCE)).await {
                    Ok(_) => announced = lease,
                    Err(error @ MeshError::NameTaken { .. }) => return Err(error),
                    Err(error) => {
                        tracing::debug!(%error, "the mesh does not know yet that this host is there")
                    }
                }
            }
            let up = match &*standing.borrow_and_update() {
                Standing::Up(line) => Some(line.clone()),
                Standing::Away(_) => None,
            };
            if let Some(line) = up {
                self.learn(&line).await;
            }
            tokio::select! {
                changed = leases.changed() => if changed.is_err() { return Ok(()) },
                changed = standing.changed() => if changed.is_err() { return Ok(()) },
                () = tokio::time::sleep(MEMBERS_EVERY) => {}
                () = &mut store_ended => {
                    tracing::warn!("the store that this host carried has ended");
                    return Ok(());
                }
            }
        }
    }

    /// Learns from a member where the others are, and keeps it.
    async fn learn(&mut self, line: &crate::cluster::link::Line) {
        let cluster = line.cluster.to_string();
        let mut endpoints = vec![line.endpoint.clone()];
        if !line.endpoint.etcd {
            let Ok(told) = line.members(Deadline::after(PATIENCE)).await else { return };
            let urls = told.members.iter().flat_map(|member| &member.client_ur_ls);
            for endpoint in urls.filter_map(|url| url.parse::<Endpoint>().ok()) {
                if !endpoints.contains(&endpoint) {
                    endpoints.push(endpoint);
                }
            }
        }
        self.tell.send_modify(|report| {
            report.cluster = Some(cluster.clone());
            report.endpoints = endpoints.iter().map(ToString::to_string).collect();
        });
        if self.memory.endpoints == endpoints && self.memory.cluster.as_deref() == Some(&cluster) {
            return;
        }
        self.memory.cluster = Some(cluster);
        self.memory.endpoints.clone_from(&endpoints);
        if let Err(error) = self.memory.save(&self.options.folder) {
            tracing::warn!(%error, "a restart will need the seeds");
        }
        self.link.set_endpoints(endpoints);
    }
}
