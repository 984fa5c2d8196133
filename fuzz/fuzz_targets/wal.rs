//! Any bytes as a segment of the log: it is read up to a place within it, or refused.
//!
//! `cargo +nightly fuzz run wal`

#![no_main]

use libfuzzer_sys::fuzz_target;
use mgmt::cluster::disk::wal::replay::{Place, Replay, Wanted};

fuzz_target!(|bytes: &[u8]| {
    for place in [Place::Newest, Place::Finished] {
        let mut replay = Replay::new(Wanted::EntriesAbove(0));
        match replay.segment(bytes, place) {
            Ok(end) => assert!(end.offset + end.tear.map_or(0, |tear| tear.length) <= bytes.len()),
            Err(broken) => assert!(broken.offset <= bytes.len()),
        }
        let data: usize = replay.entries.iter().map(|entry| entry.data.len()).sum();
        assert!(data <= bytes.len());
    }
});
