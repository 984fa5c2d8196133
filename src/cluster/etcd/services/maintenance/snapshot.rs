//! A snapshot as `etcdctl snapshot save` reads it: parts of one size, then the SHA-256 of all of them.

use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, BoxStream, StreamExt as _};
use sha2::{Digest as _, Sha256};
use tonic::Status;

use crate::cluster::etcd::node::Snapshot;
use crate::cluster::etcd::pb::etcdserverpb as pb;

/// How long a part is, in bytes; as in etcd.
const PART: usize = 32 * 1024;

struct Sending {
    chunks: BoxStream<'static, std::io::Result<Bytes>>,
    /// What was read and not yet sent.
    rest: BytesMut,
    hash: Sha256,
    /// How much is not yet sent.
    remaining: u64,
    done: bool,
}

/// The answers that carry a snapshot.
pub fn blobs(snapshot: Snapshot) -> BoxStream<'static, Result<pb::SnapshotResponse, Status>> {
    let sending = Sending {
        chunks: snapshot.chunks,
        rest: BytesMut::new(),
        hash: Sha256::new(),
        remaining: snapshot.total,
        done: false,
    };
    stream::unfold(sending, |mut sending| async move {
        let answer = sending.next().await?;
        sending.done |= answer.is_err();
        Some((answer, sending))
    })
    .boxed()
}

impl Sending {
    async fn next(&mut self) -> Option<Result<pb::SnapshotResponse, Status>> {
        if self.done {
            return None;
        }
        if self.remaining == 0 {
            self.done = true;
            let digest = Bytes::copy_from_slice(&self.hash.finalize_reset());
            return Some(Ok(pb::SnapshotResponse { header: None, remaining_bytes: 0, blob: digest }));
        }
        let wanted = usize::try_from(self.remaining).unwrap_or(usize::MAX).min(PART);
        while self.rest.len() < wanted {
            match self.chunks.next().await {
                Some(Ok(chunk)) => self.rest.extend_from_slice(&chunk),
                Some(Err(error)) => {
                    return Some(Err(Status::unknown(format!("cannot read the snapshot: {error}"))));
                }
                None => return Some(Err(Status::unknown("the snapshot is shorter than it should be"))),
            }
        }
        let blob = self.rest.split_to(wanted).freeze();
        self.hash.update(&blob);
        self.remaining -= wanted as u64;
        Some(Ok(pb::SnapshotResponse { header: None, remaining_bytes: self.remaining, blob }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn sent(chunks: &[usize], total: u64) -> Vec<Result<(u64, usize), String>> {
        let chunks: Vec<_> = chunks.iter().map(|length| Ok(Bytes::from(vec![7; *length]))).collect();
        let answers = blobs(Snapshot { total, chunks: stream::iter(chunks).boxed() });
        let read = |it: Result<pb::SnapshotResponse, Status>| {
            it.map(|it| (it.remaining_bytes, it.blob.len())).map_err(|status| status.message().to_owned())
        };
        answers.map(read).collect().await
    }

    #[tokio::test]
    async fn parts_are_of_one_size_and_the_digest_comes_last() {
        let (part, total) = (PART as u64, 2 * PART as u64 + 5);
        let expected = vec![Ok((part + 5, PART)), Ok((5, PART)), Ok((0, 5)), Ok((0, 32))];
        assert_eq!(sent(&[1, PART, PART, 4], total).await, expected);
        assert_eq!(sent(&[2 * PART + 5], total).await, expected);
    }

    #[tokio::test]
    async fn a_snapshot_that_ends_early_is_an_error() {
        assert_eq!(sent(&[3], 4).await, [Err("the snapshot is shorter than it should be".to_owned())]);
    }
}
