//! Compaction without being asked, by whoever leads.

use crate::cluster::etcd::node::{Node as _, NodeError};
use crate::cluster::node::Handle;
use crate::cluster::node::auto_compaction::{AutoCompaction, Retention};
use crate::cluster::store::error::StoreError;

/// Until it is dropped.
pub(super) async fn run(node: Handle, retention: Retention) {
    let mut compaction = AutoCompaction::new(retention);
    loop {
        tokio::time::sleep(compaction.interval()).await;
        // Also by those who do not lead: they may when the time has come.
        let Some(to) = compaction.turn(node.revision()) else { continue };
        if node.standing().leader != Some(node.identity().member) {
            continue;
        }
        match node.compact(to).await {
            Ok(()) | Err(NodeError::Store(StoreError::Compacted)) => {
                tracing::info!(revision = to.0, "compacted, as --auto-compaction-retention asks");
                compaction.done(to);
            }
            Err(error) => tracing::warn!(%error, revision = to.0, "cannot compact: it will be tried again"),
        }
    }
}
