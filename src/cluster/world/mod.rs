//! The world as hosts share it, over a store that speaks etcd's API: ours, or any other.
//!
//! | file | what |
//! |---|---|
//! | [`keys`], [`export_encoding`] | where in the store what is, and in which form |
//! | [`watcher`], [`mirror`], [`view`] | what is followed: mirrors of keys, kept up to date and on disk |
//! | [`writer`], [`outbox`], [`journal`], [`batch`] | what is written: in order, once, also when the store was away |
//! | [`trust`], [`export_seal`], `vouching`, `sieve`, [`manifest`] | what is signed, by whom, and what is believed |
//! | `secrets`, `secret_versions`, [`secret_desk`], `secret_renewal` | secrets as this host reads them, and as an administrator writes them |
//! | [`txn`] | the pieces of a transaction |
//! | [`snapshot`] | a copy of all of it in a file |
//! | [`session`] | that this host is there |
//! | `strings`, `exports`, `directory`, `schedule`, `deploys`, `blobs` | the parts of the world |

pub mod batch;
mod blobs;
pub mod deploys;
mod directory;
pub mod export_encoding;
pub mod export_seal;
mod exports;
pub mod journal;
pub mod keys;
pub mod manifest;
pub mod mirror;
pub mod outbox;
mod schedule;
pub mod secret_desk;
mod secret_renewal;
mod secret_versions;
mod secrets;
pub mod session;
mod sieve;
pub mod snapshot;
mod strings;
#[cfg(test)]
mod tests;
pub mod trust;
pub mod txn;
pub mod view;
mod vouching;
pub mod watcher;
pub mod writer;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::SystemTime;

use bytes::Bytes;
use tokio::sync::watch;

pub use directory::StoredCard;
pub use trust::{Grounds, Trust};

use self::exports::Exported;
use self::keys::Fact;
use self::mirror::Entry;
use self::secret_versions::SecretVersions;
use self::session::Session;
use self::vouching::Vouching;
use self::watcher::Watcher;
use self::writer::Writer;
use crate::cluster::link::{Line, Link, Standing};
use crate::cluster::store::id::Revision;
use crate::cluster::store::key::KeyRange;
use crate::engine::state_dir;
use crate::engine::world::{
    Audience, Blobs, Deadline, Deploys, Directory, Exports, HostName, Schedule, Secrets, Strings, World,
    WorldError,
};

/// The longest value that is written, in bytes: etcd takes requests of 1.5 MiB, key and form included.
const VALUE_BYTES: usize = 1_400_000;

/// How a host takes part.
#[derive(Clone, Debug)]
pub struct ClientSettings {
    /// What it is called.
    pub host: HostName,
    /// Its failure domain.
    pub zone: String,
    /// Where it keeps what it has seen and what waits; `None`: nowhere.
    pub folder: Option<PathBuf>,
}

/// A host's part in the world: a connection to the store, and what is read and written over it.
#[derive(Debug)]
pub struct Client {
    host: HostName,
    zone: String,
    link: Link,
    watcher: Arc<Watcher>,
    writer: Writer,
    session: Session,
    exported: Mutex<Exported>,
    /// On which grounds others are believed; `None`: in this mesh nothing is signed.
    vouching: Option<Arc<Vouching>>,
    /// How new the secrets are that were seen.
    secret_versions: Arc<SecretVersions>,
    /// How many exports were not believed.
    dropped: Arc<AtomicU64>,
    value_limit: usize,
    /// Whether anybody has asked for something that only the store has.
    wanted: watch::Sender<bool>,
    own: Weak<Self>,
}

/// A host's part in the world cannot be set up.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum ClientError {
    #[error(transparent)]
    Folder(#[from] state_dir::StateDirError),
    #[error("cannot open {path:?}, which holds what waits for the mesh")]
    Journal { path: PathBuf, source: std::io::Error },
}

impl Client {
    /// Starts to take part, over a link. To be called inside a tokio runtime.
    ///
    /// # Errors
    /// When its folder cannot be used.
    pub fn start(settings: ClientSettings, link: Link) -> Result<Arc<Self>, ClientError> {
        Self::begin(settings, link, None)
    }

    /// The same in a mesh whose hosts have identities: what this host writes is signed, and what others write believed only if
    /// it is.
    ///
    /// # Errors
    /// When its folder cannot be used.
    pub fn start_signed(
        settings: ClientSettings,
        link: Link,
        trust: Trust,
    ) -> Result<Arc<Self>, ClientError> {
        Self::begin(settings, link, Some(trust))
    }

    fn begin(settings: ClientSettings, link: Link, trust: Option<Trust>) -> Result<Arc<Self>, ClientError> {
        let ClientSettings { host, zone, folder } = settings;
        let seen = folder.as_ref().map(|folder| folder.join("seen"));
        if let Some(seen) = &seen {
            state_dir::make(seen)?;
        }
        let session = Session::start(link.clone());
        let outbox = folder.as_ref().map(|folder| folder.join("outbox"));
        let seq = keys::fact(&host, Fact::Seq);
        let writer = Writer::start(link.clone(), session.clone(), seq, trust.clone(), outbox.as_deref())
            .map_err(|source| ClientError::Journal { path: outbox.unwrap_or_default(), source })?;
        let watcher = Arc::new(Watcher::start(link.clone(), seen));
        let versions = folder.as_ref().map(|folder| folder.join("secret-versions"));
        let exported = Mutex::new(Exported::load(folder.map(|folder| folder.join("exported"))));
        Ok(Arc::new_cyclic(|own| Self {
            host,
            zone,
            link,
            watcher,
            writer,
            session,
            exported,
            vouching: trust.map(|trust| Arc::new(Vouching::new(trust))),
            secret_versions: Arc::new(SecretVersions::load(versions)),
            dropped: Arc::default(),
            value_limit: VALUE_BYTES,
            wanted: watch::Sender::new(false),
            own: own.clone(),
        }))
    }

    /// Returns once anybody has asked for something that only the store has.
    pub async fn wanted(&self) {
        let mut wanted = self.wanted.subscribe();
        // Its sender is this.
        let _ = wanted.wait_for(|wanted| *wanted).await;
    }

    /// Whether anybody has.
    pub fn is_wanted_now(&self) -> bool {
        *self.wanted.borrow()
    }

    /// Somebody asks for something that only the store has.
    pub fn is_wanted(&self) {
        self.wanted.send_if_modified(|wanted| !std::mem::replace(wanted, true));
    }

    /// What this host is called.
    pub fn name(&self) -> &HostName {
        &self.host
    }

    /// The connection.
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// On which grounds others are believed; `None`: in this mesh nothing is signed.
    pub fn trust(&self) -> Option<&Trust> {
        self.vouching.as_ref().map(|vouching| &vouching.trust)
    }

    /// How many exports of others were not believed since this host takes part.
    pub fn dropped_exports(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// How many exports of others were looked at since this host takes part, whether or not they were believed. One that stays
    /// as it is is not looked at again.
    pub fn verified_exports(&self) -> u64 {
        self.vouching.as_ref().map_or(0, |vouching| vouching.judged.load(Ordering::Relaxed))
    }

    /// This host's lease.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// What is written.
    pub fn writer(&self) -> &Writer {
        &self.writer
    }

    /// What is followed.
    pub fn watcher(&self) -> &Arc<Watcher> {
        &self.watcher
    }

    /// The mesh's policy as it is stored; `None`: there is none.
    ///
    /// # Errors
    /// When the store does not answer in time.
    pub async fn policy(&self, by: Deadline) -> Result<Option<Bytes>, WorldError> {
        self.value_of("read the policy", keys::POLICY, by).await
    }

    /// What a key holds; `None`: there is no such key.
    ///
    /// # Errors
    /// When the store does not answer in time.
    pub async fn value_of(
        &self,
        operation: &'static str,
        key: &'static str,
        by: Deadline,
    ) -> Result<Option<Bytes>, WorldError> {
        let found = self.read_all(operation, &KeyRange::One(key.into()), by).await?;
        Ok(found.into_values().next().map(|entry| entry.value))
    }

    /// Changes the policy, if it still is `from`; `false`: it is not.
    ///
    /// # Errors
    /// When the store does not answer in time.
    pub async fn set_policy(
        &self,
        from: Option<Bytes>,
        to: Vec<u8>,
        by: Deadline,
    ) -> Result<bool, WorldError> {
        let to = Bytes::from(to);
        strings::replace_key(&self.link, "write the policy", keys::POLICY.into(), from, Some(to), by).await
    }

    /// The store has begun anew with an older copy of its data: what this host exports is written again, and what it has
    /// withdrawn since the copy was made is withdrawn once more.
    ///
    /// # Errors
    /// When the store does not answer in time.
    pub async fn begin_anew(&self, by: Deadline) -> Result<(), WorldError> {
        self.writer.write_again(|key| keys::export_of(key).is_some());
        // What went to one other host only is not for this one to look for; what it knows of, it writes again.
        let mut there = BTreeMap::new();
        for to in [Audience::All, Audience::Host(self.host.clone())] {
            let range = keys::under(&keys::exports_for(&to));
            there.extend(self.read_keys("look for old exports", &range, by).await?);
        }
        let exported = self.exported.lock().unwrap_or_else(std::sync::PoisonError::into_inner).keys();
        let is_old = |key: &Bytes| {
            let is_own = keys::export_of(key).is_some_and(|(from, _)| from == self.host);
            is_own && !exported.iter().any(|known| known.as_bytes() == &key[..])
        };
        for (key, _) in there.into_iter().filter(|(key, _)| is_old(key)) {
            let withdrawn = self.writer.push(outbox::Write { key, value: None, leased: false });
            withdrawn.map_err(|outbox::Full { count, bytes }| WorldError::OutboxFull {
                operation: "withdraw an old export",
                count,
                bytes,
            })?;
        }
        Ok(())
    }

    /// Removes everything that this host has written of itself and for others: it leaves.
    ///
    /// # Errors
    /// When the store does not answer in time.
    pub async fn remove_traces(&self, by: Deadline) -> Result<(), WorldError> {
        let exported = self.exported.lock().unwrap_or_else(std::sync::PoisonError::into_inner).keys();
        let mut ops: Vec<_> = exported.into_iter().map(txn::delete).collect();
        ops.push(txn::delete_under(&keys::of_host(&self.host)));
        for some in ops.chunks(batch::COUNT) {
            self.link.transact("leave", by, txn::always(some.to_vec())).await?;
        }
        Ok(())
    }

    /// Since when the store is away.
    pub fn away_since(&self) -> Option<SystemTime> {
        match self.link.standing() {
            Standing::Away(away) => Some(away.since_time),
            Standing::Up(_) => None,
        }
    }

    /// Keeps what waits for the store on disk, for the next run.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn end(&self) -> Result<(), WorldError> {
        self.writer.keep_all().await
    }

    fn shared(&self) -> Result<Arc<Self>, WorldError> {
        self.own.upgrade().ok_or(WorldError::Ended { operation: "stand" })
    }

    /// Reads all keys of a stretch.
    ///
    /// # Errors
    /// When the store does not answer in time, or does not allow it.
    pub async fn read_all(
        &self,
        operation: &'static str,
        range: &KeyRange,
        by: Deadline,
    ) -> Result<BTreeMap<Bytes, Entry>, WorldError> {
        let read = self.link.ask(operation, by, |line: Line, _| {
            let range = range.clone();
            async move { watcher::read(&line, &range, watcher::Part::Whole).await }
        });
        Ok(read.await?.entries)
    }

    /// Reads the keys of a stretch, and when they were written.
    ///
    /// # Errors
    /// As for [`Client::read_all`].
    pub async fn read_keys(
        &self,
        operation: &'static str,
        range: &KeyRange,
        by: Deadline,
    ) -> Result<Vec<(Bytes, Revision)>, WorldError> {
        let read = self.link.ask(operation, by, |line: Line, _| {
            let range = range.clone();
            async move { watcher::read(&line, &range, watcher::Part::Keys).await }
        });
        Ok(read.await?.entries.into_iter().map(|(key, entry)| (key, entry.written)).collect())
    }
}

impl World for Client {
    fn host(&self) -> &HostName {
        &self.host
    }

    fn strings(&self) -> Arc<dyn Strings> {
        self.is_wanted();
        self.own.upgrade().expect("whoever calls holds it")
    }

    fn secrets(&self) -> Arc<dyn Secrets> {
        self.is_wanted();
        self.own.upgrade().expect("whoever calls holds it")
    }

    fn exports(&self) -> Arc<dyn Exports> {
        self.own.upgrade().expect("whoever calls holds it")
    }

    fn directory(&self) -> Arc<dyn Directory> {
        self.is_wanted();
        self.own.upgrade().expect("whoever calls holds it")
    }

    fn schedule(&self) -> Arc<dyn Schedule> {
        self.is_wanted();
        self.own.upgrade().expect("whoever calls holds it")
    }

    fn deploys(&self) -> Arc<dyn Deploys> {
        self.is_wanted();
        self.own.upgrade().expect("whoever calls holds it")
    }

    fn blobs(&self) -> Arc<dyn Blobs> {
        self.is_wanted();
        self.own.upgrade().expect("whoever calls holds it")
    }
}
