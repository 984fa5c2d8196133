//! Renewals of leases that this member's clients ask for, on their way to the leader: many travel together.
//!
//! Each client renews its lease every few seconds. A member that serves thousands of them would send as many calls to
//! the leader; it sends one a second instead. While there are few, none waits.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::transport::{Transport, Unreached};
use crate::cluster::store::id::{LeaseId, MemberId};
use crate::engine::pace::Pace;

/// So many calls may be made one right after the other,
const AT_ONCE: u32 = 16;
/// and then one in so long: mesh.md.
const THEN_EVERY: Duration = Duration::from_secs(1);
/// Renewals in one call: 100 kB.
const TOGETHER: usize = 10_000;

/// What became of a renewal: the lease's whole time in seconds; `None`: there is no such lease.
type Answer = Result<Option<i64>, Unreached>;

/// Collects renewals.
#[derive(Clone)]
pub struct Renewals(Arc<Shared>);

struct Shared {
    transport: Arc<dyn Transport>,
    queue: Mutex<Queue>,
}

struct Queue {
    /// Who leads, as the last one who came knew.
    leader: MemberId,
    waiting: Vec<(LeaseId, oneshot::Sender<Answer>)>,
    /// Someone carries what waits to the leader.
    carried: bool,
    pace: Pace,
}

impl Renewals {
    pub fn new(transport: Arc<dyn Transport>) -> Self {
        let pace = Pace::new(AT_ONCE, THEN_EVERY, Instant::now());
        Self(Arc::new(Shared {
            transport,
            queue: Mutex::new(Queue { leader: MemberId(0), waiting: Vec::new(), carried: false, pace }),
        }))
    }

    /// Has the leader renew a lease.
    pub async fn renew(&self, leader: MemberId, lease: LeaseId) -> Answer {
        let (answer, answered) = oneshot::channel();
        let starts = {
            let mut queue = self.0.queue();
            queue.leader = leader;
            queue.waiting.push((lease, answer));
            !std::mem::replace(&mut queue.carried, true)
        };
        if starts {
            tokio::spawn(carry(self.0.clone()));
        }
        // Its carrier is gone only if it panicked.
        answered.await.unwrap_or(Err(Unreached(leader)))
    }
}

impl std::fmt::Debug for Renewals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Renewals").field(&self.0.queue().waiting.len()).finish()
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Carries what waits, until nothing does.
async fn carry(shared: Arc<Shared>) {
    loop {
        let at = {
            let mut queue = shared.queue();
            if queue.waiting.is_empty() {
                queue.carried = false;
                return;
            }
            queue.pace.next(Instant::now())
        };
        tokio::time::sleep_until(at.into()).await;
        let (leader, batch) = {
            let mut queue = shared.queue();
            let count = queue.waiting.len().min(TOGETHER);
            (queue.leader, queue.waiting.drain(..count).collect::<Vec<_>>())
        };
        let leases = batch.iter().map(|(lease, _)| *lease).collect();
        let answers = shared.transport.renew_leases(leader, leases).await;
        for (at, (_, waits)) in batch.into_iter().enumerate() {
            let answer = answers.as_ref().map(|answers| answers.get(at).copied().flatten());
            // Who has gone does not care.
            let _ = waits.send(answer.map_err(|unreached| *unreached));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use async_trait::async_trait;
    use tokio::sync::Semaphore;

    use super::*;
    use crate::cluster::node::transport::NoDigest;
    use crate::cluster::raft::wire::Message;
    use crate::cluster::store::hash::HashKv;
    use crate::cluster::store::id::Revision;
    use crate::cluster::store::member::Member;

    /// A leader that answers when it is let, and knows all leases but the first.
    struct Leader {
        calls: Mutex<Vec<usize>>,
        lets: Semaphore,
    }

    #[async_trait]
    impl Transport for Leader {
        fn set_members(&self, _: &[Member]) {}

        fn send(&self, _: Message) {}

        fn send_snapshot(&self, _: Message, _: &Path) {}

        fn reached_for(&self, _: MemberId) -> Option<Duration> {
            None
        }

        async fn renew_leases(
            &self,
            leader: MemberId,
            leases: Vec<LeaseId>,
        ) -> Result<Vec<Option<i64>>, Unreached> {
            self.calls.lock().unwrap().push(leases.len());
            self.lets.acquire().await.unwrap().forget();
            if leader == MemberId(9) {
                return Err(Unreached(leader));
            }
            Ok(leases.into_iter().map(|lease| (lease.0 > 0).then_some(15)).collect())
        }

        async fn lease_left(&self, leader: MemberId, _: LeaseId) -> Result<Option<Duration>, Unreached> {
            Err(Unreached(leader))
        }

        async fn hash_kv(&self, member: MemberId, _: Revision) -> Result<HashKv, NoDigest> {
            Err(NoDigest::Unreached(member))
        }
    }

    #[tokio::test]
    async fn renewals_that_come_while_others_are_under_way_travel_together() {
        let leader = Arc::new(Leader { calls: Mutex::default(), lets: Semaphore::new(0) });
        let renewals = Renewals::new(leader.clone());
        let asked = (0..6).map(|lease| renewals.renew(MemberId(1), LeaseId(lease)));
        let asked = futures_util::future::join_all(asked);
        let (answers, ()) = tokio::join!(asked, async { leader.lets.add_permits(6) });
        assert_eq!(answers[0], Ok(None));
        assert!(answers[1..].iter().all(|answer| *answer == Ok(Some(15))), "{answers:?}");
        assert_eq!(*leader.calls.lock().unwrap(), [6]);
        assert_eq!(renewals.renew(MemberId(9), LeaseId(1)).await, Err(Unreached(MemberId(9))));
    }

    #[tokio::test]
    async fn one_after_the_other_goes_at_once_and_then_once_a_second() {
        let leader = Arc::new(Leader { calls: Mutex::default(), lets: Semaphore::new(1000) });
        let renewals = Renewals::new(leader.clone());
        let begun = tokio::time::Instant::now();
        for _ in 0..AT_ONCE {
            renewals.renew(MemberId(1), LeaseId(1)).await.unwrap();
        }
        let at_once = begun.elapsed();
        assert!(at_once < THEN_EVERY, "{at_once:?}");
        assert_eq!(leader.calls.lock().unwrap().len(), AT_ONCE as usize);
    }
}
