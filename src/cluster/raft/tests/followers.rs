//! What followers do for their clients.

use super::*;

#[test]
fn a_followers_proposal_is_applied_and_it_knows_which() {
    let mut cluster = Cluster::led(3);
    cluster.give(2, proposal(9));
    assert_eq!(applied(&cluster.take(2)), [9]);
    assert!(applied(&cluster.take(1)).is_empty(), "nobody waits for it at the leader");
}

#[test]
fn who_knows_no_leader_refuses_at_once() {
    let mut cluster = Cluster::new(3);
    cluster.give(2, proposal(9));
    let outputs = cluster.take(2);
    let refused =
        |output: &Output| matches!(output, Output::Refused { id: ProposalId(9), why: Refusal::NoLeader });
    assert!(outputs.iter().any(refused), "{outputs:?}");
}

#[test]
fn proposals_that_a_change_of_leader_lost_are_dropped_at_once_and_for_certain() {
    let mut cluster = Cluster::led(3);
    cluster.cut = vec![1];
    cluster.give(1, proposal(9));
    cluster.ticks_of(2, 10);
    cluster.ticks_of(3, 25);
    assert_eq!(cluster.leader(3), Some(3));
    cluster.cut.clear();
    cluster.ticks_of(3, 2);
    let outputs = cluster.take(1);
    assert!(outputs.iter().any(|output| matches!(output, Output::Dropped(ProposalId(9)))), "{outputs:?}");
}

#[test]
fn a_learner_that_hears_nothing_of_its_leader_knows_none_until_it_does() {
    let mut cluster = Cluster::led(3);
    cluster.start(4, &Saved::default(), |_| {});
    cluster.give(1, change(50, ConfChangeType::AddLearnerNode, 4));
    cluster.ticks(5);
    assert_eq!(cluster.leader(4), Some(1));
    cluster.cut = vec![4];
    cluster.ticks_of(4, 20);
    assert_eq!(cluster.leader(4), None);
    cluster.take(4);
    cluster.give(4, proposal(9));
    let refused =
        |output: &Output| matches!(output, Output::Refused { id: ProposalId(9), why: Refusal::NoLeader });
    assert!(cluster.take(4).iter().any(refused));
    cluster.cut.clear();
    cluster.ticks(5);
    assert_eq!(cluster.leader(4), Some(1));
    assert!(
        cluster
            .take(4)
            .iter()
            .any(|output| matches!(output, Output::Leader { leader: Some(MemberId(1)), .. }))
    );
}

#[test]
fn a_forwarded_proposal_that_comes_late_is_not_taken() {
    let mut cluster = Cluster::led(3);
    let mut out = Vec::new();
    let follower = cluster.replicas.get_mut(&2).unwrap();
    follower.step(proposal(9), &mut out);
    follower.flush(&mut out);
    let forwarded = sent(&out, MessageType::Prop)[0].clone();
    cluster.give(1, Input::Transfer { to: MemberId(3) });
    cluster.give(3, Input::Transfer { to: MemberId(1) });
    assert_eq!(cluster.leader(1), Some(1));
    cluster.take(2);
    let last = cluster.replicas[&1].status().last;
    cluster.give(1, Input::Message(forwarded));
    assert_eq!(cluster.replicas[&1].status().last, last);
}

#[test]
fn a_forwarded_proposal_that_comes_twice_is_taken_once() {
    let mut cluster = Cluster::led(3);
    cluster.give(2, proposal(9));
    let outputs = cluster.take(2);
    let forwarded = sent(&outputs, MessageType::Prop)[0].clone();
    let last = cluster.replicas[&1].status().last;
    cluster.give(1, Input::Message(forwarded));
    assert_eq!(cluster.replicas[&1].status().last, last);
}

#[test]
fn without_a_majority_proposals_are_given_up_for_unknown() {
    let mut cluster = Cluster::led(3);
    cluster.cut = vec![1];
    cluster.give(1, proposal(9));
    cluster.ticks_of(1, 40);
    let outputs = cluster.take(1);
    assert!(outputs.iter().any(|output| matches!(output, Output::Unsettled(ProposalId(9)))), "{outputs:?}");
}

#[test]
fn a_follower_reads_what_the_leader_has_committed() {
    let mut cluster = Cluster::led(3);
    cluster.give(1, proposal(9));
    let committed = cluster.replicas[&1].status().committed;
    cluster.take(2);
    cluster.give(2, Input::Read(ReadId(1)));
    let outputs = cluster.take(2);
    let ready =
        |output: &Output| matches!(output, Output::ReadReady { id: ReadId(1), index } if *index == committed);
    assert!(outputs.iter().any(ready), "{outputs:?}");
}

#[test]
fn a_read_whose_question_was_lost_is_asked_again() {
    let mut cluster = Cluster::led(3);
    cluster.cut = vec![2];
    cluster.give(2, Input::Read(ReadId(1)));
    cluster.cut.clear();
    cluster.take(2);
    cluster.ticks_of(2, 4);
    assert!(sent(&cluster.take(2), MessageType::ReadIndex).is_empty());
    cluster.ticks_of(2, 1);
    let outputs = cluster.take(2);
    assert!(outputs.iter().any(|output| matches!(output, Output::ReadReady { .. })), "{outputs:?}");
}

#[test]
fn a_deposed_leader_answers_no_read() {
    let mut cluster = Cluster::led(3);
    cluster.cut = vec![1];
    cluster.ticks_of(2, 10);
    cluster.ticks_of(3, 25);
    assert_eq!(cluster.leader(3), Some(3));
    cluster.take(1);
    cluster.give(1, Input::Read(ReadId(1)));
    cluster.ticks_of(1, 80);
    let outputs = cluster.take(1);
    assert!(!outputs.iter().any(|output| matches!(output, Output::ReadReady { .. })));
    assert!(outputs.iter().any(|output| matches!(output, Output::ReadFailed(ReadId(1)))));
}

#[test]
fn a_follower_confirms_only_what_is_on_disk() {
    let mut cluster = Cluster::led(3);
    cluster.stuck = vec![2, 3];
    cluster.take(2);
    cluster.give(1, proposal(9));
    assert!(sent(&cluster.take(2), MessageType::AppResp).is_empty());
    assert!(applied(&cluster.take(1)).is_empty());
    cluster.give(2, Input::Persisted { number: u64::MAX });
    assert_eq!(applied(&cluster.take(1)), [9]);
}

#[test]
fn a_member_that_lost_its_log_stops() {
    let mut cluster = Cluster::led(3);
    let changes: Vec<ConfChange> =
        (1..=3).map(|id| ConfChange { node_id: id, ..Default::default() }).collect();
    (0..5).for_each(|id| cluster.give(1, proposal(id)));
    cluster.start(2, &Saved::new_cluster(&changes), |_| {});
    cluster.ticks_of(1, 2);
    let outputs = cluster.take(2);
    assert!(
        outputs.iter().any(|output| matches!(output, Output::Broken(Broken::LogLost { .. }))),
        "{outputs:?}"
    );
}

#[test]
fn malformed_messages_do_no_harm() {
    let mut cluster = Cluster::led(3);
    let entry = wire::Entry { index: 77, term: 1, ..Default::default() };
    for kind in -1..=20 {
        for from in [0, 2, 9] {
            for term in [0, 1, 2] {
                for entries in [vec![], vec![entry.clone()], vec![entry.clone(); 3]] {
                    let message = Message {
                        r#type: kind,
                        to: 1,
                        from,
                        term,
                        index: 900,
                        entries,
                        ..Default::default()
                    };
                    cluster.give(1, Input::Message(message));
                }
            }
        }
    }
    cluster.ticks(30);
    cluster.give(2, proposal(9));
    assert_eq!(applied(&cluster.take(2)), [9]);
}
