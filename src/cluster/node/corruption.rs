//! Whether the members hold the same: digests of their keys are compared, and who differs raises an alarm.

use std::time::Duration;

use super::handle::Handle;
use super::transport::NoDigest;
use crate::cluster::etcd::node::{Node as _, NodeError};
use crate::cluster::store::hash::HashKv;
use crate::cluster::store::id::MemberId;
use crate::cluster::store::request::AlarmKind;

/// This member holds something else than others do: it must not serve.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("up to revision {revision} this member holds other data than member {other}")]
pub struct Corrupt {
    /// The member that it was compared with.
    pub other: MemberId,
    /// Up to where.
    pub revision: i64,
}

/// What a comparison says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Same,
    Different,
    /// They cannot be compared: one has compacted more, or does not answer.
    Unknown,
}

fn compare(own: &HashKv, other: &Result<HashKv, NoDigest>) -> Comparison {
    match other {
        Ok(other) if other.compacted != own.compacted || other.revision != own.revision => {
            Comparison::Unknown
        }
        Ok(other) if other.hash == own.hash => Comparison::Same,
        // It has applied all that was agreed upon, and is not where this one is.
        Ok(_) | Err(NoDigest::Future) => Comparison::Different,
        Err(NoDigest::Compacted | NoDigest::Unreached(_)) => Comparison::Unknown,
    }
}

impl Handle {
    /// Compares with the others again and again, as long as this member leads and lives.
    pub async fn compare_regularly(&self, every: Duration) {
        loop {
            tokio::time::sleep(every).await;
            if self.shared.standing.borrow().has_ended() {
                return;
            }
            if self.standing().leader != Some(self.shared.identity.member) {
                continue;
            }
            match self.compare_as_leader().await {
                Ok(differing) => {
                    for member in differing {
                        if self.raise(member, AlarmKind::Corrupt).await {
                            tracing::error!(%member, "it holds other data than the leader: writes are refused from now on");
                        }
                    }
                }
                Err(error) => tracing::warn!(%error, "the members' data could not be compared"),
            }
        }
    }

    /// Compares the others' data with this member's, which leads: who differs.
    ///
    /// # Errors
    /// When this member does not lead any more, or its data cannot be read.
    pub async fn compare_as_leader(&self) -> Result<Vec<MemberId>, NodeError> {
        // Whoever was cut off and does not know it must accuse nobody.
        self.barrier().await?;
        let (own, _) = self.hash_kv(None).await?;
        let mut differing = Vec::new();
        for member in self.others() {
            let other = self.shared.transport.hash_kv(member, own.revision).await;
            let comparison = compare(&own, &other);
            tracing::debug!(%member, ?comparison, revision = own.revision.0, "data compared");
            if comparison == Comparison::Different {
                differing.push(member);
            }
        }
        Ok(differing)
    }

    /// Compares with each of the others, before anything is served. Who cannot be asked is passed over.
    ///
    /// # Errors
    /// When one holds something else.
    pub async fn compare_at_start(&self) -> Result<(), Corrupt> {
        self.caught_up_with_disk().await;
        let Ok((own, _)) = self.hash_kv(None).await else { return Ok(()) };
        for member in self.others() {
            let other = self.shared.transport.hash_kv(member, own.revision).await;
            // At the start it is no fault of the other's that it is behind.
            let ahead = other == Err(NoDigest::Future);
            match compare(&own, &other) {
                Comparison::Different if !ahead => {
                    return Err(Corrupt { other: member, revision: own.revision.0 });
                }
                Comparison::Same => {}
                Comparison::Different | Comparison::Unknown => {
                    tracing::info!(%member, "its data could not be compared with this member's");
                }
            }
        }
        Ok(())
    }

    /// All that the disk says was agreed upon is applied.
    async fn caught_up_with_disk(&self) {
        let mut status = self.shared.standing.subscribe();
        // The core tells within a tick; both fail when it has ended.
        let _ = status.changed().await;
        let applied = |status: &super::shared::Status| {
            status.has_ended() || status.standing.applied >= status.standing.committed
        };
        let _ = status.wait_for(applied).await;
    }

    fn others(&self) -> Vec<MemberId> {
        let own = self.shared.identity.member;
        let machine = self.shared.read();
        machine.members.iter().map(|member| member.id).filter(|member| *member != own).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::store::id::Revision;

    fn digest(hash: u32, revision: i64, compacted: i64) -> HashKv {
        HashKv { hash, revision: Revision(revision), compacted: Revision(compacted) }
    }

    #[test]
    fn only_digests_of_the_same_history_are_compared() {
        let own = digest(7, 9, 3);
        assert_eq!(compare(&own, &Ok(digest(7, 9, 3))), Comparison::Same);
        assert_eq!(compare(&own, &Ok(digest(8, 9, 3))), Comparison::Different);
        assert_eq!(compare(&own, &Ok(digest(8, 9, 4))), Comparison::Unknown);
        assert_eq!(compare(&own, &Ok(digest(8, 8, 3))), Comparison::Unknown);
        assert_eq!(compare(&own, &Err(NoDigest::Compacted)), Comparison::Unknown);
        assert_eq!(compare(&own, &Err(NoDigest::Unreached(MemberId(2)))), Comparison::Unknown);
    }

    #[test]
    fn who_has_applied_all_and_lacks_a_revision_differs() {
        assert_eq!(compare(&digest(7, 9, 3), &Err(NoDigest::Future)), Comparison::Different);
    }
}
