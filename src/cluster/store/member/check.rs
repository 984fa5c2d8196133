//! Whether a change of the members may be proposed: a cluster that could not commit anything afterwards has no way back.

use std::collections::{BTreeMap, BTreeSet};

use super::{LogLevel, MemberChange, MemberError, Members};
use crate::cluster::store::id::MemberId;

/// For how long a peer must have been reached without a break to count as steady, in seconds; etcd's.
pub const STEADY_S: u64 = 5;

/// How many entries a learner may lack at the most to take over a vote. It gets them within a moment, and the log in
/// memory reaches back further.
pub const CLOSE_ENTRIES: u64 = 1_000;

/// What the member that proposes sees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Situation {
    /// Who proposes.
    pub me: MemberId,
    /// `--strict-reconfig-check`.
    pub strict: bool,
    /// How many learners there may be.
    pub max_learners: usize,
    /// The peers that are reached.
    pub reached: BTreeSet<MemberId>,
    /// The peers that have been reached for [`STEADY_S`].
    pub steady: BTreeSet<MemberId>,
    /// The leader, and up to where each member has the log; known to the leader only.
    pub progress: Option<Progress>,
}

/// Up to where each member has the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The last index of the leader.
    pub leader: u64,
    /// The last index that each is known to have.
    pub matched: BTreeMap<MemberId, u64>,
    /// Of whom the leader heard within an election timeout.
    pub heard: BTreeSet<MemberId>,
}

impl Progress {
    /// Whether a member has nine tenths of what the leader has.
    fn is_close(&self, id: MemberId) -> bool {
        let matched = self.matched.get(&id).copied().unwrap_or(0);
        u128::from(matched) * 10 >= u128::from(self.leader) * 9
    }

    /// Whether a member can take over a vote at once.
    fn is_caught_up(&self, id: MemberId) -> bool {
        is_caught_up(self.matched.get(&id).copied().unwrap_or(0), self.leader)
    }
}

/// Whether who has the log up to `matched` can take over a vote at once, where the leader has it up to `last`: it has
/// nine tenths, which is etcd's rule for a learner, and lacks [`CLOSE_ENTRIES`] at the most.
pub fn is_caught_up(matched: u64, last: u64) -> bool {
    let close = u128::from(matched) * 10 >= u128::from(last) * 9;
    close && last.saturating_sub(matched) <= CLOSE_ENTRIES
}

/// Whether a change may be proposed: first whether the cluster would live on, then whether it fits.
pub fn check(members: &Members, change: &MemberChange, now: &Situation) -> Result<(), MemberError> {
    match change {
        MemberChange::Add(member) if now.strict => check_add(members, member.learner, now)?,
        MemberChange::Promote(id) => check_promote(members, *id, now)?,
        MemberChange::Remove(id) if now.strict => check_remove(members, *id, now)?,
        // However lax: who asks is the leader itself, which must not talk itself out of its quorum.
        MemberChange::Exchange { promote, demote } => check_exchange(members, *promote, *demote, now)?,
        MemberChange::Demote(id) => check_demote(members, *id, now)?,
        _ => {}
    }
    members.validate(change, now.max_learners)
}

/// A new voter counts towards the quorum from the start, and has not started.
fn check_add(members: &Members, learner: bool, now: &Situation) -> Result<(), MemberError> {
    if !learner {
        let (voters, started) = count(members, None);
        // A lone member may always get company: there is no other way to a second one.
        let lone = voters == 1 && started == 1;
        if !lone && started < quorum(voters + 1) {
            return Err(MemberError::NotEnoughStarted);
        }
    }
    if steady_voters(members, now) < members.voters().count() {
        return Err(MemberError::Unhealthy);
    }
    Ok(())
}

fn check_promote(members: &Members, id: MemberId, now: &Situation) -> Result<(), MemberError> {
    members.validate(&MemberChange::Promote(id), now.max_learners)?;
    if !now.progress.as_ref().is_some_and(|progress| progress.is_close(id)) {
        return Err(MemberError::LearnerNotReady);
    }
    // It has followed the log, so it has started, whatever it told of itself.
    let (voters, started) = count(members, None);
    if now.strict && started + 1 < quorum(voters + 1) {
        return Err(MemberError::NotEnoughStarted);
    }
    Ok(())
}

fn check_remove(members: &Members, id: MemberId, now: &Situation) -> Result<(), MemberError> {
    if members.get(id).is_none_or(|member| member.learner) {
        return Ok(());
    }
    let (voters, started) = count(members, Some(id));
    if started < quorum(voters) {
        return Err(MemberError::NotEnoughStarted);
    }
    // One that is down is no part of the quorum that holds now.
    if id != now.me && !now.reached.contains(&id) {
        return Ok(());
    }
    if steady_voters(members, now).saturating_sub(1) < quorum(voters) {
        return Err(MemberError::Unhealthy);
    }
    Ok(())
}

fn check_exchange(
    members: &Members,
    promote: MemberId,
    demote: MemberId,
    now: &Situation,
) -> Result<(), MemberError> {
    members.validate(&MemberChange::Exchange { promote, demote }, now.max_learners)?;
    all_understand(members, LogLevel::EXCHANGES)?;
    let progress = now.progress.as_ref().ok_or(MemberError::LearnerNotReady)?;
    if !progress.is_caught_up(promote) || !progress.heard.contains(&promote) {
        return Err(MemberError::LearnerNotReady);
    }
    let kept = voters(members).filter(|id| *id != demote);
    lives_on(kept.chain([promote]), now)
}

fn check_demote(members: &Members, id: MemberId, now: &Situation) -> Result<(), MemberError> {
    members.validate(&MemberChange::Demote(id), now.max_learners)?;
    all_understand(members, LogLevel::EXCHANGES)?;
    if members.learners().count() >= now.max_learners {
        return Err(MemberError::TooManyLearners);
    }
    lives_on(voters(members).filter(|other| *other != id), now)
}

/// Also one that is away: it would come back to a log that it does not understand.
fn all_understand(members: &Members, level: LogLevel) -> Result<(), MemberError> {
    let unaware = members.iter().find(|member| member.level < level);
    unaware.map_or(Ok(()), |member| Err(MemberError::Unaware(member.id)))
}

/// Whether most of these voters are heard. That most of the present ones are is what makes a leader.
fn lives_on(voters: impl Iterator<Item = MemberId>, now: &Situation) -> Result<(), MemberError> {
    let heard = |id: &MemberId| {
        *id == now.me || now.progress.as_ref().is_some_and(|progress| progress.heard.contains(id))
    };
    let voters: Vec<MemberId> = voters.collect();
    let heard = voters.iter().filter(|id| heard(id)).count();
    if heard >= quorum(voters.len()) { Ok(()) } else { Err(MemberError::Unhealthy) }
}

fn voters(members: &Members) -> impl Iterator<Item = MemberId> {
    members.voters().map(|member| member.id)
}

fn quorum(voters: usize) -> usize {
    voters / 2 + 1
}

/// How many voters there are but for one, and how many of them have started.
fn count(members: &Members, without: Option<MemberId>) -> (usize, usize) {
    let voters = || members.voters().filter(|member| Some(member.id) != without);
    (voters().count(), voters().filter(|member| member.is_started()).count())
}

fn steady_voters(members: &Members, now: &Situation) -> usize {
    members.voters().filter(|member| member.id == now.me || now.steady.contains(&member.id)).count()
}
