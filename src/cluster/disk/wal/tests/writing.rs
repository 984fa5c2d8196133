//! What is written is read again.

use super::*;

#[test]
fn a_new_log_is_empty_and_says_whose_it_is() {
    let scratch = Scratch::new();
    drop(scratch.create());
    let (_, recovered) = scratch.open().unwrap();
    assert_eq!((recovered.metadata, recovered.state), (WHOSE, HardState::default()));
    assert_eq!(recovered.marks, [SnapshotMark::default()]);
    assert!(recovered.entries.is_empty() && recovered.cut.is_none());
    recovered.expect(&WHOSE).unwrap();
    let other = recovered.expect(&Metadata { node_id: 1, cluster_id: 0xcd }).unwrap_err();
    assert_eq!(
        other.to_string(),
        "the log is that of member ab in cluster cd, not of member 1 in cluster cd"
    );
}

#[test]
fn entries_and_state_survive_a_new_start_and_the_log_goes_on() {
    let scratch = Scratch::new();
    let mut wal = scratch.create();
    wal.append(Some(&state(0)), &[entry(1, b"one"), entry(2, b"two")]).unwrap();
    wal.sync().unwrap();
    drop(wal);
    let (mut wal, recovered) = scratch.open().unwrap();
    assert_eq!((indices(&recovered), recovered.state), (vec![1, 2], state(0)));
    wal.append(Some(&state(2)), &[entry(3, b"")]).unwrap();
    wal.sync().unwrap();
    drop(wal);
    let (_, recovered) = scratch.open().unwrap();
    assert_eq!(recovered.entries, [entry(1, b"one"), entry(2, b"two"), entry(3, b"")]);
    assert_eq!(recovered.state, state(2));
}

#[test]
fn an_entry_replaces_the_tail_from_its_index_on() {
    let scratch = Scratch::new();
    let mut wal = scratch.create();
    wal.append(None, &[entry(1, b"a"), entry(2, b"b"), entry(3, b"c")]).unwrap();
    wal.append(None, &[entry(2, b"B")]).unwrap();
    drop(wal);
    let (_, recovered) = scratch.open().unwrap();
    assert_eq!(recovered.entries, [entry(1, b"a"), entry(2, b"B")]);
}

#[test]
fn a_full_segment_is_followed_by_another_and_all_are_read() {
    let scratch = Scratch::new();
    let mut wal = scratch.create();
    for index in 1..=100 {
        wal.append(Some(&state(index)), &[entry(index, &[7; 5000])]).unwrap();
        wal.sync().unwrap();
    }
    let names: Vec<_> = wal.segments().collect();
    drop(wal);
    assert!(names.len() > 5, "{names:?}");
    // Finished segments have nothing behind their records, and what was made ahead is gone.
    assert_eq!(scratch.segments().len(), names.len());
    for path in &scratch.segments()[..names.len() - 1] {
        let bytes = std::fs::read(path).unwrap();
        assert_eq!(frames(&bytes).last(), Some(&bytes.len()));
    }
    let (wal, recovered) = scratch.open().unwrap();
    assert_eq!(indices(&recovered), (1..=100).collect::<Vec<_>>());
    assert_eq!((recovered.state, recovered.cut), (state(100), None));
    assert_eq!(wal.segments().collect::<Vec<_>>(), names);
}

#[test]
fn after_a_snapshot_only_what_follows_is_read_and_older_segments_can_go() {
    let scratch = Scratch::new();
    let mut wal = scratch.create();
    for index in 1..=100 {
        wal.append(Some(&state(index)), &[entry(index, &[7; 5000])]).unwrap();
    }
    wal.mark_snapshot(&mark(60)).unwrap();
    let before = wal.segments().count();
    let released = wal.release_before(60).unwrap();
    assert!(released > 2);
    assert_eq!(wal.segments().count(), before - released);
    assert_eq!(
        scratch.segments().iter().filter(|path| path.extension().unwrap() == "wal").count(),
        before - released
    );
    drop(wal);
    assert_eq!(read_marks(&scratch.wal).unwrap(), [mark(60)]);
    let (mut wal, recovered) = Wal::open_with(&scratch.wal, &mark(60), small()).unwrap();
    assert_eq!(indices(&recovered), (61..=100).collect::<Vec<_>>());
    assert_eq!(wal.release_before(60).unwrap(), 0);
    drop(wal);
    assert!(matches!(scratch.open(), Err(WalError::Released { .. })));
}

#[test]
fn a_log_may_go_on_behind_a_snapshot_that_came_from_another_member() {
    let scratch = Scratch::new();
    let mut wal = scratch.create();
    wal.append(Some(&state(3)), &[entry(1, b"a"), entry(2, b"b"), entry(3, b"c")]).unwrap();
    wal.mark_snapshot(&mark(500)).unwrap();
    wal.append(Some(&state(500)), &[entry(501, b"d")]).unwrap();
    drop(wal);
    let (_, recovered) = Wal::open_with(&scratch.wal, &mark(500), small()).unwrap();
    assert_eq!((indices(&recovered), recovered.marks.last()), (vec![501], Some(&mark(500))));
}

#[test]
fn a_snapshot_that_is_not_committed_is_not_offered() {
    let scratch = Scratch::new();
    let mut wal = scratch.create();
    wal.append(Some(&state(1)), &[entry(1, b"a"), entry(2, b"b")]).unwrap();
    wal.mark_snapshot(&mark(2)).unwrap();
    drop(wal);
    assert_eq!(read_marks(&scratch.wal).unwrap(), [SnapshotMark::default()]);
}

#[test]
fn an_unknown_snapshot_is_refused() {
    let scratch = Scratch::new();
    drop(scratch.create());
    let unknown = Wal::open_with(&scratch.wal, &mark(7), small()).unwrap_err();
    assert!(matches!(unknown, WalError::MarkMissing { index: 7, term: 1, .. }), "{unknown}");
    let other_term = Wal::open_with(&scratch.wal, &SnapshotMark { term: 9, ..Default::default() }, small());
    assert!(matches!(other_term, Err(WalError::MarkMismatch { term: 9, found: 0, .. })));
}

#[test]
fn a_log_has_one_writer() {
    let scratch = Scratch::new();
    let wal = scratch.create();
    let second = scratch.open().unwrap_err();
    assert!(second.to_string().starts_with("another process uses this data directory"), "{second}");
    drop(wal);
    scratch.open().unwrap();
}

#[test]
fn nothing_is_made_over_a_log_and_nothing_is_opened_where_none_is() {
    let scratch = Scratch::new();
    assert!(matches!(scratch.open(), Err(WalError::Absent { .. })));
    drop(scratch.create());
    assert!(matches!(Wal::create(&scratch.wal, WHOSE), Err(WalError::Exists { .. })));
}

#[test]
fn what_a_crash_left_of_a_new_log_is_no_obstacle() {
    let scratch = Scratch::new();
    let left = scratch.wal.with_extension("tmp");
    std::fs::create_dir(&left).unwrap();
    std::fs::write(left.join("0000000000000000-0000000000000000.wal"), b"half").unwrap();
    std::fs::create_dir(&scratch.wal).unwrap();
    drop(scratch.create());
    assert!(!left.exists());
    scratch.open().unwrap();
}

#[test]
fn a_batch_larger_than_what_may_stay_unsynced_is_whole() {
    let scratch = Scratch::new();
    let mut wal = Wal::create(&scratch.wal, WHOSE).unwrap();
    let entries: Vec<_> = (1..=10).map(|index| entry(index, &vec![index as u8; 1 << 20])).collect();
    wal.append(Some(&state(0)), &entries).unwrap();
    wal.sync().unwrap();
    drop(wal);
    let (_, recovered) = Wal::open(&scratch.wal, &SnapshotMark::default()).unwrap();
    assert_eq!(recovered.entries, entries);
}
