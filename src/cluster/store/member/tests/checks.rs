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
    let matched = matched.into_iter().map(|(id, index)| (MemberId(id), index)).collect();
    Some(Progress { leader, matched, ..Progress::default() })
}

/// Member 1 leads, with a log of 100 entries; all have all of it, and of these it heard lately.
fn led_by_one(heard: impl IntoIterator<Item = u64>) -> Situation {
    let progress = Progress {
        leader: 100,
        matched: (1..=9).map(|id| (MemberId(id), 100)).collect(),
        heard: heard.into_iter().map(MemberId).collect(),
    };
    Situation { progress: Some(progress), max_learners: MAX_MESH_LEARNERS, ..seen_by_one([]) }
}

fn exchange(promote: u64, demote: u64) -> MemberChange {
    MemberChange::Exchange { promote: MemberId(promote), demote: MemberId(demote) }
}

fn demote(id: u64) -> MemberChange {
    MemberChange::Demote(MemberId(id))
}

#[test]
fn a_silent_voter_is_exchanged_for_a_learner_that_is_caught_up() {
    let all = members([member(1), member(2), member(3), learner(4)]);
    assert_eq!(check(&all, &exchange(4, 3), &led_by_one([1, 2, 4])), Ok(()));
    assert_eq!(check(&all, &exchange(4, 3), &led_by_one([1, 2])), Err(MemberError::LearnerNotReady));
    let with = |leader, matched| {
        let mut now = led_by_one([1, 2, 4]);
        let progress = now.progress.as_mut().unwrap();
        (progress.leader, progress.matched) = (leader, [(MemberId(4), matched)].into());
        check(&all, &exchange(4, 3), &now)
    };
    assert_eq!(with(100, 89), Err(MemberError::LearnerNotReady));
    assert_eq!(with(100, 90), Ok(()));
    assert_eq!(with(1_000_000, 998_999), Err(MemberError::LearnerNotReady), "nine tenths are not enough");
    assert_eq!(with(1_000_000, 999_000), Ok(()));
    assert_eq!(check(&all, &exchange(4, 3), &seen_by_one([2, 4])), Err(MemberError::LearnerNotReady));
}

#[test]
fn an_exchange_that_would_lose_the_quorum_that_is_heard_is_refused() {
    let all = members([member(1), member(2), member(3), learner(4)]);
    // Demoting 2, who answers, while 3 is silent, leaves 1 and 4: enough.
    assert_eq!(check(&all, &exchange(4, 2), &led_by_one([1, 2, 4])), Ok(()));
    let five = members([1, 2, 3, 4, 5].map(member).into_iter().chain([learner(6)]));
    assert_eq!(check(&five, &exchange(6, 4), &led_by_one([1, 2, 6])), Ok(()));
    assert_eq!(check(&five, &exchange(6, 2), &led_by_one([1, 6])), Err(MemberError::Unhealthy));
    let lax = Situation { strict: false, ..led_by_one([1, 6]) };
    assert_eq!(check(&five, &exchange(6, 2), &lax), Err(MemberError::Unhealthy));
}

#[test]
fn a_demotion_that_would_lose_the_quorum_that_is_heard_is_refused() {
    let all = members([member(1), member(2), member(3)]);
    assert_eq!(check(&all, &demote(3), &led_by_one([1, 2])), Ok(()));
    assert_eq!(check(&all, &demote(2), &led_by_one([1, 2])), Err(MemberError::Unhealthy));
    assert_eq!(
        check(&members([member(1)]), &demote(1), &led_by_one([1])),
        Err(MemberError::NotEnoughStarted)
    );
    let full = Situation { max_learners: 1, ..led_by_one([1, 2, 3]) };
    let all = members([member(1), member(2), member(3), learner(4)]);
    assert_eq!(check(&all, &demote(2), &full), Err(MemberError::TooManyLearners));
}

#[test]
fn only_a_voter_is_exchanged_for_a_learner() {
    let all = members([member(1), member(2), learner(3), learner(4)]);
    let now = led_by_one([1, 2, 3, 4]);
    assert_eq!(check(&all, &exchange(2, 1), &now), Err(MemberError::NotLearner));
    assert_eq!(check(&all, &exchange(3, 4), &now), Err(MemberError::NotVoter));
    assert_eq!(check(&all, &exchange(9, 1), &now), Err(MemberError::NotFound));
    assert_eq!(check(&all, &demote(3), &now), Err(MemberError::NotVoter));
}

#[test]
fn nobody_is_exchanged_while_a_member_would_not_understand_it() {
    let old = Member { level: LogLevel::ETCD, ..member(3) };
    let all = members([member(1), member(2), old, learner(4)]);
    let now = led_by_one([1, 2, 4]);
    assert_eq!(check(&all, &exchange(4, 3), &now), Err(MemberError::Unaware(MemberId(3))));
    assert_eq!(check(&all, &demote(3), &now), Err(MemberError::Unaware(MemberId(3))));
    assert_eq!(check(&all, &remove(3), &Situation { strict: false, ..now }), Ok(()));
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
