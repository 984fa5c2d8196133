//! How a command reaches the mesh: through the agent on this host, or by addresses.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use super::output;
use super::reach::{self, Reach};
use crate::agent::control::client::Client as Control;
use crate::agent::error::AgentError;
use crate::agent::mesh_choice::MeshChoice;
use crate::cluster::identity::{IdentityError, KeyFolder, MeshId, key_files};
use crate::cluster::link::{Endpoint, Link, LinkSettings, Problem, Standing};
use crate::cluster::mesh::administering::{self, Office};
use crate::cluster::mesh::{MeshError, grounds, inviting};
use crate::cluster::peer::{PeerTls, PeerTlsFiles, PeerTrust};
use crate::cluster::server::ServerError;
use crate::cluster::store::id::ClusterId;
use crate::cluster::tls::{MeshTls, Passport};
use crate::cluster::world::{Client, ClientSettings, Trust, keys};
use crate::engine::Class;
use crate::engine::world::{Deadline, WorldError};

/// Which mesh.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Which mesh")]
pub(super) struct MeshReach {
    /// Hosts of the mesh, any of them [default: those that the agent on this host knows]
    #[arg(long, env = "MGMT_SEEDS", value_name = "ADDRS", value_delimiter = ',')]
    seeds: Vec<Endpoint>,
    /// Folder of keys to come with: an administrator's, or this host's [default: that of the agent on this host]
    #[arg(long, env = "MGMT_KEYS", value_name = "DIR")]
    keys: Option<PathBuf>,
    /// Speak without TLS
    #[arg(long, env = "MGMT_INSECURE")]
    insecure: bool,
    /// How many seconds the mesh may take to answer
    #[arg(long, value_name = "N", default_value_t = 10)]
    timeout: u64,
    #[command(flatten)]
    agent: Reach,
}

/// With what TLS is spoken, if it is, and what is signed and believed.
type Protection = (Option<Arc<PeerTls>>, Trust);

impl MeshReach {
    /// Until when an answer is waited for.
    pub fn deadline(&self) -> Deadline {
        Deadline::after(Duration::from_secs(self.timeout))
    }

    /// Where hosts of the mesh are, as they were named, or as the agent on this host knows.
    pub async fn endpoints(&self) -> Result<Vec<Endpoint>, ExitCode> {
        match self.seeds.is_empty() {
            false => Ok(self.seeds.clone()),
            true => Ok(self.known_to_the_agent().await?.0),
        }
    }

    /// Writes down what was done, where an administrator's keys are at hand: in a mesh without TLS nobody could tell who did it.
    pub async fn note(&self, client: &Arc<Client>, what: &str) {
        let is_secure = |at: &Endpoint| at.url.tls && !at.etcd;
        if self.insecure || !client.link().endpoints().iter().any(is_secure) {
            return;
        }
        let Ok(folder) = self.keys() else { return };
        if matches!(folder.load_admin(), Ok(Some(_))) {
            match Office::open(client.clone(), folder, Duration::from_secs(self.timeout)).await {
                Ok(office) => office.note(what).await,
                Err(error) => output::warn(&format!("warning: this could not be written down: {error}\n")),
            }
        }
    }

    /// Takes part in the mesh for as long as a command lasts. To be called inside a tokio runtime.
    pub async fn client(&self) -> Result<Arc<Client>, ExitCode> {
        let (seeds, cluster) = match (self.seeds.is_empty(), self.insecure) {
            (false, false) => (self.seeds.clone(), None),
            (false, true) => (self.seeds.iter().cloned().map(Endpoint::without_tls).collect(), None),
            (true, _) => self.known_to_the_agent().await?,
        };
        let (tls, trust) = match self.tls(&seeds)? {
            Some((tls, trust)) => (tls, Some(trust)),
            None => (None, None),
        };
        // Where a host of the mesh was, one of another may be by now.
        let link = Link::start(LinkSettings { cluster, lineage: Some(keys::STORES), tls, inside: None });
        link.set_endpoints(seeds.clone());
        let mut reached = link.line("reach the mesh", self.deadline()).await;
        // Nobody may take an administrator's certificate any more: its time is over, or the mesh has another authority.
        if reached.is_err() && self.renewed(&link).await {
            reached = link.line("reach the mesh", self.deadline()).await;
        }
        if let Err(error) = reached {
            let why = match link.standing() {
                Standing::Away(away) => away.why,
                Standing::Up(_) => Default::default(),
            };
            // One host that knows better counts for more than others that are away.
            let decided = why.values().find(|problem| problem.verdict().is_some());
            let hint = decided.or(why.values().find(|it| it.hint().is_some())).and_then(Problem::hint);
            let verdict = decided.and_then(Problem::verdict);
            let silent = seeds.into_iter().filter(|seed| !why.contains_key(seed));
            let silent = silent.map(|at| format!("{at}: no answer yet")).collect::<Vec<_>>();
            let causes = why.into_iter().map(|(at, why)| format!("{at}: {why}")).chain(silent);
            return Err(output::failed(
                verdict.unwrap_or("no host of the mesh answers"),
                causes,
                Some(hint.unwrap_or("name one that runs: --seeds HOST:PORT")),
                if verdict.is_some() { Class::User } else { error.class() },
            ));
        }
        let host = MeshChoice::default().host();
        let settings = ClientSettings { host, zone: String::new(), folder: None::<PathBuf> };
        let client = match trust {
            Some(trust) => Client::start_signed(settings, link, trust),
            None => Client::start(settings, link),
        };
        let client = client.map_err(failed)?;
        grounds::renew(&client, self.deadline()).await.map_err(failed)?;
        Ok(client)
    }

    /// Takes part as the administrator whose keys lie in the folder, to decide something.
    pub async fn office(&self) -> Result<Office, ExitCode> {
        let folder = self.keys().map_err(failed)?;
        if folder.load_admin().map_err(failed)?.is_none() {
            return Err(output::failed(
                &format!("there are no keys of an administrator in {}", folder.path().display()),
                [],
                Some("name the folder where they lie: --keys DIR"),
                Class::User,
            ));
        }
        let client = self.client().await?;
        Office::open(client, folder, Duration::from_secs(self.timeout)).await.map_err(failed)
    }

    /// Gets the administrator whose keys lie there a new certificate, and shows it; `false`: nobody gives one.
    async fn renewed(&self, link: &Link) -> bool {
        let (Some(PeerTls::Mesh(_)), Ok(folder)) = (link.tls().as_deref(), self.keys()) else { return false };
        matches!(folder.load_admin(), Ok(Some(_)))
            && administering::certify(&folder, &link.places()).await.is_ok()
            && administering::show(&folder, link).unwrap_or(false)
    }

    /// With what TLS is spoken, and what is signed: as the administrator whose keys lie there, or else as the host.
    fn tls(&self, seeds: &[Endpoint]) -> Result<Option<Protection>, ExitCode> {
        if seeds.iter().any(|seed| seed.etcd) {
            return self.tls_with_an_etcd(seeds.iter().any(|seed| seed.url.tls));
        }
        if !seeds.iter().any(|seed| seed.url.tls) {
            return Ok(None);
        }
        let folder = self.keys().map_err(failed)?;
        let passport = Passport::of_administrator(&folder).and_then(|found| match found {
            Some(passport) => Ok(Some(passport)),
            None => Passport::of_host(&folder),
        });
        let Some(passport) = passport.map_err(failed)? else {
            return Err(output::failed(
                &format!("there are no keys of a mesh in {}", folder.path().display()),
                [],
                Some(
                    "run this where a host's or an administrator's keys lie, or name their folder: --keys DIR",
                ),
                Class::User,
            ));
        };
        let trust = trust(&folder, passport.mesh)?;
        let tls = MeshTls::new(passport).map_err(failed)?;
        Ok(Some((Some(Arc::new(PeerTls::Mesh(tls))), trust)))
    }

    /// An etcd knows nobody of the mesh. Whoever has keys of one signs with them there too, and comes with their certificate if
    /// TLS is spoken; who has none signs nothing.
    fn tls_with_an_etcd(&self, is_tls: bool) -> Result<Option<Protection>, ExitCode> {
        let Ok(folder) = self.keys() else { return Ok(None) };
        let Some(mesh) = folder.load_mesh().map_err(failed)? else { return Ok(None) };
        let is_administrator = folder.load_admin().map_err(failed)?.is_some();
        let (certificate, key) = match is_administrator {
            true => (key_files::ADMIN_CERTIFICATE, key_files::ADMIN_TLS_KEY),
            false => (key_files::HOST_CERTIFICATE, key_files::HOST_TLS_KEY),
        };
        let files = PeerTlsFiles {
            certificate: folder.path_of(certificate),
            key: folder.path_of(key),
            trust: PeerTrust::Signed { by: folder.path_of(key_files::ROOTS), client_must: false },
        };
        let tls = is_tls.then(|| PeerTls::new(files)).transpose();
        let tls = tls.map_err(|error| failed(Box::new(ServerError::from(error))))?;
        Ok(Some((tls.map(Arc::new), trust(&folder, mesh)?)))
    }

    /// The folder of keys.
    pub fn keys(&self) -> Result<KeyFolder, IdentityError> {
        match &self.keys {
            Some(folder) => KeyFolder::at(folder),
            // Another agent of this user may be the one that made the mesh.
            None => inviting::administrators_folder(&self.agent.prefix())
                .or_else(|_| KeyFolder::open(&self.agent.prefix())),
        }
    }

    async fn known_to_the_agent(&self) -> Result<(Vec<Endpoint>, Option<ClusterId>), ExitCode> {
        let socket = self.agent.socket();
        let mut control = Control::connect(&socket).map_err(|error| reach::complain(&error))?;
        let mesh = control.mesh().await.map_err(|error| reach::complain(&error))?;
        let endpoints: Vec<Endpoint> = mesh
            .iter()
            .flat_map(|mesh| &mesh.endpoints)
            .filter_map(|endpoint| endpoint.parse().ok())
            .collect();
        if let Some(failed) = mesh.as_ref().and_then(|mesh| mesh.failed.clone()) {
            let class = Class::Transient;
            return Err(output::failed(
                "the agent on this host cannot take part in its mesh",
                [failed],
                None,
                class,
            ));
        }
        if endpoints.is_empty() {
            return Err(output::failed(
                "the agent on this host takes part in no mesh",
                [],
                Some("its graph needs none; name a host of the mesh that you mean: --seeds HOST:PORT"),
                Class::User,
            ));
        }
        let cluster = mesh.and_then(|mesh| u64::from_str_radix(&mesh.cluster?, 16).ok());
        Ok((endpoints, cluster.map(ClusterId)))
    }
}

/// What follows from a folder of keys.
fn trust(folder: &KeyFolder, mesh: MeshId) -> Result<Trust, ExitCode> {
    let trust = Trust::default();
    trust.set(grounds::of_administrator(folder, mesh, MeshChoice::default().host()).map_err(failed)?);
    Ok(trust)
}

/// Says why the mesh does not do what was asked.
pub(super) fn failed(error: impl Into<MeshError>) -> ExitCode {
    output::complain(&AgentError::from(error.into()), None, None)
}

/// Says why the world does not do what was asked.
pub(super) fn complain(error: &WorldError) -> ExitCode {
    output::failed(&error.to_string(), [], error.hint(), error.class())
}
