//! Exchanges and demotions of voters.

use super::*;

/// Three voters, of whom the first leads, and a learner, 4, that has all.
fn with_spare() -> Cluster {
    let mut cluster = Cluster::led(3);
    cluster.start(4, &Saved::default(), |_| {});
    cluster.give(1, change(50, ConfChangeType::AddLearnerNode, 4));
    cluster.ticks_of(1, 3);
    assert_eq!(cluster.replicas[&4].members().learners, [4]);
    cluster.take(1);
    cluster
}

fn refused(outputs: &[Output], id: u64) -> Option<Refusal> {
    outputs.iter().find_map(|output| match output {
        Output::Refused { id: ProposalId(refused), why } if *refused == id => Some(*why),
        _ => None,
    })
}

/// How many voters each electorate had that a member was told of.
fn electorates(outputs: &[Output]) -> Vec<(usize, usize)> {
    let told = outputs.iter().filter_map(|output| match output {
        Output::Members(members) => Some((members.voters.len(), members.voters_outgoing.len())),
        _ => None,
    });
    told.collect()
}

#[test]
fn an_exchange_replaces_a_voter_that_is_gone_by_one_joint_change() {
    let mut cluster = with_spare();
    cluster.cut = vec![3];
    cluster.give(1, exchange(51, 4, 3));
    let outputs = cluster.take(1);
    assert_eq!(applied(&outputs), [51]);
    assert_eq!(electorates(&outputs), [(3, 3), (3, 0)], "left without waiting for a heartbeat");
    for id in [1, 2, 4] {
        let members = cluster.replicas[&id].members();
        assert_eq!((members.voters, members.learners), (vec![1, 2, 4], vec![3]), "at {id}");
    }
    // The new one's vote counts.
    cluster.cut = vec![2, 3];
    cluster.give(1, proposal(9));
    assert_eq!(applied(&cluster.take(1)), [9]);
}

#[test]
fn who_was_demoted_while_it_was_away_learns_of_it_and_follows() {
    let mut cluster = with_spare();
    cluster.cut = vec![3];
    cluster.give(1, exchange(51, 4, 3));
    cluster.cut.clear();
    cluster.ticks_of(1, 3);
    assert_eq!(cluster.replicas[&3].members().learners, [3]);
    assert_eq!(cluster.replicas[&3].status().applied, cluster.replicas[&1].status().applied);
    cluster.ticks_of(3, 50);
    assert_eq!(cluster.leader(1), Some(1), "who has no vote stands for no election");
}

#[test]
fn a_leader_hands_over_before_it_is_exchanged_or_demoted() {
    for at in [1, 2] {
        for demand in [exchange(51, 4, 1), demotion(51, 1)] {
            let mut cluster = with_spare();
            cluster.give(at, demand);
            cluster.ticks(3);
            assert_eq!(applied(&cluster.take(at)), [51], "asked of {at}");
            let leader = cluster.leader(2).unwrap();
            assert_ne!(leader, 1);
            assert!(cluster.replicas[&leader].members().learners.contains(&1));
        }
    }
}

#[test]
fn a_demotion_alone_makes_the_electorate_smaller_by_one() {
    let mut cluster = Cluster::led(3);
    cluster.take(1);
    cluster.give(2, demotion(51, 3));
    assert_eq!(electorates(&cluster.take(1)), [(2, 0)]);
    assert_eq!(cluster.replicas[&3].members().learners, [3]);
}

#[test]
fn nothing_else_is_changed_before_a_joint_change_is_left() {
    let mut cluster = with_spare();
    // Enough to enter, and not to leave: the new electorate needs 4 or 2.
    cluster.cut = vec![2, 4];
    cluster.give(1, exchange(51, 4, 3));
    assert!(
        applied(&cluster.take(1)).is_empty() || cluster.replicas[&1].members().voters_outgoing.len() == 3
    );
    cluster.give(1, demotion(52, 3));
    cluster.give(1, change(53, ConfChangeType::AddLearnerNode, 5));
    let outputs = cluster.take(1);
    assert_eq!(refused(&outputs, 52), Some(Refusal::ChangeUnderWay));
    assert_eq!(refused(&outputs, 53), Some(Refusal::ChangeUnderWay));
    cluster.cut.clear();
    cluster.ticks_of(1, 3);
    assert_eq!(cluster.replicas[&1].members().voters, [1, 2, 4]);
}

#[test]
fn a_new_leader_leaves_the_joint_change_that_it_finds() {
    let mut cluster = with_spare();
    cluster.cut = vec![2, 4];
    cluster.give(1, exchange(51, 4, 3));
    assert_eq!(cluster.replicas[&1].members().voters_outgoing, [1, 2, 3], "entered by 1 and 3");
    // The leader is gone for good; 3 knows the change, tells the others, and is then no voter any more.
    cluster.cut = vec![1];
    for _ in 0..4 {
        for id in [2, 3, 4] {
            cluster.ticks_of(id, 12);
        }
    }
    let leader = cluster.leader(2).expect("somebody leads");
    assert!([2, 4].contains(&leader), "{leader} leads");
    let members = cluster.replicas[&leader].members();
    assert_eq!((members.voters, members.learners), (vec![1, 2, 4], vec![3]));
    assert!(members.voters_outgoing.is_empty());
}

#[test]
fn an_exchange_of_who_is_no_learner_or_no_voter_has_no_effect() {
    for demand in [exchange(51, 5, 3), exchange(51, 2, 3), exchange(51, 4, 5), exchange(51, 4, 4)] {
        let mut cluster = with_spare();
        cluster.give(1, demand);
        let members = cluster.replicas[&1].members();
        assert_eq!((members.voters, members.learners), (vec![1, 2, 3], vec![4]));
        assert_eq!(applied(&cluster.take(1)), [51], "it is told by the members' list");
        cluster.give(1, proposal(9));
        assert_eq!(applied(&cluster.take(1)), [9]);
    }
}

#[test]
fn the_last_voter_is_neither_exchanged_nor_demoted() {
    let mut cluster = Cluster::led(1);
    cluster.start(2, &Saved::default(), |_| {});
    cluster.give(1, change(50, ConfChangeType::AddLearnerNode, 2));
    cluster.ticks_of(1, 3);
    cluster.give(1, demotion(51, 1));
    cluster.give(1, exchange(52, 2, 1));
    let outputs = cluster.take(1);
    assert_eq!(refused(&outputs, 51), Some(Refusal::LastVoter));
    assert_eq!(refused(&outputs, 52), Some(Refusal::LastVoter));
}

#[test]
fn a_voter_to_be_that_is_late_gets_a_snapshot_from_between_the_electorates() {
    let adapt = |settings: &mut Settings| {
        settings.snapshot = SnapshotRule::Entries(1_000);
        settings.catch_up = CatchUp { entries: 5, bytes: u64::MAX };
    };
    let mut cluster = Cluster::with(2, adapt);
    cluster.ticks_of(1, 25);
    cluster.start(3, &Saved::default(), adapt);
    cluster.give(1, change(50, ConfChangeType::AddLearnerNode, 3));
    cluster.ticks_of(1, 3);
    // It misses entries that nobody keeps.
    cluster.cut = vec![3];
    (0..9).for_each(|id| cluster.give(1, proposal(id)));
    cluster.ticks_of(1, 30);
    // Voters are 1 and 3 from now on: without 3 nothing is agreed upon.
    cluster.give(1, exchange(51, 3, 2));
    cluster.cut = vec![2];
    cluster.take(1);
    cluster.ticks_of(1, 3);
    assert_eq!(cluster.replicas[&1].members().voters_outgoing, [1, 2]);
    let due = cluster.take(1).into_iter().find_map(|output| match output {
        Output::SnapshotDue(metadata) => Some(metadata),
        _ => None,
    });
    let metadata = due.expect("the one that is late needs a snapshot");
    assert_eq!((&metadata.conf_state.voters[..], metadata.conf_state.auto_leave), (&[1, 3][..], true));
    cluster.give(1, Input::SnapshotMade { metadata, data: Bytes::new(), size: 0 });
    cluster.ticks_of(1, 2);
    cluster.give(1, Input::SnapshotSent { to: MemberId(3), arrived: true });
    cluster.cut.clear();
    cluster.ticks_of(1, 3);
    let members = cluster.replicas[&3].members();
    assert_eq!((members.voters, members.learners), (vec![1, 3], vec![2]));
    assert!(members.voters_outgoing.is_empty());
}

#[test]
fn a_leader_counts_for_how_long_each_member_is_silent() {
    let silence = |cluster: &Cluster, of: u64, member: u64| {
        let status = cluster.replicas[&of].status();
        let known = status.members.iter().find(|known| known.member == MemberId(member));
        known.map(|known| known.silence_ticks)
    };
    let mut cluster = Cluster::led(3);
    cluster.ticks_of(1, 2);
    assert_eq!(silence(&cluster, 1, 2), Some(0));
    assert_eq!(silence(&cluster, 2, 1), None, "a follower does not know");
    cluster.cut = vec![2];
    cluster.ticks_of(1, 5);
    assert_eq!([1, 2, 3].map(|member| silence(&cluster, 1, member)), [Some(0), Some(5), Some(0)]);
    // The leader falls silent too; who follows it knows since when.
    cluster.cut = vec![1];
    cluster.ticks_of(2, 10);
    cluster.ticks_of(3, 25);
    assert_eq!(cluster.leader(3), Some(3));
    let since_election = silence(&cluster, 3, 2).unwrap();
    let predecessor = silence(&cluster, 3, 1).unwrap();
    assert!(predecessor >= 10 && since_election < predecessor, "{predecessor} {since_election}");
}
