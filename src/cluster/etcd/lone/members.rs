//! Its members: those that were added never start.

use super::{MEMBER, State};
use crate::cluster::etcd::node::{Member, MemberChange, MemberError};
use crate::cluster::store::id::MemberId;

/// How many learners there may be; as in etcd.
const LEARNERS: usize = 1;

/// Changes the members; returns which one it was about.
pub fn change(state: &mut State, change: MemberChange) -> Result<MemberId, MemberError> {
    match change {
        MemberChange::Add { peer_urls, learner } => {
            no_other_has(state, &peer_urls, None)?;
            if learner && state.members.iter().filter(|member| member.learner).count() >= LEARNERS {
                return Err(MemberError::TooManyLearners);
            }
            let id = MemberId(MEMBER.0 + 1 + state.index);
            state.members.push(Member { id, peer_urls, learner, ..Member::default() });
            Ok(id)
        }
        MemberChange::Remove(id) => {
            let at = find(state, id)?;
            state.members.remove(at);
            Ok(id)
        }
        MemberChange::Update { id, peer_urls } => {
            let at = find(state, id)?;
            no_other_has(state, &peer_urls, Some(id))?;
            state.members[at].peer_urls = peer_urls;
            Ok(id)
        }
        // None of its learners ever starts, and it is its only voter that does.
        MemberChange::Promote(id) | MemberChange::Exchange { promote: id, .. } => {
            let at = find(state, id)?;
            Err(if state.members[at].learner {
                MemberError::LearnerNotReady
            } else {
                MemberError::NotLearner
            })
        }
        MemberChange::Demote(id) => {
            let at = find(state, id)?;
            Err(if state.members[at].learner { MemberError::NotVoter } else { MemberError::NotEnoughStarted })
        }
    }
}

fn find(state: &State, id: MemberId) -> Result<usize, MemberError> {
    state.members.iter().position(|member| member.id == id).ok_or(MemberError::NotFound)
}

fn no_other_has(state: &State, urls: &[String], but: Option<MemberId>) -> Result<(), MemberError> {
    let mut others = state.members.iter().filter(|member| Some(member.id) != but);
    if others.any(|member| member.peer_urls.iter().any(|url| urls.contains(url))) {
        return Err(MemberError::PeerUrlExists);
    }
    Ok(())
}
