//! Sends a snapshot.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use futures_util::stream;
use sha2::{Digest as _, Sha256};
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;
use tokio::sync::mpsc;
use tonic::Status;

use crate::cluster::peer::channel::Channel;
use crate::cluster::peer::pb::{Chunk, SnapshotEnd, SnapshotStart, chunk};
use crate::cluster::peer::{ConnectError, PeerHandler, PeerIdentity, PeerTls, PeerUrl};
use crate::cluster::raft::wire::Message;
use crate::cluster::store::id::MemberId;

/// What is read and sent at once.
const CHUNK_BYTES: usize = 256 << 10;
/// A receiver that takes nothing for so long has stopped; syncing a large file takes its time too.
const STALL: Duration = Duration::from_secs(60);

/// Why a snapshot was not sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    #[error("cannot read {}: {cause}", path.display())]
    Read { path: PathBuf, cause: std::io::Error },
    #[error("no URL of the member is known")]
    NoUrl,
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("the member took nothing for {} s", STALL.as_secs())]
    Stalled,
    #[error("the member did not take it: {}", .0.message())]
    Refused(Box<Status>),
}

/// The report that is owed for a snapshot, whatever becomes of it.
pub(crate) struct Owed {
    handler: Arc<dyn PeerHandler>,
    to: MemberId,
    arrived: bool,
}

impl Owed {
    pub(crate) fn new(handler: Arc<dyn PeerHandler>, to: MemberId) -> Self {
        Self { handler, to, arrived: false }
    }

    /// It arrived.
    pub(crate) fn settle(mut self) {
        self.arrived = true;
    }
}

impl Drop for Owed {
    fn drop(&mut self) {
        self.handler.snapshot_sent(self.to, self.arrived);
    }
}

/// A snapshot that is to be sent.
pub(crate) struct Sending {
    pub to: MemberId,
    pub urls: Vec<PeerUrl>,
    pub identity: PeerIdentity,
    pub tls: Option<Arc<PeerTls>>,
    pub message: Message,
    pub file: PathBuf,
}

impl Sending {
    /// Returns when the member has it.
    pub(crate) async fn run(self) -> Result<(), SendError> {
        let read = |cause| SendError::Read { path: self.file.clone(), cause };
        let file = File::open(&self.file).await.map_err(read)?;
        let length = file.metadata().await.map_err(read)?.len();
        let channel = Channel::connect_any(&self.urls, self.tls.as_ref()).await.ok_or(SendError::NoUrl)??;
        let progress = Arc::new(AtomicU64::new(0));
        let (chunks, body) = mpsc::channel(2);
        let body = stream::unfold(body, |mut body| async { body.recv().await.map(|chunk| (chunk, body)) });
        let start = SnapshotStart { message: Some(self.message), length };
        let reading = feed(file, &self.file, start, chunks, &progress);
        let mut client = channel.client();
        let mut answer = std::pin::pin!(client.snapshot(self.identity.call(self.to, body)));
        let refused = |status| SendError::Refused(Box::new(status));
        tokio::select! {
            // A receiver may answer before all is sent: it does not want the rest.
            answer = &mut answer => return answer.map(drop).map_err(refused),
            read = reading => read?,
            () = stalled(&progress) => return Err(SendError::Stalled),
        }
        let answer = tokio::time::timeout(STALL, answer).await.map_err(|_| SendError::Stalled)?;
        answer.map(drop).map_err(refused)
    }
}

/// Gives the file to the connection, piece by piece. One that ends too early is refused by the receiver.
async fn feed(
    mut file: File,
    path: &Path,
    start: SnapshotStart,
    chunks: mpsc::Sender<Chunk>,
    progress: &AtomicU64,
) -> Result<(), SendError> {
    let mut hash = Sha256::new();
    let mut next = chunk::Part::Start(start);
    // The other end is gone when nobody takes them any more: the answer says why.
    while chunks.send(Chunk { part: Some(next) }).await.is_ok() {
        progress.fetch_add(1, Ordering::Relaxed);
        let mut data = BytesMut::with_capacity(CHUNK_BYTES);
        let read = file.read_buf(&mut data).await;
        if read.map_err(|cause| SendError::Read { path: path.to_owned(), cause })? == 0 {
            let end = SnapshotEnd { sha256: hash.finalize().to_vec().into() };
            let _ = chunks.send(Chunk { part: Some(chunk::Part::End(end)) }).await;
            return Ok(());
        }
        hash.update(&data);
        next = chunk::Part::Data(data.freeze());
    }
    Ok(())
}

/// Returns once there has been no progress for a while.
async fn stalled(progress: &AtomicU64) {
    let mut before = None;
    loop {
        let now = Some(progress.load(Ordering::Relaxed));
        if now == before {
            return;
        }
        before = now;
        tokio::time::sleep(STALL).await;
    }
}
