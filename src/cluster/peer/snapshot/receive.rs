//! Receives a snapshot.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;
use tonic::Status;

use crate::cluster::peer::Refusal;
use crate::cluster::peer::pb::{Chunk, SnapshotStart, chunk};
use crate::cluster::raft::wire::Message;
use crate::cluster::store::id::MemberId;

/// How the name of a file that arrives begins,
const PREFIX: &str = "incoming-";
/// and how it ends.
const SUFFIX: &str = ".part";
/// A sender that sends nothing for so long has stopped.
const STALL: Duration = Duration::from_secs(60);
/// What is written before it is synced: the sender would take a long sync at the end for a stall.
const SYNC_BYTES: usize = 64 << 20;

/// Why a snapshot did not arrive.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReceiveError {
    #[error("cannot write {}: {cause}", path.display())]
    Write { path: PathBuf, cause: io::Error },
    #[error("the sender sent nothing for {} s", STALL.as_secs())]
    Stalled,
    #[error("the connection broke: {}", .0.message())]
    Broken(Box<Status>),
    #[error("it is cut off: {missing} bytes are missing")]
    CutOff { missing: u64 },
    #[error("it is longer than said")]
    TooLong,
    #[error("its content is not what was sent: sha256 differs")]
    Changed,
    #[error("its parts are out of order")]
    Disorder,
}

impl From<ReceiveError> for Status {
    fn from(error: ReceiveError) -> Self {
        match error {
            ReceiveError::Broken(status) => *status,
            ReceiveError::Write { .. } => Refusal::Failed.into(),
            error => Self::data_loss(error.to_string()),
        }
    }
}

/// A file that is removed unless it is kept.
struct Arriving {
    file: File,
    path: Option<PathBuf>,
    unsynced: usize,
}

impl Arriving {
    async fn create(folder: &Path, from: MemberId) -> Result<Self, ReceiveError> {
        let chance = getrandom::u64().unwrap_or_default();
        let path = folder.join(format!("{PREFIX}{from}-{chance:016x}{SUFFIX}"));
        match File::create_new(&path).await {
            Ok(file) => Ok(Self { file, path: Some(path), unsynced: 0 }),
            Err(cause) => Err(ReceiveError::Write { path, cause }),
        }
    }

    async fn write(&mut self, data: &[u8]) -> Result<(), ReceiveError> {
        let written = self.file.write_all(data).await;
        written.map_err(|cause| self.failed(cause))?;
        self.unsynced += data.len();
        if self.unsynced >= SYNC_BYTES {
            self.sync().await?;
        }
        Ok(())
    }

    async fn sync(&mut self) -> Result<(), ReceiveError> {
        let flushed = self.file.flush().await;
        flushed.map_err(|cause| self.failed(cause))?;
        let synced = self.file.sync_all().await;
        synced.map_err(|cause| self.failed(cause))?;
        self.unsynced = 0;
        Ok(())
    }

    async fn keep(mut self) -> Result<PathBuf, ReceiveError> {
        self.sync().await?;
        Ok(self.path.take().expect("only this takes it"))
    }

    fn failed(&self, cause: io::Error) -> ReceiveError {
        ReceiveError::Write { path: self.path.clone().unwrap_or_default(), cause }
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        if let Some(path) = self.path.take()
            && let Err(error) = std::fs::remove_file(&path)
        {
            tracing::warn!(path = %path.display(), %error, "cannot remove a snapshot that did not arrive");
        }
    }
}

/// Writes what arrives to a new file in the folder; returns the message and the file. Nothing is left if it fails.
pub(crate) async fn receive(
    folder: &Path,
    from: MemberId,
    mut chunks: tonic::Streaming<Chunk>,
) -> Result<(Message, PathBuf), ReceiveError> {
    let Some(chunk::Part::Start(SnapshotStart { message: Some(message), length })) =
        next(&mut chunks).await?
    else {
        return Err(ReceiveError::Disorder);
    };
    let mut arriving = Arriving::create(folder, from).await?;
    let mut hash = Sha256::new();
    let mut missing = length;
    loop {
        match next(&mut chunks).await? {
            Some(chunk::Part::Data(data)) => {
                missing = missing.checked_sub(data.len() as u64).ok_or(ReceiveError::TooLong)?;
                hash.update(&data);
                arriving.write(&data).await?;
            }
            Some(chunk::Part::End(end)) if missing == 0 => {
                if hash.finalize()[..] != end.sha256[..] {
                    return Err(ReceiveError::Changed);
                }
                return Ok((message, arriving.keep().await?));
            }
            Some(chunk::Part::Start(_)) => return Err(ReceiveError::Disorder),
            Some(chunk::Part::End(_)) | None => return Err(ReceiveError::CutOff { missing }),
        }
    }
}

async fn next(chunks: &mut tonic::Streaming<Chunk>) -> Result<Option<chunk::Part>, ReceiveError> {
    let next = tokio::time::timeout(STALL, chunks.message()).await.map_err(|_| ReceiveError::Stalled)?;
    match next.map_err(|status| ReceiveError::Broken(Box::new(status)))? {
        Some(chunk) => chunk.part.map(Some).ok_or(ReceiveError::Disorder),
        None => Ok(None),
    }
}

/// Removes what was arriving when the process last ended.
pub(crate) fn clear(folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(PREFIX) && name.ends_with(SUFFIX) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
