//! Leaders that go, and changes of members.

use super::*;

#[test]
fn a_leader_hands_over_before_it_is_removed() {
    for kind in [ConfChangeType::RemoveNode, ConfChangeType::AddLearnerNode] {
        for at in [1, 2] {
            let mut cluster = Cluster::led(3);
            cluster.give(at, change(5, kind, 1));
            cluster.ticks(3);
            assert_eq!(applied(&cluster.take(at)), [5], "asked of {at}");
            let leader = cluster.leader(2).unwrap();
            assert_ne!(leader, 1);
            assert_eq!(cluster.replicas[&leader].members().voters, [2, 3]);
        }
    }
}

#[test]
fn a_leader_that_finds_nobody_to_lead_refuses_to_go() {
    let mut cluster = Cluster::led(3);
    cluster.cut = vec![2, 3];
    cluster.ticks_of(1, 9);
    cluster.give(1, change(5, ConfChangeType::RemoveNode, 1));
    cluster.ticks_of(1, 30);
    let refused =
        |output: &Output| matches!(output, Output::Refused { id: ProposalId(5), why: Refusal::NoSuccessor });
    assert!(cluster.take(1).iter().any(refused));
}

#[test]
fn a_change_that_reaches_a_leader_before_it_knows_its_log_is_not_lost() {
    let mut cluster = Cluster::led(3);
    // Something that is in the new leader's log, and not committed.
    (cluster.stuck, cluster.cut) = (vec![1], vec![3]);
    cluster.give(1, proposal(9));
    cluster.give(1, Input::Transfer { to: MemberId(2) });
    cluster.give(1, Input::Persisted { number: u64::MAX });
    assert_eq!(cluster.leader(2), Some(2));
    (cluster.stuck, cluster.cut) = (vec![1, 3], vec![]);
    cluster.give(2, Input::Tick);
    assert_eq!(cluster.leader(3), Some(2));
    cluster.give(3, change(5, ConfChangeType::AddLearnerNode, 4));
    assert!(cluster.replicas[&2].members().learners.is_empty());
    cluster.stuck.clear();
    cluster.give(1, Input::Persisted { number: u64::MAX });
    cluster.give(3, Input::Persisted { number: u64::MAX });
    cluster.ticks(1);
    assert_eq!(applied(&cluster.take(3)), [5]);
    assert_eq!(cluster.replicas[&2].members().learners, [4]);
}

#[test]
fn a_second_change_waits_for_the_first() {
    let mut cluster = Cluster::led(3);
    cluster.cut = vec![2, 3];
    cluster.give(1, change(5, ConfChangeType::AddLearnerNode, 4));
    cluster.give(1, change(6, ConfChangeType::AddLearnerNode, 5));
    let refused = |output: &Output| {
        matches!(output, Output::Refused { id: ProposalId(6), why: Refusal::ChangeUnderWay })
    };
    assert!(cluster.take(1).iter().any(refused));
}

#[test]
fn a_learner_is_added_catches_up_and_votes() {
    let mut cluster = Cluster::led(1);
    (0..20).for_each(|id| cluster.give(1, proposal(id)));
    cluster.start(2, &Saved::default(), |_| {});
    cluster.give(1, change(50, ConfChangeType::AddLearnerNode, 2));
    cluster.ticks_of(1, 3);
    let status = cluster.replicas[&1].status();
    assert_eq!(status.members[1].matched, status.last);
    assert_eq!(cluster.replicas[&2].members().learners, [2]);
    cluster.give(1, change(51, ConfChangeType::AddNode, 2));
    assert_eq!(cluster.replicas[&2].members().voters, [1, 2]);
}

#[test]
fn a_member_that_is_described_anew_keeps_its_vote() {
    let mut cluster = Cluster::led(3);
    cluster.give(2, change(5, ConfChangeType::UpdateNode, 3));
    assert_eq!(applied(&cluster.take(2)), [5]);
    assert_eq!(cluster.replicas[&1].members().voters, [1, 2, 3]);
}

#[test]
fn a_leader_whose_disk_stalls_gives_leadership_away() {
    let mut cluster = Cluster::led(3);
    cluster.stuck = vec![1];
    cluster.give(1, proposal(9));
    cluster.give(1, Input::DiskStalled);
    let leader = cluster.leader(2).unwrap();
    assert_ne!(leader, 1);
    cluster.give(leader, proposal(10));
    assert_eq!(applied(&cluster.take(leader)), [10]);
}

#[test]
fn a_late_member_is_sent_a_snapshot_that_knows_it() {
    let adapt = |settings: &mut Settings| {
        settings.snapshot = SnapshotRule::Entries(10);
        settings.catch_up = CatchUp { entries: 0, bytes: 0 };
    };
    let mut cluster = Cluster::with(1, adapt);
    cluster.ticks_of(1, 25);
    let made = |cluster: &mut Cluster| {
        let due = cluster.take(1).into_iter().find_map(|output| match output {
            Output::SnapshotDue(metadata) => Some(metadata),
            _ => None,
        });
        let metadata = due.expect("a snapshot is due");
        cluster.give(1, Input::SnapshotMade { metadata: metadata.clone(), data: Bytes::new(), size: 0 });
        metadata
    };
    (0..9).for_each(|id| cluster.give(1, proposal(id)));
    made(&mut cluster);
    cluster.start(2, &Saved::default(), |_| {});
    cluster.give(1, change(50, ConfChangeType::AddLearnerNode, 2));
    cluster.ticks_of(1, 2);
    let metadata = made(&mut cluster);
    assert_eq!(metadata.conf_state.learners, [2]);
    cluster.ticks_of(1, 2);
    let outputs = cluster.take(2);
    assert!(outputs.iter().any(|output| matches!(output, Output::Install(_))), "{outputs:?}");
    cluster.give(1, Input::SnapshotSent { to: MemberId(2), arrived: true });
    cluster.ticks_of(1, 2);
    assert_eq!(cluster.replicas[&2].status().applied, cluster.replicas[&1].status().applied);
}
