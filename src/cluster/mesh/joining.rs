//! This host's part in the mesh, from the moment in which its graph needs the world.

use std::any::Any;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::{oneshot, watch};
use zeroize::Zeroizing;

use super::door::Door;
use super::own_identity::{OwnIdentity, Said as OfItself};
use super::part::{Open, Part};
use super::signpost::Signpost;
use super::store::{self, Beginning, Store};
use super::{
    Memory, MeshError, Options, Said, Security, Volunteer, administrator, grounds, inviting, keeping, outage,
};
use crate::cluster::identity::{JoinToken, UnixSeconds, key_files};
use crate::cluster::joining::Terms;
use crate::cluster::link::{Endpoint, Link, LinkSettings};
use crate::cluster::peer::PeerTls;
use crate::cluster::server::ServerError;
use crate::cluster::tls;
use crate::cluster::world::{Client, ClientSettings, Trust, keys};
use crate::engine::state_dir;
use crate::engine::world::{HostName, World};

/// How long a neighbour may take to join: it does so at once.
const NEIGHBOUR: Duration = Duration::from_secs(60);

/// How a host finds those agents of its user that run on the same machine; it may block for a moment.
pub type Neighbours = Box<dyn FnOnce() -> Found + Send>;

/// What was found.
#[derive(Default)]
pub struct Found {
    /// Where the store of their mesh is; empty: they have none.
    pub endpoints: Vec<Endpoint>,
    /// With what to join it, if it takes something.
    pub token: Option<Arc<JoinToken>>,
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
    /// When its certificate is over; `None`: it has none.
    pub certificate_until: Option<UnixSeconds>,
    /// How many exports of others were dropped: who they say they are from has not signed them.
    pub dropped_exports: u64,
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
    /// Above the folder of this host's keys.
    prefix: PathBuf,
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
        // Who this host is in its mesh, it knows when it has joined. An etcd gives nobody an identity; who has one keeps to it
        // there too, since roles of an etcd cannot say which exports are whose.
        let is_of_an_etcd = options.seeds.iter().any(|seed| seed.etcd);
        let has_identity = || options.security.prefix().join("pki").join(key_files::MESH).exists();
        let is_signed = !options.security.is_plain() && (!is_of_an_etcd || has_identity());
        let client = match is_signed {
            true => Client::start_signed(settings, link.clone(), Trust::default())?,
            false => Client::start(settings, link.clone())?,
        };
        let prefix = options.security.prefix().to_owned();
        let (tell, report) = watch::channel(Report::default());
        let (fail, failed) = watch::channel(None);
        let joining = Box::new(Joining { options, memory, link, client: client.clone(), tell });
        Ok(Self { client, report, failed, prefix, stage: Mutex::new(Stage::Prepared(joining, fail)) })
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

    /// The same below what resources see of it: keys as they are written and followed.
    pub fn client(&self) -> &Arc<Client> {
        &self.client
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
        report.certificate_until = match self.client.link().tls().as_deref() {
            Some(PeerTls::Mesh(tls)) => Some(tls.passport().certificate.not_after()),
            Some(PeerTls::Files(_)) | None => None,
        };
        report.dropped_exports = self.client.dropped_exports();
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

    /// A token for another agent of this user on this machine: whoever may ask for it could read the keys as well.
    ///
    /// # Errors
    /// When no administrator's key lies here, or the store does not answer.
    pub async fn invite_neighbour(&self, host: &HostName) -> Result<Zeroizing<String>, MeshError> {
        let terms = Terms {
            hosts: host.as_str().parse().map_err(MeshError::Identity)?,
            uses: 1,
            expires: tls::now().later(NEIGHBOUR),
            zone: String::new(),
            labels: BTreeMap::new(),
            serve: true,
        };
        let folder = inviting::administrators_folder(&self.prefix)?;
        let at = self.client.link().endpoints();
        let client = administrator::client(&folder, self.client.name().clone(), at)?;
        inviting::invite(&client, &folder, terms).await
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
            return Ok((self.of_an_etcd()?, None));
        }
        let mut own = self.identity()?;
        let has_files = store::has_files(&folder);
        let (mut known, found) = self.known(neighbours, has_files).await;
        let turn = found.turn;
        let is_new = known.is_empty()
            && !has_files
            && self.memory.cluster.is_none()
            && !self.options.security.has_token();
        // Who makes a mesh is told of a wrong address; any other may be there before its network is.
        let door = self.door(!is_new).await?;
        if own.is_none()
            && let Some((joined, seeds)) = self.join(found.token, &known, &door).await?
        {
            // Should it end before it has learned more.
            self.memory.endpoints.clone_from(&seeds);
            self.memory.save(&folder)?;
            known.extend(seeds);
            own = Some(joined);
        }
        let founds = known.is_empty() && self.memory.cluster.is_none();
        // Only who has made a mesh begins its store.
        if let Some(own) = own.as_ref().filter(|own| founds && !has_files && own.first_writes.is_empty()) {
            return Err(MeshError::Lost { mesh: own.mesh });
        }
        // The host's own door is no way to the store that others carry.
        known.retain(|known| !door.advertised.contains(&known.url.to_string()));
        if own.is_none()
            && founds
            && let Security::Tls { prefix, .. } = &self.options.security
        {
            let addresses = addresses(&door.advertised);
            own = Some(OwnIdentity::found(prefix, self.said(&addresses), self.options.security.validity())?);
        }
        if let (Some(own), Some(trust)) = (&own, self.client.trust()) {
            // Before there is a connection: from the first write on all is signed.
            trust.set(grounds::of_host(&own.folder, own.mesh, self.options.host.clone())?);
        }
        let tls = own.as_ref().map(|own| own.tls.clone());
        if let Some(tls) = &tls {
            self.link.set_tls(Arc::new(PeerTls::Mesh(tls.clone())));
        }
        if !has_files && !founds {
            self.link.set_endpoints(known);
            let signpost = Signpost::start(&door, &self.link, tls);
            return Ok((self.part(Open::Signpost(signpost), own, door), turn));
        }
        let beginning = if has_files { Beginning::Again } else { Beginning::Founded };
        let store = Store::start(&self.options.host, &folder, &door, beginning, tls).await?;
        if let Some(own) = own.as_ref().filter(|own| !own.first_writes.is_empty()) {
            let writes = store.write_first(own.first_writes.clone());
            match has_files {
                false => writes.await?,
                // It has written them, unless it ended in between; and the others may not be there yet.
                true => drop(tokio::spawn(writes)),
            }
        }
        self.memory.cluster = Some(store.cluster().to_string());
        let mut endpoints: Vec<Endpoint> = door.endpoints().collect();
        endpoints.extend(known);
        self.memory.endpoints.clone_from(&endpoints);
        self.memory.save(&folder)?;
        self.link.set_endpoints(endpoints);
        Ok((self.part(Open::Store(Box::new(store)), own, door), turn))
    }

    /// Where the mesh may be, as far as this host knows; one that knows nothing asks the other agents of this machine.
    async fn known(&self, neighbours: Neighbours, has_files: bool) -> (Vec<Endpoint>, Found) {
        let seeds = &self.options.seeds;
        let mut known = seeds.clone();
        known.extend(self.memory.endpoints.iter().filter(|known| !seeds.contains(known)).cloned());
        let mut found = Found::default();
        if known.is_empty() && !has_files && !self.options.security.has_token() {
            // It may not panic: it asks sockets.
            found = tokio::task::spawn_blocking(neighbours).await.unwrap_or_default();
            known.append(&mut found.endpoints);
        }
        (known, found)
    }

    /// Where it listens, with `ahead` also where it has no address yet, and where others reach it; both are kept.
    async fn door(&mut self, ahead: bool) -> Result<Door, MeshError> {
        let door = Door::open(&self.options, &self.memory, ahead).await?;
        self.memory.advertised.clone_from(&door.advertised);
        self.memory.port = door.kept_port().filter(|_| self.options.listen.is_empty());
        Ok(door)
    }

    /// An etcd is used, and never served.
    fn of_an_etcd(self) -> Result<Part, MeshError> {
        if let Some(trust) = self.client.trust() {
            let own = self.identity()?.ok_or(MeshError::Apart)?;
            trust.set(grounds::of_host(&own.folder, own.mesh, self.options.host.clone())?);
            // As long as this process takes part.
            let client = self.client.clone();
            tokio::spawn(async move { keeping::follow(&own, &client).await });
        } else {
            tracing::warn!(
                "this host has no identity of a mesh: over an etcd it signs nothing, and believes whatever stands there"
            );
        }
        if let Some(files) = self.options.etcd_tls.clone() {
            self.link.set_tls(Arc::new(PeerTls::new(files).map_err(ServerError::from).map_err(Box::new)?));
        }
        self.link.set_endpoints(self.options.seeds.clone());
        Ok(self.part(Open::Nothing, None, Door::default()))
    }

    /// Who this host is, if it knows; a host of a mesh with TLS takes part in none without, and the other way round.
    fn identity(&self) -> Result<Option<OwnIdentity>, MeshError> {
        match &self.options.security {
            Security::Tls { prefix, token, .. } => {
                let own = OwnIdentity::load(prefix, &self.options.host)?;
                if let (Some(own), Some(token)) = (&own, token)
                    && token.mesh != own.mesh
                {
                    tracing::warn!(
                        own = %own.mesh,
                        token = %token.mesh,
                        "this host belongs to another mesh than the token is for, and stays in it: to change over, \
                         `mgmt mesh leave` first"
                    );
                }
                match own.is_none() && self.memory.cluster.is_some() {
                    true => Err(MeshError::WithoutTls),
                    false => Ok(own),
                }
            }
            Security::Plain { prefix } => {
                let path = prefix.join("pki");
                match path.join(key_files::MESH).exists() {
                    true => Err(MeshError::KeysHere { path }),
                    false => Ok(None),
                }
            }
        }
    }

    /// Joins the mesh that is known, if there is one: that takes a token.
    async fn join(
        &self,
        given: Option<Arc<JoinToken>>,
        known: &[Endpoint],
        door: &Door,
    ) -> Result<Option<(OwnIdentity, Vec<Endpoint>)>, MeshError> {
        let Security::Tls { prefix, token, .. } = &self.options.security else { return Ok(None) };
        let Some(token) = token.clone().or(given) else {
            let seeds = known.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            return if known.is_empty() { Ok(None) } else { Err(MeshError::NoToken { seeds }) };
        };
        // At its own door nobody answers yet, and who calls there waits.
        let own: Vec<String> = door.endpoints().map(|own| own.url.place()).collect();
        let seeds: Vec<String> = token.seeds.iter().filter(|seed| !own.contains(seed)).cloned().collect();
        OwnIdentity::join(prefix, &token, &seeds, self.said(&addresses(&door.advertised))).await.map(Some)
    }

    fn said<'s>(&'s self, addresses: &'s [IpAddr]) -> OfItself<'s> {
        let serve = self.options.volunteer != Volunteer::Never;
        OfItself { host: &self.options.host, serve, addresses }
    }

    fn part(self, open: Open, own: Option<OwnIdentity>, door: Door) -> Part {
        let Self { options, memory, client, tell, .. } = self;
        Part::new(options, memory, client, tell, open, own.map(Arc::new), door)
    }
}

/// The addresses among those by which a host is reached: names are not in its certificate.
pub(super) fn addresses(advertised: &[String]) -> Vec<IpAddr> {
    let hosts = advertised.iter().filter_map(|url| url.parse::<Endpoint>().ok());
    hosts.filter_map(|endpoint| endpoint.url.host.parse().ok()).collect()
}
