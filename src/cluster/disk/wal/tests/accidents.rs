//! Torn tails and damage.

use super::*;

/// A log of `count` entries of `size` bytes that are no zeros.
fn written(count: u64, size: usize) -> Scratch {
    let scratch = Scratch::new();
    let mut wal = scratch.create();
    for index in 1..=count {
        wal.append(None, &[entry(index, &vec![7; size])]).unwrap();
    }
    wal.sync().unwrap();
    scratch
}

fn damage(scratch: &Scratch) -> (u64, Damage) {
    match scratch.open().unwrap_err() {
        WalError::Damaged { offset, damage, .. } => (offset, damage),
        other => panic!("{other}"),
    }
}

#[test]
fn a_last_record_whose_sectors_were_lost_is_cut_and_the_log_goes_on() {
    for lost in 0..6 {
        let scratch = written(5, 3000);
        let mut start = 0;
        edit(&scratch.newest(), |bytes| {
            let frames = frames(bytes);
            start = frames[frames.len() - 2];
            let sector = (start / 512 + lost) * 512;
            bytes[sector.max(start)..sector + 512].fill(0);
        });
        let (mut wal, recovered) = scratch.open().unwrap();
        assert_eq!(indices(&recovered), [1, 2, 3, 4], "sector {lost}");
        let cut = recovered.cut.unwrap();
        assert_eq!((cut.offset, cut.intact_after), (start as u64, false));
        wal.append(None, &[entry(5, b"again")]).unwrap();
        wal.sync().unwrap();
        drop(wal);
        let (_, recovered) = scratch.open().unwrap();
        assert_eq!((indices(&recovered), recovered.cut), (vec![1, 2, 3, 4, 5], None));
    }
}

#[test]
fn a_header_that_was_lost_with_the_end_of_its_sector_is_cut() {
    let scratch = Scratch::new();
    let mut wal = scratch.create();
    let (mut start, mut last) = (0, 0);
    while start % 512 != 504 {
        // Frames are multiples of eight, so sooner or later one ends eight bytes before a sector does.
        last += 1;
        wal.append(None, &[entry(last, &vec![7; last as usize % 29])]).unwrap();
        wal.sync().unwrap();
        start = *frames(&std::fs::read(scratch.newest()).unwrap()).last().unwrap();
    }
    wal.append(None, &[entry(last + 1, &[7; 3])]).unwrap();
    drop(wal);
    edit(&scratch.newest(), |bytes| bytes[start..start + 8].fill(0));
    let (_, recovered) = scratch.open().unwrap();
    assert_eq!(indices(&recovered), (1..=last).collect::<Vec<_>>());
    assert_eq!(recovered.cut.unwrap().offset, start as u64);
}

#[test]
fn a_file_that_ends_inside_its_last_record_is_cut() {
    for missing in [1, 7, 8, 100, 2999, 3005] {
        let scratch = written(5, 3000);
        edit(&scratch.newest(), |bytes| {
            let end = *frames(bytes).last().unwrap();
            bytes.truncate(end - missing);
        });
        let (_, recovered) = scratch.open().unwrap();
        assert_eq!(indices(&recovered), [1, 2, 3, 4], "{missing} bytes are missing");
        assert!(recovered.cut.is_some());
    }
}

#[test]
fn of_a_write_that_lost_a_sector_in_its_middle_nothing_behind_it_comes_back() {
    let scratch = Scratch::new();
    let mut wal = scratch.create();
    wal.append(None, &(1..=10).map(|index| entry(index, &[7; 2000])).collect::<Vec<_>>()).unwrap();
    drop(wal);
    edit(&scratch.newest(), |bytes| {
        let sector = (frames(bytes)[6] / 512 + 1) * 512;
        bytes[sector..sector + 512].fill(0);
    });
    let (mut wal, recovered) = scratch.open().unwrap();
    assert_eq!(indices(&recovered), [1, 2, 3]);
    assert!(recovered.cut.unwrap().intact_after);
    wal.append(None, &[entry(4, b"four")]).unwrap();
    wal.sync().unwrap();
    drop(wal);
    let (_, recovered) = scratch.open().unwrap();
    assert_eq!((indices(&recovered), recovered.cut), (vec![1, 2, 3, 4], None));
}

#[test]
fn a_changed_byte_is_damage_and_not_a_torn_tail() {
    // Frames: checksum, metadata, snapshot, then the entries.
    for frame in 3..8 {
        let scratch = written(5, 3000);
        let mut start = 0;
        edit(&scratch.newest(), |bytes| {
            start = frames(bytes)[frame];
            bytes[start + 1000] ^= 1;
        });
        let (offset, damage) = damage(&scratch);
        assert_eq!(offset, start as u64);
        assert!(matches!(damage, Damage::Frame(decoder::Fault::Checksum { .. })), "{damage}");
    }
}

#[test]
fn a_changed_length_is_damage_even_in_the_last_record() {
    for bit in 0..64 {
        let scratch = written(5, 3000);
        edit(&scratch.newest(), |bytes| {
            let frames = frames(bytes);
            bytes[frames[frames.len() - 2] + bit / 8] ^= 1 << (bit % 8);
        });
        assert!(matches!(scratch.open(), Err(WalError::Damaged { .. })), "bit {bit}");
    }
}

#[test]
fn a_zeroed_header_before_sound_bytes_is_damage() {
    let scratch = written(5, 3000);
    edit(&scratch.newest(), |bytes| {
        let start = frames(bytes)[5];
        bytes[start..start + 8].fill(0);
    });
    assert_eq!(damage(&scratch).1, Damage::Zeroed);
}

#[test]
fn a_hole_that_no_single_write_can_leave_is_damage() {
    let scratch = Scratch::new();
    let mut wal = Wal::create(&scratch.wal, WHOSE).unwrap();
    for index in 1..=30 {
        wal.append(None, &[entry(index, &vec![7; 1 << 20])]).unwrap();
    }
    drop(wal);
    edit(&scratch.newest(), |bytes| {
        let sector = (frames(bytes)[5] / 512 + 1) * 512;
        bytes[sector..sector + 512].fill(0);
    });
    let error = Wal::open(&scratch.wal, &SnapshotMark::default()).unwrap_err();
    assert!(matches!(error, WalError::Damaged { .. }) && error.hint().is_some(), "{error}");
}

#[test]
fn a_segment_that_is_not_the_last_has_no_torn_tail() {
    let scratch = written(30, 5000);
    let first = scratch.segments()[0].clone();
    edit(&first, |bytes| bytes.truncate(bytes.len() - 100));
    let error = scratch.open().unwrap_err();
    assert!(matches!(&error, WalError::Damaged { path, .. } if *path == first), "{error}");
}

#[test]
fn a_segment_that_lost_its_last_records_whole_is_noticed_by_the_next() {
    let scratch = written(30, 5000);
    let segments = scratch.segments();
    edit(&segments[0], |bytes| {
        let frames = frames(bytes);
        bytes.truncate(frames[frames.len() - 2]);
    });
    let error = scratch.open().unwrap_err();
    assert!(matches!(&error, WalError::Damaged { path, offset: 0, .. } if *path == segments[1]), "{error}");
}

#[test]
fn a_missing_segment_is_named() {
    let scratch = written(40, 5000);
    std::fs::remove_file(&scratch.segments()[1]).unwrap();
    assert!(matches!(scratch.open(), Err(WalError::SegmentMissing { sequence: 1, .. })));
}

#[test]
fn a_segment_without_its_beginning_is_damage() {
    let scratch = written(3, 10);
    for length in [0, 8, 30, 4096] {
        edit(&scratch.newest(), |bytes| *bytes = vec![0; length]);
        assert_eq!(damage(&scratch), (0, Damage::NoHeader));
    }
}

#[test]
fn an_entry_behind_a_gap_is_damage() {
    let scratch = Scratch::new();
    let mut wal = scratch.create();
    wal.append(None, &[entry(1, b"a"), entry(3, b"c")]).unwrap();
    drop(wal);
    assert_eq!(damage(&scratch).1, Damage::Gap { expected: 2, found: 3 });
}
