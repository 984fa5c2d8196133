//! What may be proposed.

use super::check::{Progress, check};
use super::*;

/// Member 1 asks, strictly; these are steady.
fn seen_by_one(steady: impl IntoIterator<Item = u64>) -> Situation {
    let steady: std::collections::BTreeSet<_> = steady.into_iter().map(MemberId).collect();
    Situation {
        me: MemberId(1),
        strict: true,
        max_learners: MAX_LEARNERS,
        reached: steady.clone(),
        steady,
        progress: None,
    }
}

fn at(leader: u64, matched: impl IntoIterator<Item = (u64, u64)>) -> Option<Progress> {
    Some(Progress { leader, matched: matched.into_iter().map(|(id, index)| (MemberId(id), index)).collect() })
}

fn add(member: Member) -> MemberChange {
    MemberChange::Add(member)
}

fn remove(id: u64) -> MemberChange {
    MemberChange::Remove(MemberId(id))
}

fn promote(id: u64) -> MemberChange {
    MemberChange::Promote(MemberId(id))
}

#[test]
fn a_lone_member_gets_company_and_then_waits_for_it() {
    let mut all = members([member(1)]);
    assert_eq!(check(&all, &add(unstarted(2)), &seen_by_one([])), Ok(()));
    all.apply(add(unstarted(2)), MAX_LEARNERS).unwrap();
    assert_eq!(check(&all, &add(unstarted(3)), &seen_by_one([])), Err(MemberError::NotEnoughStarted));
    let lax = Situation { strict: false, ..seen_by_one([]) };
    assert_eq!(check(&all, &add(unstarted(3)), &lax), Ok(()));
}

#[test]
fn a_voter_is_added_when_the_started_ones_are_a_quorum_with_it() {
    let all = members([member(1), member(2), unstarted(3)]);
    assert_eq!(check(&all, &add(unstarted(4)), &seen_by_one([2, 3])), Err(MemberError::NotEnoughStarted));
    let all = members([member(1), member(2), member(3)]);
    assert_eq!(check(&all, &add(unstarted(4)), &seen_by_one([2, 3])), Ok(()));
}

#[test]
fn nobody_is_added_while_a_voter_is_out_of_reach() {
    let all = members([member(1), member(2), member(3)]);
    assert_eq!(check(&all, &add(unstarted(4)), &seen_by_one([2])), Err(MemberError::Unhealthy));
    assert_eq!(check(&all, &add(learner(4)), &seen_by_one([2])), Err(MemberError::Unhealthy));
    let reached_of_late = Situation { reached: [MemberId(2), MemberId(3)].into(), ..seen_by_one([2]) };
    assert_eq!(check(&all, &add(unstarted(4)), &reached_of_late), Err(MemberError::Unhealthy));
}

#[test]
fn a_learner_that_is_out_of_reach_stops_nobody() {
    let all = members([member(1), member(2), learner(3)]);
    assert_eq!(check(&all, &add(unstarted(4)), &seen_by_one([2])), Ok(()));
}

#[test]
fn a_learner_is_added_however_many_have_started() {
    let all = members([member(1), unstarted(2)]);
    assert_eq!(check(&all, &add(learner(3)), &seen_by_one([2])), Ok(()));
}

#[test]
fn the_last_member_stays() {
    let all = members([member(1), learner(2)]);
    assert_eq!(check(&all, &remove(1), &seen_by_one([])), Err(MemberError::NotEnoughStarted));
}

#[test]
fn a_member_that_is_down_may_go_and_one_that_is_up_only_if_a_quorum_stays() {
    let all = members([member(1), member(2), member(3)]);
    assert_eq!(check(&all, &remove(3), &seen_by_one([2])), Ok(()));
    assert_eq!(check(&all, &remove(2), &seen_by_one([2])), Err(MemberError::Unhealthy));
    assert_eq!(check(&all, &remove(1), &seen_by_one([2])), Err(MemberError::Unhealthy));
    assert_eq!(check(&all, &remove(2), &seen_by_one([2, 3])), Ok(()));
}

#[test]
fn one_that_has_started_stays_while_others_have_not() {
    let all = members([member(1), member(2), unstarted(3)]);
    assert_eq!(check(&all, &remove(2), &seen_by_one([2, 3])), Err(MemberError::NotEnoughStarted));
    assert_eq!(check(&all, &remove(3), &seen_by_one([2])), Ok(()));
}

#[test]
fn a_learner_may_always_go() {
    let all = members([member(1), unstarted(2), learner(3)]);
    assert_eq!(check(&all, &remove(3), &seen_by_one([])), Ok(()));
}

#[test]
fn a_learner_is_promoted_from_nine_tenths_on() {
    let all = members([member(1), learner(2)]);
    let with = |progress| Situation { progress, ..seen_by_one([2]) };
    assert_eq!(
        check(&all, &promote(2), &with(at(100, [(1, 100), (2, 89)]))),
        Err(MemberError::LearnerNotReady)
    );
    assert_eq!(check(&all, &promote(2), &with(at(100, [(1, 100), (2, 90)]))), Ok(()));
    assert_eq!(check(&all, &promote(2), &with(at(100, [(1, 100)]))), Err(MemberError::LearnerNotReady));
    assert_eq!(check(&all, &promote(2), &with(None)), Err(MemberError::LearnerNotReady));
    let lax = Situation { strict: false, ..with(at(100, [(2, 1)])) };
    assert_eq!(check(&all, &promote(2), &lax), Err(MemberError::LearnerNotReady));
}

#[test]
fn only_a_learner_that_is_there_is_promoted() {
    let all = members([member(1), learner(2)]);
    let now = Situation { progress: at(100, [(1, 100)]), ..seen_by_one([2]) };
    assert_eq!(check(&all, &promote(1), &now), Err(MemberError::NotLearner));
    assert_eq!(check(&all, &promote(9), &now), Err(MemberError::NotFound));
}

#[test]
fn a_learner_is_not_promoted_among_voters_that_have_not_started() {
    let all = members([member(1), unstarted(2), unstarted(3), learner(4)]);
    let now = Situation { progress: at(100, [(4, 100)]), ..seen_by_one([]) };
    assert_eq!(check(&all, &promote(4), &now), Err(MemberError::NotEnoughStarted));
    assert_eq!(check(&all, &promote(4), &Situation { strict: false, ..now }), Ok(()));
}

#[test]
fn what_does_not_fit_is_told_after_what_is_not_safe() {
    let all = members([member(1), unstarted(2)]);
    let known_url = Member { peer_urls: vec!["http://m1:2380".into()], ..unstarted(3) };
    assert_eq!(check(&all, &add(known_url.clone()), &seen_by_one([2])), Err(MemberError::NotEnoughStarted));
    let lax = Situation { strict: false, ..seen_by_one([]) };
    assert_eq!(check(&all, &add(known_url), &lax), Err(MemberError::PeerUrlExists));
    assert_eq!(check(&all, &remove(9), &seen_by_one([])), Err(MemberError::NotFound));
}
