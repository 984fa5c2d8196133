//! The state machine as a file, and back.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::inbox::Letter;
use super::machine::Machine;
use super::shared::Shared;
use crate::cluster::disk::bbolt::WriteError;
use crate::cluster::disk::snap::{SnapError, SnapFolder, SnapName};
use crate::cluster::etcd::backend::{self, Contents, LoadError};
use crate::cluster::raft::wire::SnapshotMetadata;

/// Why a snapshot's file cannot be used.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum SnapshotError {
    #[error("cannot open the snapshot {path:?}: {source}")]
    Open { path: PathBuf, source: std::io::Error },
    #[error("the snapshot {path:?} cannot be read: {source}")]
    Load { path: PathBuf, source: LoadError },
}

/// What a snapshot's file is called.
pub fn name(metadata: &SnapshotMetadata) -> SnapName {
    SnapName { term: metadata.term, index: metadata.index }
}

/// The file that a message's snapshot names.
pub fn name_of(data: &Bytes) -> Option<SnapName> {
    SnapName::parse(std::str::from_utf8(data).ok()?)
}

/// The machine as it is now.
pub fn contents(machine: &Machine) -> Contents {
    Contents {
        store: machine.store.snapshot(),
        members: machine.members.clone(),
        voters: machine.voters.clone(),
        term: machine.term,
    }
}

/// Writes everything into a file.
pub fn write(contents: &Contents, file: &File) -> Result<(), WriteError> {
    let file = file.try_clone().map_err(WriteError::from)?;
    let written = backend::save(contents, BufWriter::with_capacity(1 << 20, file))?;
    written.into_inner().map_err(|error| WriteError::from(error.into_error()))?;
    Ok(())
}

/// Makes a snapshot of the machine as it is now, beside everything else; tells the inbox how that ended.
pub fn make(shared: &Arc<Shared>, metadata: SnapshotMetadata) {
    let contents = contents(&shared.read());
    let shared = shared.clone();
    let made = std::thread::Builder::new().name("mgmt-snapshot".into()).spawn({
        let shared = shared.clone();
        move || {
            let added = shared.snaps.add(name(&metadata), |file| write(&contents, file));
            let bytes = added.and_then(|path| size(&path));
            match bytes {
                Ok(bytes) => {
                    shared.inbox.tell(Letter::SnapshotWritten { metadata, bytes });
                    if let Err(error) = shared.snaps.prune() {
                        tracing::warn!(%error, "old snapshots stay");
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "no snapshot could be made: the log grows on");
                    shared.inbox.tell(Letter::SnapshotFailed);
                }
            }
        }
    });
    if let Err(error) = made {
        tracing::error!(%error, "no snapshot could be made: the log grows on");
        shared.inbox.tell(Letter::SnapshotFailed);
    }
}

fn size(path: &Path) -> Result<u64, SnapError<WriteError>> {
    let file = std::fs::metadata(path).map_err(|source| SnapError::File {
        operation: "look at",
        path: path.to_owned(),
        source,
    })?;
    Ok(file.len())
}

/// Makes a file that a peer sent one of ours.
pub fn adopt(snaps: &SnapFolder, metadata: &SnapshotMetadata, file: &Path) -> std::io::Result<PathBuf> {
    let path = snaps.path(name(metadata));
    std::fs::rename(file, &path)?;
    if let Some(folder) = path.parent() {
        crate::cluster::disk::durable::sync_dir(folder)?;
    }
    Ok(path)
}

/// The machine that a file holds.
pub fn read(path: &Path, metadata: &SnapshotMetadata) -> Result<Machine, SnapshotError> {
    let file = File::open(path).map_err(|source| SnapshotError::Open { path: path.to_owned(), source })?;
    let loaded =
        backend::load(file).map_err(|source| SnapshotError::Load { path: path.to_owned(), source })?;
    Ok(Machine {
        store: loaded.store,
        members: loaded.members,
        voters: metadata.conf_state.clone(),
        term: metadata.term,
    })
}
