//! Random damage to sound logs: never a panic, and what is before the damage never goes missing in silence.

use std::time::{Duration, Instant};

use super::encoder::Encoder;
use super::replay::{Place, Replay, Wanted};
use super::*;

/// A sound segment of zeros behind its records, its entries, and where the frame of each ends.
fn segment(random: &mut fastrand::Rng) -> (Vec<u8>, Vec<(Entry, usize)>) {
    let mut encoder = Encoder::new(0);
    encoder.checksum();
    encoder.metadata(&WHOSE);
    encoder.snapshot(&SnapshotMark::default());
    let mut entries = Vec::new();
    for index in 1..=random.u64(1..40) {
        // Zeros are what makes it hard: a record of them looks like one whose sectors were lost.
        let data = vec![if random.bool() { 0 } else { random.u8(..) }; random.usize(0..2000)];
        let entry = entry(index, &data);
        encoder.entry(&entry);
        entries.push((entry, encoder.bytes().len()));
        if random.bool() {
            encoder.state(&state(index - 1));
        }
    }
    let mut bytes = encoder.bytes().to_vec();
    bytes.resize(128 << 10, 0);
    (bytes, entries)
}

/// Changes some bytes; the first that is another now, if any.
fn mutate(random: &mut fastrand::Rng, bytes: &mut Vec<u8>, written: usize) -> Option<usize> {
    let sound = bytes.clone();
    for _ in 0..random.usize(1..4) {
        let at = random.usize(..written);
        let end = bytes.len().min(at + random.usize(1..3000));
        match random.u8(..6) {
            0 => bytes[at] ^= 1 << random.u8(..8),
            1 => bytes[at] = random.u8(..),
            2 => bytes[at..end].fill(0),
            3 => bytes[at..end].fill_with(|| random.u8(..)),
            4 => {
                let to = random.usize(..written.min(bytes.len() - (end - at)));
                bytes.copy_within(at..end, to);
            }
            _ => {
                let sector = at / 512 * 512;
                bytes[sector..sector + 512].fill(0);
            }
        }
    }
    if random.u8(..8) == 0 {
        bytes.truncate(random.usize(..written + 1));
    }
    sound
        .iter()
        .zip(&*bytes)
        .position(|(before, after)| before != after)
        .or((bytes.len() < written).then_some(bytes.len()))
}

#[test]
fn what_is_before_the_damage_is_read_or_the_log_is_refused() {
    let mut random = fastrand::Rng::with_seed(4711);
    let until = Instant::now() + Duration::from_millis(400);
    let mut rounds = 0;
    // The bound on rounds keeps it the same on every machine that is fast enough, the one on time keeps it short.
    while rounds < 3000 && Instant::now() < until {
        rounds += 1;
        let (mut bytes, entries) = segment(&mut random);
        let changed = mutate(&mut random, &mut bytes, entries.last().unwrap().1);
        let mut replay = Replay::new(Wanted::EntriesAbove(0));
        let read = replay.segment(&bytes, Place::Newest);
        let Some(changed) = changed else { continue };
        let sound = entries.iter().filter(|(_, end)| *end <= changed).count();
        assert!(
            read.is_err() || replay.entries.len() >= sound,
            "{sound} sound, {} read",
            replay.entries.len()
        );
        // Whatever is taken for sound is what was written.
        assert!(replay.entries.iter().zip(&entries).all(|(read, (written, _))| read == written));
        assert!(replay.entries.len() <= entries.len());
    }
    assert!(rounds > 20);
}

#[test]
fn bytes_that_are_no_log_are_refused() {
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..500 {
        let mut bytes = vec![0; random.usize(..4096)];
        random.fill(&mut bytes);
        for place in [Place::Newest, Place::Finished] {
            assert!(Replay::new(Wanted::EntriesAbove(0)).segment(&bytes, place).is_err());
        }
    }
}
