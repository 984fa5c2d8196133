//! Who this host is in its mesh: what lies in the folder of its keys, got with a token, or made with the mesh.

use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::TcpStream;

use super::MeshError;
use crate::cluster::identity::{
    AdministratorName, Eviction, Fingerprint, HOST_VALIDITY, JoinToken, KeyFolder, MeshId, Pin, Roots, Signed,
};
use crate::cluster::joining::{self, Applicant, Binding, Denying, Enrolment, Founder, Held, JoinError, Line};
use crate::cluster::link::{Backoff, Endpoint, chance};
use crate::cluster::peer::PeerUrl;
use crate::cluster::tls::{self, JoinTls, MeshTls, Passport};
use crate::engine::world::HostName;

/// How long a host may take to be connected to, and to agree on keys.
const CONNECT: Duration = Duration::from_secs(5);
/// The most evictions that are handed over at once.
const MOST_HANDED: usize = 16;
/// What the first administrator is called who has no better name.
const FIRST: &str = "root";

/// Who this host is.
#[derive(Debug)]
pub(super) struct OwnIdentity {
    /// Where its keys lie.
    pub folder: Arc<KeyFolder>,
    /// The mesh.
    pub mesh: MeshId,
    /// Its connections.
    pub tls: Arc<MeshTls>,
    /// What the store of a mesh that it has just made must hold.
    pub first_writes: Vec<(String, String)>,
    /// Held while what lies in the folder and what is believed are changed: whoever has an older view must not undo what
    /// another has just learned.
    pub changing: Mutex<()>,
}

/// What a host says of itself when it joins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said<'s> {
    /// What it is called.
    pub host: &'s HostName,
    /// Whether it would carry the store.
    pub serve: bool,
    /// Where it is reached.
    pub addresses: &'s [IpAddr],
}

impl OwnIdentity {
    /// What lies in the folder; `None`: this host has no identity yet.
    pub fn load(prefix: &Path, host: &HostName) -> Result<Option<Self>, MeshError> {
        let folder = KeyFolder::open(prefix)?;
        let Some(mesh) = joining::has_identity(&folder)? else { return Ok(None) };
        let Some(passport) = Passport::of_host(&folder)? else { return Ok(None) };
        let is_founder = folder.load_papers()?.is_some_and(|papers| papers.invite.is_none());
        let first_writes = match is_founder && folder.load_authority(&mesh)?.is_some() {
            true => joining::found(&folder, &founder(host, &[], HOST_VALIDITY))?.first_writes,
            false => Vec::new(),
        };
        if *passport.certificate.principal() != crate::cluster::identity::Principal::Host(host.clone()) {
            let found = passport.certificate.principal().to_string();
            let path = folder.path().to_owned();
            return Err(JoinError::OtherHost { path, found, host: host.clone() }.into());
        }
        let tls = MeshTls::new(passport)?;
        Ok(Some(Self { folder: Arc::new(folder), mesh, tls, first_writes, changing: Mutex::default() }))
    }

    /// Makes a mesh, of which this host is the first.
    pub fn found(prefix: &Path, said: Said<'_>, validity: Duration) -> Result<Self, MeshError> {
        let folder = KeyFolder::open(prefix)?;
        let founding = joining::found(&folder, &founder(said.host, said.addresses, validity))?;
        let passport = Passport::of_host(&folder)?.ok_or(MeshError::Apart)?;
        tracing::info!(
            mesh = %founding.mesh,
            administrator = %folder.path_of(crate::cluster::identity::key_files::ADMIN_KEY).display(),
            "has made a mesh; its administrator's key lies here until it is moved away"
        );
        let (folder, first_writes) = (Arc::new(folder), founding.first_writes);
        let tls = MeshTls::new(passport)?;
        Ok(Self { folder, mesh: founding.mesh, tls, first_writes, changing: Mutex::default() })
    }

    /// Joins with a token; where no host answers it tries again, until one does or refuses for good. Returns where the store is,
    /// too.
    pub async fn join(
        prefix: &Path,
        token: &JoinToken,
        said: Said<'_>,
    ) -> Result<(Self, Vec<Endpoint>), MeshError> {
        let folder = KeyFolder::open(prefix)?;
        let keys = joining::own_keys(&folder)?;
        let tls = JoinTls::new(token.mesh, token.authorities.clone())?;
        let mut backoff = Backoff::default();
        loop {
            let now = tls::now();
            let Said { host, serve, addresses } = said;
            let applicant = Applicant { host, keys: &keys, serve, names: &[], addresses, now };
            let retry_after = match ask_around(&token.seeds, &tls, &Ask::Join(token), &applicant).await {
                Ok(enrolment) => {
                    enrolment.keep(&folder)?;
                    let passport = Passport::of_host(&folder)?.ok_or(MeshError::Apart)?;
                    let tls = MeshTls::new(passport)?;
                    let seeds = enrolment.seeds.iter().chain(&token.seeds);
                    let seeds = seeds.filter_map(|seed| seed.parse().ok()).collect();
                    tracing::info!(mesh = %enrolment.mesh, "has joined the mesh");
                    let own = Self {
                        folder: Arc::new(folder),
                        mesh: enrolment.mesh,
                        tls,
                        first_writes: Vec::new(),
                        changing: Mutex::default(),
                    };
                    return Ok((own, seeds));
                }
                Err(Asked::Unreached(why)) => {
                    tracing::warn!(why, "no host of the mesh answers; it is tried again");
                    None
                }
                Err(Asked::Failed(error)) => match error.retry_after() {
                    None => return Err(error.into()),
                    Some(after) => {
                        tracing::warn!(%error, "cannot join yet; it is tried again");
                        Some(after)
                    }
                },
            };
            tokio::time::sleep(backoff.next(chance(), retry_after)).await;
        }
    }

    /// Gets a new certificate from one of these hosts; also with one whose time is over.
    pub async fn renew(&self, from: &[String], said: Said<'_>) -> Result<(), String> {
        let folder = &self.folder;
        let text = |error: &dyn std::error::Error| error.to_string();
        let keys = joining::own_keys(folder).map_err(|error| text(&error))?;
        let papers = folder.load_papers().map_err(|error| text(&error))?.ok_or("its papers are gone")?;
        let roots = self.tls.passport().roots;
        let tls = JoinTls::new(self.mesh, fingerprints(&roots)).map_err(|error| text(&error))?;
        let pin = self.pin();
        let Said { host, serve, addresses } = said;
        let applicant = Applicant { host, keys: &keys, serve, names: &[], addresses, now: tls::now() };
        let held = Held { mesh: &self.mesh, papers: &papers, roots: &roots, pin };
        let asked = ask_around(from, &tls, &Ask::Renew(held), &applicant).await;
        let enrolment = asked.map_err(|asked| match asked {
            Asked::Unreached(why) => why,
            Asked::Failed(error) => text(&error),
        })?;
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        enrolment.keep(folder).map_err(|error| text(&error))?;
        self.reload()
    }

    /// With whom the administrators of this mesh begin.
    pub fn pin(&self) -> Pin {
        let chain = self.folder.load_administrators().ok().flatten();
        let first = chain.and_then(|chain| chain.replay(&self.mesh, &Pin::default()).ok());
        Pin { first: first.map(|administrators| *administrators.first()), known: None }
    }

    /// Goes by evictions that hold here, and tells how many that are.
    fn deny_those(&self, list: Vec<Signed<Eviction>>) -> Result<usize, MeshError> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let passport = self.tls.passport();
        let Some(administrators) = passport.administrators.clone() else { return Ok(0) };
        let (count, mut denied) = (list.len(), passport.denied.clone());
        let merged = denied.merge(list, &administrators, &self.mesh);
        for error in &merged.refused {
            tracing::warn!(%error, "an eviction that was handed over does not count");
        }
        if merged.new > 0 {
            self.folder.store_denied(&denied)?;
            self.tls.replace(passport.denying(denied))?;
        }
        Ok(count - merged.refused.len())
    }

    /// Shows and believes what lies in the folder now.
    pub fn reload(&self) -> Result<(), String> {
        let passport = Passport::of_host(&self.folder).map_err(|error| error.to_string())?;
        self.tls.replace(passport.ok_or("its identity is gone")?).map_err(|error| error.to_string())
    }

    /// Gets the authority from who has it, unless it is here: who carries the store issues certificates.
    pub async fn get_authority(&self, from: &[PeerUrl]) -> Result<(), MeshError> {
        if self.folder.load_authority(&self.mesh)?.is_some() {
            return Ok(());
        }
        let mut last = MeshError::Apart;
        for url in from {
            let address = url.to_string();
            let got = async {
                let socket = dial(&url.host, url.port).await.map_err(|why| MeshError::Unreached { why })?;
                let (stream, binding, _) = self.tls.connect_to_join(socket).await?;
                let line = Line::new(stream, Binding(binding), address);
                Ok(joining::authority(line, &self.mesh, &self.tls.passport().roots).await?)
            };
            match got.await {
                Ok(authority) => return Ok(self.folder.store_authority(&authority)?),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

impl Denying for OwnIdentity {
    fn deny(&self, mut list: Vec<Signed<Eviction>>) -> usize {
        // Anybody may say it, and each costs a signature to be looked at.
        list.truncate(MOST_HANDED);
        self.deny_those(list).unwrap_or_else(|error| {
            tracing::error!(%error, "an eviction that was handed over cannot be kept");
            0
        })
    }
}

fn founder<'f>(host: &'f HostName, addresses: &'f [IpAddr], validity: Duration) -> Founder<'f> {
    static NAME: std::sync::LazyLock<AdministratorName> =
        std::sync::LazyLock::new(|| FIRST.parse().expect("it is a name"));
    Founder { host, administrator: &NAME, names: &[], addresses, validity, now: tls::now() }
}

pub(super) fn fingerprints(roots: &Roots) -> Vec<Fingerprint> {
    roots.iter().map(|root| *root.fingerprint()).collect()
}

/// What one asks for.
enum Ask<'a> {
    /// To be of the mesh.
    Join(&'a JoinToken),
    /// A new certificate.
    Renew(Held<'a>),
}

/// Why nobody has given what was asked for.
enum Asked {
    /// Nobody answers.
    Unreached(String),
    /// Who answers says no, or cannot.
    Failed(JoinError),
}

pub(super) type Stream = tokio_rustls::client::TlsStream<TcpStream>;

/// Asks hosts, one after another; who carries no store tells of others. The last answer counts if none is what was asked for.
async fn ask_around(
    seeds: &[String],
    tls: &JoinTls,
    ask: &Ask<'_>,
    applicant: &Applicant<'_>,
) -> Result<Enrolment, Asked> {
    let mut known: Vec<String> = seeds.to_vec();
    let mut last = Asked::Unreached("there is nobody to ask".to_owned());
    let mut at = 0;
    while let Some(seed) = known.get(at).cloned() {
        at += 1;
        let line = match call(&seed, tls).await {
            Ok(line) => line,
            Err(why) => {
                if matches!(last, Asked::Unreached(_)) {
                    last = Asked::Unreached(format!("{seed}: {why}"));
                }
                continue;
            }
        };
        let asked = match ask {
            Ask::Join(token) => joining::join(line, token, applicant).await,
            Ask::Renew(held) => joining::renew(line, held, applicant).await,
        };
        match asked {
            Ok(got) => return Ok(got),
            Err(JoinError::CarriesNone { seeds, .. }) => {
                for seed in seeds {
                    if !known.contains(&seed) {
                        known.push(seed);
                    }
                }
            }
            Err(error) => last = Asked::Failed(error),
        }
    }
    Err(last)
}

pub(super) async fn call(seed: &str, tls: &JoinTls) -> Result<Line<Stream>, String> {
    let endpoint: Endpoint = seed.parse().map_err(|_| "it is no address".to_owned())?;
    let socket = dial(&endpoint.url.host, endpoint.url.port).await?;
    let agreed = tokio::time::timeout(CONNECT, tls.connect(socket)).await;
    let (stream, binding, _) = agreed.map_err(|_| late())?.map_err(|error| error.to_string())?;
    Ok(Line::new(stream, Binding(binding), seed))
}

async fn dial(host: &str, port: u16) -> Result<TcpStream, String> {
    let connected = tokio::time::timeout(CONNECT, TcpStream::connect((host, port))).await;
    let socket = connected.map_err(|_| late())?.map_err(|error| error.to_string())?;
    // A question does not wait for more.
    socket.set_nodelay(true).map_err(|error| error.to_string())?;
    Ok(socket)
}

fn late() -> String {
    format!("no answer within {} s", CONNECT.as_secs())
}
