//! Who this host is in its mesh: what lies in the folder of its keys, got with a token, or made with the mesh.

use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::MeshError;
use super::asking::{Asked, ask_around, connect};
use crate::cluster::identity::{
    AdministratorName, Administrators, Authority, Eviction, HOST_VALIDITY, IdentityError, JoinToken,
    KeyFolder, Merged, MeshId, Pin, Principal, Signed, key_files,
};
use crate::cluster::joining::{self, Applicant, Binding, Founder, Held, JoinError, Keeper, Line};
use crate::cluster::link::{Backoff, Endpoint, chance};
use crate::cluster::peer::PeerUrl;
use crate::cluster::tls::{self, JoinTls, MeshTls, Passport};
use crate::engine::world::HostName;

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
    changing: Mutex<()>,
}

/// That somebody changes it.
pub(super) type Changing<'o> = MutexGuard<'o, ()>;

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
        if *passport.certificate.principal() != Principal::Host(host.clone()) {
            let found = passport.certificate.principal().to_string();
            let path = folder.path().to_owned();
            return Err(JoinError::OtherHost { path, found, host: host.clone() }.into());
        }
        Self::of(folder, passport, first_writes).map(Some)
    }

    fn of(
        folder: KeyFolder,
        passport: Passport,
        first_writes: Vec<(String, String)>,
    ) -> Result<Self, MeshError> {
        let (mesh, folder, changing) = (passport.mesh, Arc::new(folder), Mutex::default());
        Ok(Self { folder, mesh, tls: MeshTls::new(passport)?, first_writes, changing })
    }

    /// Makes a mesh, of which this host is the first.
    pub fn found(prefix: &Path, said: Said<'_>, validity: Duration) -> Result<Self, MeshError> {
        let folder = KeyFolder::open(prefix)?;
        let founding = joining::found(&folder, &founder(said.host, said.addresses, validity))?;
        let passport = Passport::of_host(&folder)?.ok_or(MeshError::Apart)?;
        tracing::info!(
            mesh = %founding.mesh,
            administrator = %folder.path_of(key_files::ADMIN_KEY).display(),
            "has made a mesh; its administrator's key lies here until it is moved away"
        );
        Self::of(folder, passport, founding.first_writes)
    }

    /// Joins with a token, by these hosts; where none answers it tries again, until one does or refuses for good. Returns where
    /// the store is, too.
    pub async fn join(
        prefix: &Path,
        token: &JoinToken,
        seeds: &[String],
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
            let join = |line| joining::join(line, token, &applicant);
            let retry_after = match ask_around(seeds, &tls, join).await {
                Ok(enrolment) => {
                    enrolment.keep(&folder)?;
                    let passport = Passport::of_host(&folder)?.ok_or(MeshError::Apart)?;
                    let seeds = enrolment.seeds.iter().chain(seeds);
                    let seeds = seeds.filter_map(|seed| seed.parse().ok()).collect();
                    tracing::info!(mesh = %enrolment.mesh, "has joined the mesh");
                    return Ok((Self::of(folder, passport, Vec::new())?, seeds));
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
    pub async fn renew(&self, from: &[String], said: Said<'_>) -> Result<(), MeshError> {
        let folder = &self.folder;
        let keys = joining::own_keys(folder)?;
        let papers = folder.load_papers()?.ok_or_else(|| folder.missing(key_files::HOST_PAPERS))?;
        let roots = self.tls.passport().roots;
        let tls = JoinTls::new(self.mesh, roots.fingerprints())?;
        let pin = self.pin();
        let Said { host, serve, addresses } = said;
        let applicant = Applicant { host, keys: &keys, serve, names: &[], addresses, now: tls::now() };
        let roots_seq = folder.roots(&self.mesh)?.seq();
        let held = Held { mesh: &self.mesh, papers: &papers, roots_seq, pin };
        let enrolment = ask_around(from, &tls, |line| joining::renew(line, &held, &applicant)).await?;
        let _changing = self.change();
        enrolment.keep(folder)?;
        self.reload()
    }

    /// With whom the administrators of this mesh begin.
    pub fn pin(&self) -> Pin {
        Pin { first: self.tls.passport().administrators.map(|it| *it.first()), known: None }
    }

    /// Begins to change what lies in the folder and what is believed; nobody else does until this is dropped.
    pub fn change(&self) -> Changing<'_> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it goes by, and who administers the mesh as far as it knows.
    pub fn known(&self) -> Result<(Passport, Arc<Administrators>), IdentityError> {
        let passport = self.tls.passport();
        let administrators = match &passport.administrators {
            Some(known) => known.clone(),
            None => Arc::new(self.folder.administrators(&self.mesh)?),
        };
        Ok((passport, administrators))
    }

    /// Goes by the evictions of a list that hold here, and keeps them; `from` is who told it.
    pub fn deny_those(
        &self,
        list: Vec<Signed<Eviction>>,
        from: &str,
        _: &Changing<'_>,
    ) -> Result<Merged, MeshError> {
        let (passport, administrators) = self.known()?;
        let mut denied = passport.denied.clone();
        let merged = denied.merge(list, &administrators, &self.mesh);
        merged.warn(from);
        if merged.new > 0 {
            self.folder.store_denied(&denied)?;
            if denied.denies(&passport.certificate).is_some() {
                tracing::error!("this host was evicted: nobody in the mesh speaks with it any more");
            }
            self.tls.replace(passport.denying(denied))?;
        }
        Ok(merged)
    }

    /// Shows and believes what lies in the folder now.
    pub fn reload(&self) -> Result<(), MeshError> {
        Ok(self.tls.replace(Passport::of_host(&self.folder)?.ok_or(MeshError::Apart)?)?)
    }

    /// Gets the authority whose root is the newest one from who has it, unless it is here: who carries the store issues
    /// certificates.
    pub async fn get_authority(&self, from: &[PeerUrl]) -> Result<Authority, MeshError> {
        let roots = self.tls.passport().roots;
        let is_it = |authority: &Authority| authority.roots().newest() == roots.newest();
        if let Some(own) = self.folder.load_authority(&self.mesh)?.filter(is_it) {
            return Ok(own);
        }
        if let Some(made) = self.folder.load_next_authority(&self.mesh)?.filter(is_it) {
            self.folder.store_authority(&made)?;
            return Ok(made);
        }
        let mut last = MeshError::Apart;
        for url in from {
            let address = url.to_string();
            let got = async {
                let agreed = connect(url, |socket| self.tls.connect_to_join(socket)).await;
                let (stream, binding, _) = agreed.map_err(|why| MeshError::Unreached { why })??;
                let line = Line::new(stream, Binding(binding), address);
                Ok(joining::authority(line, &self.mesh, &roots).await?)
            };
            match got.await {
                Ok(authority) => {
                    self.folder.store_authority(&authority)?;
                    return Ok(authority);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

impl Keeper for OwnIdentity {
    fn deny(&self, mut list: Vec<Signed<Eviction>>) -> usize {
        // Anybody may say it, and each costs a signature to be looked at.
        list.truncate(MOST_HANDED);
        let count = list.len();
        match self.deny_those(list, "somebody who handed it over", &self.change()) {
            Ok(merged) => count - merged.refused.len(),
            Err(error) => {
                tracing::error!(%error, "an eviction that was handed over cannot be kept");
                0
            }
        }
    }

    fn prepare(&self, next: &Authority) -> Result<(), IdentityError> {
        self.folder.store_next_authority(next)
    }
}

fn founder<'f>(host: &'f HostName, addresses: &'f [IpAddr], validity: Duration) -> Founder<'f> {
    static NAME: std::sync::LazyLock<AdministratorName> =
        std::sync::LazyLock::new(|| FIRST.parse().expect("it is a name"));
    Founder { host, administrator: &NAME, names: &[], addresses, validity, now: tls::now() }
}
