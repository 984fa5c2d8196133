//! A single voter.

use super::*;

#[test]
fn a_single_voter_commits_only_what_is_on_disk() {
    let mut cluster = Cluster::led(1);
    cluster.stuck = vec![1];
    cluster.give(1, proposal(9));
    let outputs = cluster.take(1);
    assert!(applied(&outputs).is_empty());
    let saves = outputs.iter().filter_map(|output| match output {
        Output::Persist(save) => Some(save),
        _ => None,
    });
    let save = saves.last().unwrap();
    assert!(save.must_sync);
    cluster.give(1, Input::Persisted { number: save.number });
    assert_eq!(applied(&cluster.take(1)), [9]);
}

#[test]
fn a_single_voter_says_nothing_before_its_term_is_on_disk() {
    let mut cluster = Cluster::led(1);
    cluster.give(1, change(5, ConfChangeType::AddLearnerNode, 2));
    // It starts anew, and leads again at once; its disk is slow.
    let saved = saved(&cluster.take(1));
    cluster.start(1, &saved, |_| {});
    cluster.run();
    cluster.stuck = vec![1];
    cluster.take(1);
    cluster.ticks_of(1, 25);
    let outputs = cluster.take(1);
    assert!(outputs.iter().any(|output| matches!(output, Output::Leader { leader: Some(MemberId(1)), .. })));
    assert!(!outputs.iter().any(|output| matches!(output, Output::Send(_))), "{outputs:?}");
    cluster.stuck.clear();
    cluster.give(1, Input::Persisted { number: u64::MAX });
    assert!(!sent(&cluster.take(1), MessageType::App).is_empty());
}

#[test]
fn the_last_voter_cannot_go() {
    for kind in [ConfChangeType::RemoveNode, ConfChangeType::AddLearnerNode] {
        let mut cluster = Cluster::led(1);
        cluster.give(1, change(5, kind, 1));
        let refused = |output: &Output| {
            matches!(output, Output::Refused { id: ProposalId(5), why: Refusal::LastVoter })
        };
        assert!(cluster.take(1).iter().any(refused));
    }
}

#[test]
fn a_snapshot_is_due_when_the_log_has_grown_and_once_only() {
    let mut cluster = Cluster::with(1, |settings| {
        settings.snapshot = SnapshotRule::Entries(10);
        settings.catch_up = CatchUp { entries: 3, bytes: u64::MAX };
    });
    cluster.ticks_of(1, 25);
    (0..30).for_each(|id| cluster.give(1, proposal(id)));
    let due = cluster.take(1).into_iter().filter_map(|output| match output {
        Output::SnapshotDue(metadata) => Some(metadata),
        _ => None,
    });
    let due: Vec<_> = due.collect();
    let [metadata] = &due[..] else { panic!("{due:?}") };
    assert_eq!((metadata.index, &metadata.conf_state.voters[..]), (10, &[1][..]));
    let metadata = metadata.clone();
    cluster.give(1, Input::SnapshotMade { metadata, data: Bytes::new(), size: 100 });
    assert_eq!(cluster.replicas[&1].status().first, 8);
    assert!(cluster.take(1).iter().any(|output| matches!(output, Output::SnapshotDue(_))));
}

/// What a disk has after these.
fn saved(outputs: &[Output]) -> Saved {
    let mut saved = Saved::new_cluster(&[ConfChange { node_id: 1, ..Default::default() }]);
    for output in outputs {
        let Output::Persist(save) = output else { continue };
        saved.hard_state = save.hard_state.unwrap_or(saved.hard_state);
        saved.entries.extend(save.entries.iter().cloned());
    }
    saved
}
