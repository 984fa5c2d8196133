//! Who leads, from now on.

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use tonic::Status;

use crate::cluster::etcd::convert::key_value;
use crate::cluster::etcd::node::Watching;
use crate::cluster::etcd::pb::v3electionpb::LeaderResponse;
use crate::cluster::etcd::services::turn::{holder, prefix_of, under};
use crate::cluster::etcd::surface::Surface;
use crate::cluster::store::id::Revision;
use crate::cluster::store::request::Caller;
use crate::cluster::store::watch::{Notice, Wanted, WatchSpec};

struct Observing {
    surface: Surface,
    caller: Option<Caller>,
    name: Bytes,
    watching: Box<dyn Watching>,
    /// The last that was told: made at, written at.
    told: Option<(Revision, Revision)>,
    /// Whether the name is to be looked at: something may have changed.
    look: bool,
    ended: bool,
}

/// The leader, and each that comes after: whoever stands first in line, and what it proclaims.
pub fn leaders(
    surface: Surface,
    caller: Option<Caller>,
    name: Bytes,
) -> BoxStream<'static, Result<LeaderResponse, Status>> {
    let name = Bytes::copy_from_slice(&name);
    let mut watching = surface.node.watch();
    watching.create(WatchSpec {
        id: None,
        range: under(&prefix_of(&name)),
        start: Revision(0),
        wanted: Wanted::default(),
        progress: false,
    });
    let observing = Observing { surface, caller, name, watching, told: None, look: true, ended: false };
    stream::unfold(observing, |mut observing| async move {
        let answer = observing.next().await?;
        observing.ended = answer.is_err();
        Some((answer, observing))
    })
    .boxed()
}

impl Observing {
    async fn next(&mut self) -> Option<Result<LeaderResponse, Status>> {
        if self.ended {
            return None;
        }
        loop {
            if std::mem::take(&mut self.look) {
                let (revision, found) = match holder(&self.surface, self.caller.as_ref(), &self.name).await {
                    Ok(found) => found,
                    Err(status) => return Some(Err(status)),
                };
                let state = found.as_ref().map(|kv| (kv.created, kv.modified));
                if let Some(kv) = found
                    && self.told != state
                {
                    self.told = state;
                    let header = self.surface.header(revision);
                    return Some(Ok(LeaderResponse { header, kv: Some(key_value(kv)) }));
                }
            }
            match self.watching.next().await? {
                Notice::Events { .. } => self.look = true,
                Notice::Refused { .. } | Notice::Compacted { .. } => return None,
                Notice::Created { .. } | Notice::Canceled { .. } | Notice::Progress { .. } => {}
            }
        }
    }
}
