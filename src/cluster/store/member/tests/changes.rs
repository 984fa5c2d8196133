//! What the log makes of the members.

use super::*;
use crate::cluster::store::refusal::Refusal;

fn refused(members: &mut Members, change: MemberChange) -> MemberError {
    let before = members.clone();
    let error = members.apply(change.clone(), MAX_LEARNERS).expect_err("should be refused");
    assert_eq!(*members, before, "{change:?}");
    error
}

fn done(members: &mut Members, change: MemberChange) {
    assert_eq!(members.apply(change.clone(), MAX_LEARNERS), Ok(()), "{change:?}");
}

#[test]
fn a_member_joins_starts_and_leaves_for_good() {
    let mut all = members([member(1)]);
    done(&mut all, MemberChange::Add(unstarted(2)));
    assert!(!all.get(MemberId(2)).unwrap().is_started());
    let client_urls = vec!["http://m2:2379".to_owned()];
    let told =
        MemberChange::Attributes { id: MemberId(2), name: "two".into(), client_urls, level: LogLevel::OWN };
    done(&mut all, told);
    assert!(all.get(MemberId(2)).unwrap().is_started());
    done(&mut all, MemberChange::Remove(MemberId(2)));
    assert!(all.is_removed(MemberId(2)));
    assert_eq!(refused(&mut all, MemberChange::Add(unstarted(2))), MemberError::NotFound);
    assert_eq!(refused(&mut all, MemberChange::Remove(MemberId(2))), MemberError::NotFound);
    assert_eq!(refused(&mut all, MemberChange::Promote(MemberId(2))), MemberError::NotFound);
    let update = MemberChange::PeerUrls { id: MemberId(2), peer_urls: Vec::new() };
    assert_eq!(refused(&mut all, update), MemberError::NotFound);
}

#[test]
fn a_number_and_a_url_are_taken_once() {
    let mut all = members([member(1), member(2)]);
    let other_urls = Member { peer_urls: vec!["http://new:1".into()], ..unstarted(1) };
    assert_eq!(refused(&mut all, MemberChange::Add(other_urls)), MemberError::Exists);
    let same_url = Member { peer_urls: vec!["http://new:1".into(), "http://m2:2380".into()], ..unstarted(3) };
    assert_eq!(refused(&mut all, MemberChange::Add(same_url)), MemberError::PeerUrlExists);
    let moved = |url: &str| MemberChange::PeerUrls { id: MemberId(1), peer_urls: vec![url.into()] };
    assert_eq!(refused(&mut all, moved("http://m2:2380")), MemberError::PeerUrlExists);
    done(&mut all, moved("http://m1:2380"));
    done(&mut all, moved("junk"));
}

#[test]
fn a_learner_stays_one_until_it_is_promoted() {
    let mut all = members([member(1), learner(2)]);
    done(&mut all, MemberChange::PeerUrls { id: MemberId(2), peer_urls: vec!["http://new:1".into()] });
    assert_eq!(all.learners().count(), 1);
    assert_eq!(refused(&mut all, MemberChange::Promote(MemberId(1))), MemberError::NotLearner);
    done(&mut all, MemberChange::Promote(MemberId(2)));
    assert_eq!((all.voters().count(), all.learners().count()), (2, 0));
    assert_eq!(refused(&mut all, MemberChange::Promote(MemberId(2))), MemberError::NotLearner);
}

#[test]
fn an_exchange_moves_one_vote_and_a_demotion_takes_one() {
    let mut all = members([member(1), member(2), learner(3)]);
    let exchange =
        |promote, demote| MemberChange::Exchange { promote: MemberId(promote), demote: MemberId(demote) };
    done(&mut all, exchange(3, 2));
    let votes = |all: &Members| all.iter().map(|member| !member.learner).collect::<Vec<_>>();
    assert_eq!(votes(&all), [true, false, true]);
    assert_eq!(refused(&mut all, exchange(3, 1)), MemberError::NotLearner);
    assert_eq!(refused(&mut all, exchange(2, 2)), MemberError::NotVoter);
    // However many learners there may be: who applies it does not ask.
    done(&mut all, MemberChange::Demote(MemberId(1)));
    assert_eq!(votes(&all), [false, false, true]);
    assert_eq!(refused(&mut all, MemberChange::Demote(MemberId(3))), MemberError::NotEnoughStarted);
    assert_eq!(refused(&mut all, MemberChange::Demote(MemberId(1))), MemberError::NotVoter);
}

#[test]
fn etcd_has_one_learner_and_a_mesh_sixteen() {
    let mut all = members([member(1), learner(2)]);
    assert_eq!(refused(&mut all, MemberChange::Add(learner(3))), MemberError::TooManyLearners);
    done(&mut all, MemberChange::Add(unstarted(4)));
    for id in 10..25 {
        assert_eq!(all.apply(MemberChange::Add(learner(id)), MAX_MESH_LEARNERS), Ok(()));
    }
    let one_more = MemberChange::Add(learner(25));
    assert_eq!(all.apply(one_more, MAX_MESH_LEARNERS), Err(MemberError::TooManyLearners));
}

#[test]
fn what_was_kept_is_what_was_there() {
    let mut all = members([member(1), learner(2), member(3)]);
    done(&mut all, MemberChange::Remove(MemberId(3)));
    assert_eq!(Members::restore(all.iter().cloned(), all.removed()), all);
}

#[test]
fn texts_and_codes_are_those_that_clients_of_etcd_see() {
    for (error, text, code) in [
        (MemberError::BadUrls, "given member URLs are invalid", 3),
        (MemberError::PeerUrlExists, "Peer URLs already exists", 9),
        (MemberError::Exists, "member ID already exist", 9),
        (MemberError::NotFound, "member not found", 5),
        (MemberError::NotEnoughStarted, "re-configuration failed due to not enough started members", 2),
        (MemberError::NotLearner, "can only promote a learner member", 9),
        (MemberError::NotVoter, "can only demote a voting member", 9),
        (MemberError::LearnerNotReady, "can only promote a learner member which is in sync with leader", 9),
        (MemberError::TooManyLearners, "too many learner members in cluster", 9),
        (MemberError::Unhealthy, "unhealthy cluster", 14),
    ] {
        assert_eq!((error.to_string().as_str(), error.refusal().code()), (text, code));
    }
    assert_eq!(MemberError::NotEnoughStarted.refusal(), Refusal::Unknown);
}
