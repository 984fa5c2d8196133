//! The mesh gets another authority, while it works.
//!
//! 1. A server makes it, with a link from the one before. It is nothing yet.
//! 2. The administrator signs both roots: from then on certificates of either are believed, servers give one another the new key,
//!    and every host gets a new certificate by itself.
//! 3. Once all have one that are there, the administrator signs the new root alone.
//!
//! Whoever was away follows the link when it comes back, and gets its certificate then. Each step may be interrupted: the next run
//! goes on from what the store says.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::certifying::{certify, own_papers, show};
use super::office::{Office, TRIES};
use crate::cluster::identity::{Fingerprint, Root, RootList, Roots, Signed};
use crate::cluster::joining::{self, Enrolled};
use crate::cluster::link::{Line, Standing};
use crate::cluster::mesh::MeshError;
use crate::cluster::mesh::asking::ask_around;
use crate::cluster::tls::JoinTls;
use crate::cluster::world::keys::{self, Fact};
use crate::cluster::world::txn;
use crate::engine::world::HostName;

/// How often one looks who has a new certificate: some twenty reads for a mesh that moves within seconds.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// For how long no server is found that has the key of the newest root, before another one is made.
const KEYLESS: Duration = Duration::from_secs(10);

/// A mesh that has another authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotated {
    /// The root by which it is known now.
    pub root: Fingerprint,
    /// How many hosts have a certificate of it.
    pub moved: usize,
    /// Those that are not there and have none: they get one when they come back.
    pub away: Vec<HostName>,
}

/// How far the hosts are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Moves {
    moved: usize,
    /// Those that are there, or carry the store, and still have an old certificate.
    waiting: Vec<HostName>,
    away: Vec<HostName>,
}

impl Office {
    /// Gives the mesh another authority, and returns once nobody believes the old one any more. For those that are there it waits so
    /// long; with `force` it goes on without them then. What goes on is told.
    ///
    /// # Errors
    /// When no server makes one, hosts have not moved in time, or the store does not answer.
    pub async fn rotate(
        &self,
        patience: Duration,
        force: bool,
        tell: impl Fn(&str),
    ) -> Result<Rotated, MeshError> {
        let until = Instant::now() + patience;
        let (mut list, written) = self.root_list().await?;
        match list.roots().iter().count() {
            1 => {
                list = self.begin(&list, list.roots().clone(), written).await?;
                tell("made another authority; hosts get new certificates by themselves");
            }
            _ => tell("another authority was made already; hosts get new certificates by themselves"),
        }
        let mut root = list.roots().newest().clone();
        let mut keyless = Instant::now() + KEYLESS;
        while !self.renew_own(&root).await? {
            if Instant::now() >= keyless {
                tell("no server has the key of that authority; another one is made");
                let (now, written) = self.root_list().await?;
                list = self.begin(&now, now.roots().without_newest(), written).await?;
                root = list.roots().newest().clone();
                keyless = Instant::now() + KEYLESS;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let mut told = Moves::default();
        let moves = loop {
            let moves = self.moves(root.fingerprint()).await?;
            if moves.waiting.is_empty() || (force && Instant::now() >= until) {
                break moves;
            }
            if Instant::now() >= until {
                return Err(MeshError::Unmoved { hosts: moves.waiting });
            }
            if moves != told {
                let left = moves.waiting.len();
                tell(&format!("{} of {} hosts have new certificates", moves.moved, moves.moved + left));
                told = moves;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        };
        self.end(&root).await?;
        let away = moves.waiting.into_iter().chain(moves.away).collect();
        Ok(Rotated { root: *root.fingerprint(), moved: moves.moved, away })
    }

    /// The roots, as the store says and an administrator has signed; and when they were written.
    async fn root_list(&self) -> Result<(RootList, i64), MeshError> {
        let (_, _, administrators) = self.administrators().await?;
        let found = self.read("read the mesh's roots", keys::ROOTS).await?;
        let signed = Signed::from_json(&found.value.unwrap_or_default())?;
        Ok((RootList::verify(signed, &administrators, &self.mesh)?, found.written))
    }

    /// Has a server make an authority that follows on the newest of these, and signs both roots.
    async fn begin(&self, before: &RootList, roots: Roots, written: i64) -> Result<RootList, MeshError> {
        let operation = "change the mesh's authority";
        let own = own_papers(&self.folder)?;
        let person = own.person();
        let tls = JoinTls::new(self.mesh, roots.fingerprints())?;
        let seeds = self.client.link().places();
        let made = ask_around(&seeds, &tls, |line| joining::rotate(line, &person)).await?;
        let both = roots.followed_by(made.root, made.link)?;
        let signed = self.sign(operation, both, (before, written)).await?;
        let list = signed.ok_or(MeshError::Contended { operation })?;
        self.note("gave the mesh another authority beside the one before").await;
        Ok(list)
    }

    /// Signs these roots in place of a list that was written then; `None`: another one has been written since.
    async fn sign(
        &self,
        operation: &'static str,
        roots: Roots,
        (before, written): (&RootList, i64),
    ) -> Result<Option<RootList>, MeshError> {
        let list = RootList::sign(roots, before.seq() + 1, &self.mesh, &self.key)?;
        let compare = vec![txn::is_unchanged(keys::ROOTS, written)];
        let put = txn::put(keys::ROOTS, list.signed().to_json());
        if !self.commit(operation, compare, vec![put]).await? {
            return Ok(None);
        }
        self.folder.store_roots(&list)?;
        Ok(Some(list))
    }

    /// The administrator's own certificate is of the newest root, and shown from now on; `false`: no server issues with it yet.
    async fn renew_own(&self, root: &Root) -> Result<bool, MeshError> {
        let link = self.client.link();
        certify(&self.folder, &link.places()).await?;
        let certificate = self.folder.load_admin_certificate(&self.mesh)?;
        if !certificate.is_some_and(|certificate| root.is_issuer_of(&certificate)) {
            return Ok(false);
        }
        if show(&self.folder, link)?
            && let Standing::Up(line) = link.standing()
        {
            link.go_over(line.id, link.endpoints());
        }
        Ok(true)
    }

    /// Who has a certificate of this root.
    async fn moves(&self, root: &Fingerprint) -> Result<Moves, MeshError> {
        let operation = "read who has a new certificate";
        let link = self.client.link();
        let members =
            link.ask(operation, self.deadline(), |line: Line, by| async move { line.members(by).await });
        let mut needed: BTreeSet<String> =
            members.await?.members.into_iter().map(|member| member.name).collect();
        let facts = self.list_under(operation, keys::HOSTS).await?;
        needed.extend(facts.iter().filter_map(|key| {
            let (host, fact) = keys::fact_of(key.as_bytes())?;
            (fact == Fact::Live).then(|| host.to_string())
        }));
        let mut moves = Moves::default();
        for (key, entry) in self.read_under(operation, keys::ENROLLED).await? {
            let Some(host) = keys::last_part(keys::ENROLLED, &key).and_then(|host| host.parse().ok()) else {
                continue;
            };
            match serde_json::from_slice::<Enrolled>(&entry.value) {
                Ok(enrolled) if enrolled.root == *root => moves.moved += 1,
                _ if needed.contains(HostName::as_str(&host)) => moves.waiting.push(host),
                _ => moves.away.push(host),
            }
        }
        Ok(moves)
    }

    /// Signs the newest root alone.
    async fn end(&self, root: &Root) -> Result<(), MeshError> {
        let operation = "end the change of the mesh's authority";
        self.note("took the authority before from the mesh").await;
        for _ in 0..TRIES {
            let (list, written) = self.root_list().await?;
            if list.roots().newest() != root {
                return Err(MeshError::Contended { operation });
            }
            if list.roots().iter().count() == 1 {
                // An earlier attempt has done it, its answer lost.
                self.folder.store_roots(&list)?;
                return Ok(());
            }
            if self.sign(operation, list.roots().without_old(), (&list, written)).await?.is_some() {
                return Ok(());
            }
        }
        Err(MeshError::Contended { operation })
    }
}
