//! A copy of the whole store in a file, as etcd's tools read it.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Client;
use crate::cluster::disk::durable;
use crate::cluster::etcd::backend::{SnapshotFileError, verify_file};
use crate::cluster::link::Line;
use crate::engine::world::{Deadline, WorldError};

/// How long the next piece may take: the first comes when the member has written them all to its disk.
const PIECE: Duration = Duration::from_secs(60);

/// There is no copy.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum SnapshotError {
    #[error(transparent)]
    Store(#[from] WorldError),
    #[error("the store has stopped sending: {0}")]
    Broken(String),
    #[error("cannot {operation} {path:?}: {source}")]
    File { operation: &'static str, path: PathBuf, source: io::Error },
    #[error(transparent)]
    Damaged(#[from] SnapshotFileError),
}

impl Client {
    /// Copies the whole store into a file, which is there once it was read back and found whole. What was there before is
    /// kept until then.
    ///
    /// # Errors
    /// When the store does not answer by then, breaks off, or the disk refuses.
    pub async fn snapshot(&self, path: &Path, by: Deadline) -> Result<(), SnapshotError> {
        let line = self.link.line("take a snapshot", by).await?;
        let mut fresh = path.as_os_str().to_owned();
        fresh.push(".part");
        let fresh = PathBuf::from(fresh);
        let taken = take(&line, &fresh, by).await.and_then(|()| Ok(verify_file(&fresh)?)).and_then(|()| {
            fs::rename(&fresh, path).map_err(failed("rename", &fresh))?;
            durable::sync_dir(durable::parent(path)).map_err(failed("sync", path))
        });
        if taken.is_err() {
            // It may not even be there.
            let _ = fs::remove_file(&fresh);
        }
        taken
    }
}

/// Takes it from a member, piece by piece.
async fn take(line: &Line, path: &Path, by: Deadline) -> Result<(), SnapshotError> {
    let asked = line.snapshot(by).await;
    let mut pieces = asked.map_err(|trouble| trouble.tell("take a snapshot"))?;
    // It holds all that the mesh holds.
    let mut file = File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .map_err(failed("write", path))?;
    loop {
        let piece = tokio::time::timeout(PIECE, pieces.message()).await;
        match piece.map_err(|_| SnapshotError::Broken("no answer in time".to_owned()))? {
            Ok(Some(piece)) => file.write_all(&piece.blob).map_err(failed("write", path))?,
            Ok(None) => return file.sync_all().map_err(failed("sync", path)),
            Err(status) => return Err(SnapshotError::Broken(status.message().to_owned())),
        }
    }
}

fn failed(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SnapshotError {
    let path = path.to_owned();
    move |source| SnapshotError::File { operation, path, source }
}
