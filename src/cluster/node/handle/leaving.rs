//! A member leaves its cluster.

use std::time::Duration;

use tokio::sync::oneshot;

use super::Handle;
use crate::cluster::etcd::node::{MemberError, Node as _, NodeError};
use crate::cluster::node::ended::Ended;
use crate::cluster::node::inbox::Letter;
use crate::cluster::node::reconfiguring;
use crate::cluster::raft::ProposalId;
use crate::cluster::store::id::MemberId;
use crate::cluster::store::member::{MemberChange, Members};

/// How long a member that has asked to leave waits before it asks whether it has left: the leader tells it nothing more
/// once it is removed, and refuses its next message, which is the news.
const ASK_AFTER: Duration = Duration::from_millis(50);
/// How long it waits before it tries again.
const TRY_AGAIN: Duration = Duration::from_millis(50);
/// After how many ticks it asks anew: what it asked for may be lost with a leader, and can be asked for twice.
const TURN_TICKS: u32 = 5;

/// How a member left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// The others go on without it; its id is never taken again.
    Removed,
    /// It was the last: it has stopped, and its data is still the cluster's.
    Last,
}

/// Why a member has not left.
#[derive(Debug, thiserror::Error)]
pub enum LeaveError {
    /// The others did not agree to it in time. Whether they still will is not known if it was proposed.
    #[error("the members did not agree within {deadline:?} that this one leaves: {cause}")]
    NotInTime {
        /// How long it was given.
        deadline: Duration,
        /// What was in the way last.
        cause: NodeError,
    },
    /// It ended before, for another reason.
    #[error("the member ended before it left: {0}")]
    Ended(Ended),
}

/// What to do next.
enum Turn {
    Left(Left),
    Again(NodeError),
}

impl Handle {
    /// Leaves the cluster: leadership moves, the membership is removed, and the member ends. Returns when it has ended.
    ///
    /// The last member just stops. The last voter gives a caught-up learner its vote first. Who leaves does not wait for
    /// the others to be steady, as a removal by a client does; but most voters that stay must be reached, or nothing
    /// could be agreed upon any more, and the member stays where it is.
    ///
    /// # Errors
    /// After `deadline` at the latest. The member goes on then.
    pub async fn leave(&self, deadline: Duration) -> Result<Left, LeaveError> {
        let mut cause = NodeError::Timeout;
        let turns = async {
            loop {
                match self.turn_to_leave().await? {
                    Turn::Left(left) => return Ok(left),
                    Turn::Again(why) => cause = why,
                }
                tokio::time::sleep(TRY_AGAIN).await;
            }
        };
        let left = tokio::time::timeout(deadline, turns).await;
        left.unwrap_or(Err(LeaveError::NotInTime { deadline, cause }))
    }

    async fn turn_to_leave(&self) -> Result<Turn, LeaveError> {
        let me = self.shared.identity.member;
        // It may have learned of its removal between two turns.
        if let Some(why) = self.shared.standing.borrow().ended {
            return after_end(why).map(Turn::Left);
        }
        let members = self.shared.read().members.clone();
        if members.is_removed(me) {
            return self.until_removed().await.map(Turn::Left);
        }
        if members.len() == 1 && members.get(me).is_some() {
            self.shared.inbox.tell(Letter::Stop);
            self.ended().await;
            return Ok(Turn::Left(Left::Last));
        }
        if let Err(why) = self.may_leave(&members).await {
            return Ok(Turn::Again(why));
        }
        let id = ProposalId(self.shared.ids.next());
        let change = reconfiguring::write(id, &MemberChange::Remove(me)).expect("no change of attributes");
        let (answer, answered) = oneshot::channel();
        if let Err(returned) = self.shared.inbox.ask(Letter::Change { change, answer }) {
            let again = || Ok(Turn::Again(Self::returned(returned)));
            let ended = self.shared.standing.borrow().ended;
            return ended.map_or_else(again, |why| after_end(why).map(Turn::Left));
        }
        tokio::select! {
            biased;
            left = self.until_removed() => left.map(Turn::Left),
            () = tokio::time::sleep(self.shared.config.tick * TURN_TICKS) => Ok(Turn::Again(NodeError::Timeout)),
            answer = answered => match answer {
                // It is applied here: the member is about to end.
                Ok(Ok(())) | Err(_) => self.until_removed().await.map(Turn::Left),
                Ok(Err(NodeError::Member(MemberError::NotFound))) => {
                    self.until_removed().await.map(Turn::Left)
                }
                Ok(Err(why)) => Ok(Turn::Again(why)),
            }
        }
    }

    /// Returns once the member has ended, because it was removed; asks now and then whether it was.
    async fn until_removed(&self) -> Result<Left, LeaveError> {
        let mut ended = std::pin::pin!(self.ended());
        loop {
            let asked = async {
                tokio::time::sleep(ASK_AFTER).await;
                // The answer does not matter: a refusal ends the member. Each is a new question, so none waits for the
                // time after which an old one is asked again.
                let _ = tokio::time::timeout(ASK_AFTER, self.barrier()).await;
            };
            tokio::select! {
                biased;
                ended = &mut ended => return after_end(ended),
                () = asked => {}
            }
        }
    }

    /// Whether the others can go on alone; a lone voter first gives a learner its vote.
    async fn may_leave(&self, members: &Members) -> Result<(), NodeError> {
        let me = self.shared.identity.member;
        let voters: Vec<MemberId> = members.voters().map(|member| member.id).collect();
        if !voters.contains(&me) {
            return Ok(());
        }
        let others: Vec<MemberId> = voters.into_iter().filter(|id| *id != me).collect();
        if others.is_empty() {
            let census = self.census();
            let heirs = census.iter().filter(|known| known.learner && known.caught_up);
            let heir = heirs.min_by_key(|known| (known.silence, known.behind));
            let heir = heir.ok_or(MemberError::LearnerNotReady)?;
            self.change_members_now(crate::cluster::etcd::node::MemberChange::Promote(heir.id)).await?;
            return Ok(());
        }
        let reached = others.iter().filter(|id| self.shared.transport.reached_for(**id).is_some()).count();
        if reached > others.len() / 2 { Ok(()) } else { Err(MemberError::Unhealthy.into()) }
    }
}

fn after_end(ended: Ended) -> Result<Left, LeaveError> {
    match ended {
        Ended::Removed => Ok(Left::Removed),
        other => Err(LeaveError::Ended(other)),
    }
}
