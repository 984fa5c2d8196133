//! A cluster that begins anew with what is left of another: with the data directory of one surviving member, or with a
//! snapshot. Offline: no member may run on the directory.
//!
//! The new cluster has one member and other ids, so members of the old one and those of the new refuse each other. What
//! the old one agreed upon, and this copy does not know, is lost; clients may have seen it. So the revision leaps ahead,
//! and all before is compacted: a watch that asks for the past is told that it is gone, and reads anew.
//!
//! Leases are kept, with their keys: a new leader gives each its whole time once, as after any election, and it ends then
//! unless its holder, which may be gone, renews it. Alarms are not: they name members that are none any more.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::machine::Machine;
use super::open::{self, OpenError};
use super::snapshots;
use super::version;
use crate::cluster::disk::bbolt::WriteError;
use crate::cluster::disk::durable;
use crate::cluster::disk::snap::{SnapError, SnapFolder};
use crate::cluster::disk::wal::{Metadata, SnapshotMark, Wal, WalError};
use crate::cluster::etcd::backend::{Digest, SnapshotFileError, load_file};
use crate::cluster::etcd::node::Identity;
use crate::cluster::raft::wire::{ConfState, HardState, SnapshotMetadata};
use crate::cluster::store::id::Revision;
use crate::cluster::store::leap::LEAP;
use crate::cluster::store::member::{LogLevel, Member, Members, PeerUrls, cluster_id};

/// The files of a member, in its data directory.
const MEMBER: &str = "member";
/// Where they are made anew. What a crash leaves of it is removed by the next attempt.
const CRADLE: &str = "member.new";

/// Who the first member of the new cluster is.
#[derive(Clone, Debug)]
pub struct Founder {
    /// Its name.
    pub name: String,
    /// Where other members will reach it.
    pub peer_urls: PeerUrls,
    /// Tells the new cluster from all that had a member at these URLs: its ids are made of both. Best something random.
    pub token: String,
}

/// What becomes of the revision of a snapshot that is restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Past {
    /// It goes on where the snapshot was made: nobody has seen anything newer.
    GoesOn,
    /// It leaps ahead by so many revisions, and all before is compacted; what `etcdutl` 3.6 does with `--bump-revision`
    /// and `--mark-compacted`.
    Gone(u64),
}

impl Default for Past {
    fn default() -> Self {
        Self::Gone(LEAP)
    }
}

/// A cluster that began anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reborn {
    /// Its ids.
    pub identity: Identity,
    /// Its first revision.
    pub revision: Revision,
    /// Where the files of the old member are now, if there were any. Nobody needs them any more.
    pub old_files: Option<PathBuf>,
}

/// Why a cluster cannot begin anew. The directory is then as it was, but for a torn end of the log, which is cut off.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum RebirthError {
    #[error("there is no member's data in {0:?}")]
    NoData(PathBuf),
    #[error("the member in {0:?} had not learned anything of its cluster yet")]
    Empty(PathBuf),
    #[error("there is a member's data in {0:?} already")]
    Exists(PathBuf),
    #[error("cannot {operation} {path:?}: {source}")]
    File { operation: &'static str, path: PathBuf, source: io::Error },
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Snapshot(#[from] SnapshotFileError),
    #[error(
        "the snapshot {path:?} is of a cluster of version {version}, and this is {}",
        version::CLUSTER_VERSION
    )]
    TooNew { path: PathBuf, version: String },
    #[error("the new cluster would have an id of the old one, {0}: take another token")]
    SameIds(String),
    #[error("revision {0} cannot be raised by {1}")]
    Revision(Revision, u64),
    #[error("cannot write the new cluster's log: {0}")]
    Wal(#[from] WalError),
    #[error("cannot write the new cluster's snapshot: {0}")]
    Write(#[from] SnapError<WriteError>),
    #[error(transparent)]
    Snap(#[from] SnapError),
}

/// Makes a new cluster of one out of the data directory of a member whose cluster has lost its quorum for good.
///
/// All that its log holds is taken for agreed upon, also the end of which it had not heard yet that it is: a change that
/// was acknowledged, and reached this member, is kept. Changes that had no answer may come to be by that; their clients
/// were told that nobody knows. The files of the old member stay beside the new ones, under another name.
///
/// # Errors
/// When a member runs on the directory, or its files cannot be read, or new ones cannot be written.
pub fn recover(data_dir: &Path, founder: &Founder) -> Result<Reborn, RebirthError> {
    let wal = data_dir.join(MEMBER).join("wal");
    if !wal.is_dir() {
        return Err(RebirthError::NoData(data_dir.to_owned()));
    }
    // Locked until all is done.
    let opened = open::reopen(&wal, SnapFolder::open(&data_dir.join(MEMBER).join("snap"))?)?;
    let mut machine = opened.machine;
    let behind = machine.store.applied_index();
    for entry in opened.saved.entries.iter().filter(|entry| entry.index > behind) {
        machine.apply(entry, None, usize::MAX);
    }
    if machine.store.applied_index() == 0 {
        return Err(RebirthError::Empty(data_dir.to_owned()));
    }
    let identity = settle(&mut machine, founder, Past::default())?;
    if identity.cluster == opened.identity.cluster || identity.member == opened.identity.member {
        return Err(RebirthError::SameIds(opened.identity.member.to_string()));
    }
    let old = data_dir.join(format!("{MEMBER}.{}", opened.identity.cluster));
    if old.exists() {
        return Err(RebirthError::Exists(old));
    }
    let cradle = bear(data_dir, &machine, identity)?;
    exchange(&data_dir.join(MEMBER), &cradle, &old)?;
    Ok(Reborn { identity, revision: machine.store.revision(), old_files: Some(old) })
}

/// Makes a new cluster of one out of a snapshot, in a data directory that has no member's files yet.
///
/// # Errors
/// When the snapshot cannot be read, or has not the digest that it should have; when there are files already, or new ones
/// cannot be written.
pub fn restore(
    snapshot: &Path,
    digest: Digest,
    data_dir: &Path,
    founder: &Founder,
    past: Past,
) -> Result<Reborn, RebirthError> {
    let member = data_dir.join(MEMBER);
    if member.exists() {
        return Err(RebirthError::Exists(member));
    }
    let loaded = load_file(snapshot, digest)?;
    if let Some(version) = loaded.store.facts().version.as_ref().filter(|version| version::is_newer(version))
    {
        return Err(RebirthError::TooNew { path: snapshot.to_owned(), version: version.clone() });
    }
    let mut machine = Machine {
        store: loaded.store,
        members: loaded.members,
        voters: ConfState::default(),
        // A snapshot of nothing has none.
        term: loaded.term.max(1),
    };
    let index = machine.store.applied_index().max(1);
    machine.store.skip(index);
    let identity = settle(&mut machine, founder, past)?;
    fs::create_dir_all(data_dir).map_err(failed("make", data_dir))?;
    let cradle = bear(data_dir, &machine, identity)?;
    fs::rename(&cradle, &member).map_err(failed("rename", &cradle))?;
    durable::sync_dir(data_dir).map_err(failed("sync", data_dir))?;
    Ok(Reborn { identity, revision: machine.store.revision(), old_files: None })
}

/// Makes a machine that of the founder alone.
fn settle(machine: &mut Machine, founder: &Founder, past: Past) -> Result<Identity, RebirthError> {
    let own =
        Member { level: LogLevel::OWN, ..Member::first(&founder.name, &founder.peer_urls, &founder.token) };
    let identity = Identity { cluster: cluster_id([own.id]), member: own.id };
    if let Past::Gone(by) = past {
        let before = machine.store.revision();
        machine.store.leap(by).ok_or(RebirthError::Revision(before, by))?;
    }
    machine.store.forget_alarms();
    machine.voters = ConfState { voters: vec![own.id.0], ..ConfState::default() };
    machine.members = Members::restore([own], []);
    Ok(identity)
}

/// Writes a member's files: a snapshot of the machine, and a log that begins behind it.
fn bear(data_dir: &Path, machine: &Machine, identity: Identity) -> Result<PathBuf, RebirthError> {
    let cradle = data_dir.join(CRADLE);
    if cradle.exists() {
        fs::remove_dir_all(&cradle).map_err(failed("remove", &cradle))?;
    }
    fs::create_dir_all(&cradle).map_err(failed("make", &cradle))?;
    let metadata = SnapshotMetadata {
        conf_state: machine.voters.clone(),
        index: machine.store.applied_index(),
        term: machine.term,
    };
    let contents = snapshots::contents(machine);
    SnapFolder::open(&cradle.join("snap"))?
        .add(snapshots::name(&metadata), |file| snapshots::write(&contents, file))?;
    let ids = Metadata { node_id: identity.member.0, cluster_id: identity.cluster.0 };
    let mut wal = Wal::create(&cradle.join("wal"), ids)?;
    let (index, term) = (metadata.index, metadata.term);
    wal.mark_snapshot(&SnapshotMark { index, term, conf_state: Some(metadata.conf_state) })?;
    wal.append(Some(&HardState { term, vote: 0, commit: index }), &[])?;
    wal.sync()?;
    durable::sync_dir(&cradle).map_err(failed("sync", &cradle))?;
    Ok(cradle)
}

/// Puts the new files in the place of the old ones, which get another name. At no moment is there neither: a member that
/// finds no files founds a cluster.
fn exchange(member: &Path, cradle: &Path, old: &Path) -> Result<(), RebirthError> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    let exchanged = renameat_with(CWD, cradle, CWD, member, RenameFlags::EXCHANGE);
    exchanged.map_err(io::Error::from).map_err(failed("exchange", member))?;
    fs::rename(cradle, old).map_err(failed("rename", cradle))?;
    let folder = durable::parent(member);
    durable::sync_dir(folder).map_err(failed("sync", folder))
}

fn failed(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> RebirthError {
    let path = path.to_owned();
    move |source| RebirthError::File { operation, path, source }
}
