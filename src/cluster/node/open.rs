//! What the disk knows when a member starts.

use std::io;
use std::path::{Path, PathBuf};

use super::config::{Config, Founding};
use super::forced::{self, WasRemoved};
use super::machine::Machine;
use super::snapshots::{self, SnapshotError};
use super::version;
use crate::cluster::disk::snap::{SnapError, SnapFolder, SnapName};
use crate::cluster::disk::wal::{Metadata, SnapshotMark, Wal, WalError, read_marks};
use crate::cluster::etcd::backend::member_json;
use crate::cluster::etcd::node::Identity;
use crate::cluster::raft::Saved;
use crate::cluster::raft::wire::{ConfChange, HardState, Snapshot, SnapshotMetadata};
use crate::cluster::store::id::{ClusterId, MemberId};
use crate::cluster::store::member::{Member, MemberChange, Members};

/// Why a member cannot start.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum OpenError {
    #[error("cannot make {path:?}: {source}")]
    Make { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Wal(#[from] WalError),
    #[error(transparent)]
    Snap(#[from] SnapError),
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    #[error("the log begins behind its snapshots, of which none is left in {0:?}")]
    NoSnapshot(PathBuf),
    #[error(transparent)]
    WasRemoved(#[from] WasRemoved),
    #[error(
        "the data in {dir:?} is of a cluster of version {version}, and this is {}",
        version::CLUSTER_VERSION
    )]
    TooNew { dir: PathBuf, version: String },
    #[error("member {name:?} is not in the initial cluster")]
    NotInitial { name: String },
}

impl OpenError {
    /// What to do.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Wal(error) => error.hint(),
            Self::NoSnapshot(_) => Some("bring the snapshot back, or remove this member and add it anew"),
            Self::TooNew { .. } => Some(version::HINT),
            Self::NotInitial { .. } => Some("name it in --initial-cluster, as --name says"),
            Self::WasRemoved(_) => {
                Some("take the data of a member that was not removed, or restore a snapshot")
            }
            Self::Make { .. } | Self::Snap(_) | Self::Snapshot(_) => None,
        }
    }
}

/// What the disk knows.
#[derive(Debug)]
pub struct Opened {
    /// Who this is.
    pub identity: Identity,
    /// The log, to go on in.
    pub wal: Wal,
    /// The snapshots.
    pub snaps: SnapFolder,
    /// For the consensus.
    pub saved: Saved,
    /// As of the newest snapshot.
    pub machine: Machine,
}

/// Opens what is there, or makes it.
pub fn open(config: &Config) -> Result<Opened, OpenError> {
    let member = config.data_dir.join("member");
    std::fs::create_dir_all(&member).map_err(|source| OpenError::Make { path: member.clone(), source })?;
    let snaps = SnapFolder::open(&member.join("snap"))?;
    let wal = member.join("wal");
    if !wal.is_dir() {
        return found(config, &wal, snaps);
    }
    let mut opened = reopen(&wal, snaps)?;
    if config.force_new_cluster {
        let entries = forced::alone(opened.identity.member, &mut opened.saved)?;
        opened.wal.append(Some(&opened.saved.hard_state), &entries)?;
        opened.wal.sync()?;
        tracing::warn!(removed = entries.len(), "this member is a cluster of its own now");
    }
    Ok(opened)
}

/// Opens what is there.
pub(super) fn reopen(dir: &Path, snaps: SnapFolder) -> Result<Opened, OpenError> {
    let mut marks = read_marks(dir)?;
    marks.sort_unstable_by_key(|mark| std::cmp::Reverse(mark.index));
    let (mark, machine) = newest(&marks, &snaps)?;
    if let Some(version) = machine.store.facts().version.as_ref().filter(|version| version::is_newer(version))
    {
        return Err(OpenError::TooNew { dir: dir.to_owned(), version: version.clone() });
    }
    let (wal, recovered) = Wal::open(dir, &mark)?;
    if let Some(cut) = &recovered.cut {
        tracing::warn!(
            path = %cut.path.display(), offset = cut.offset, length = cut.length, intact_after = cut.intact_after,
            "the end of the log was torn, as a crash leaves it, and was cut off"
        );
    }
    let metadata = recovered.metadata;
    let snapshot = (mark.index > 0).then(|| {
        let metadata = SnapshotMetadata {
            conf_state: mark.conf_state.clone().unwrap_or_default(),
            index: mark.index,
            term: mark.term,
        };
        Snapshot { data: snapshots::name(&metadata).to_string().into(), metadata }
    });
    let saved = Saved { hard_state: recovered.state, snapshot, entries: recovered.entries };
    let identity = Identity { cluster: ClusterId(metadata.cluster_id), member: MemberId(metadata.node_id) };
    Ok(Opened { identity, wal, snaps, saved, machine })
}

/// The newest snapshot that the log knows and whose file can be read.
fn newest(marks: &[SnapshotMark], snaps: &SnapFolder) -> Result<(SnapshotMark, Machine), OpenError> {
    let mut failed = None;
    for mark in marks.iter().filter(|mark| mark.index > 0) {
        let metadata = SnapshotMetadata {
            conf_state: mark.conf_state.clone().unwrap_or_default(),
            index: mark.index,
            term: mark.term,
        };
        let path = snaps.path(SnapName { term: mark.term, index: mark.index });
        if !path.exists() {
            continue;
        }
        match snapshots::read(&path, &metadata) {
            Ok(machine) => return Ok((mark.clone(), machine)),
            Err(error) => {
                tracing::error!(%error, "a snapshot cannot be used: an older one is tried");
                failed.get_or_insert(error);
            }
        }
    }
    match failed {
        Some(error) => Err(error.into()),
        // The log reaches back to its beginning, or opening it says that it does not.
        None => Ok((SnapshotMark::default(), Machine::default())),
    }
}

fn found(config: &Config, dir: &Path, snaps: SnapFolder) -> Result<Opened, OpenError> {
    let not_initial = || OpenError::NotInitial { name: config.name.clone() };
    let (identity, saved) = match &config.founding {
        Founding::New { members: initial, token } => {
            let members = initial.members(token);
            let own = members.iter().find(|member| member.name == config.name).ok_or_else(not_initial)?;
            let changes: Vec<ConfChange> = members.iter().filter_map(joining).collect();
            (Identity { cluster: initial.id(token), member: own.id }, Saved::new_cluster(&changes))
        }
        Founding::Joining { members, cluster } => {
            let own = joiner(members, config).ok_or_else(not_initial)?;
            (Identity { cluster: *cluster, member: own.id }, Saved::default())
        }
    };
    let metadata = Metadata { node_id: identity.member.0, cluster_id: identity.cluster.0 };
    let mut wal = Wal::create(dir, metadata)?;
    let begun = saved.hard_state != HardState::default();
    wal.append(begun.then_some(&saved.hard_state), &saved.entries)?;
    wal.sync()?;
    Ok(Opened { identity, wal, snaps, saved, machine: Machine::default() })
}

/// The change by which one of the first members joined.
fn joining(member: &Member) -> Option<ConfChange> {
    let id = crate::cluster::store::id::MemberId(0);
    member_json::to_entry(id.0, &MemberChange::Add(member.clone()))
}

/// The one of the members that has not started yet and has our URLs; they were told when it was added.
fn joiner<'a>(members: &'a Members, config: &Config) -> Option<&'a Member> {
    members.iter().find(|member| member.name == config.name)
}
