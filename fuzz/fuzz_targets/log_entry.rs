//! Any bytes as entries of the log: what is understood is written again as it was read, and two stores that apply it hold
//! the same, whether they were told of it or started from a snapshot.
//!
//! `cargo +nightly fuzz run log_entry`

#![no_main]

use libfuzzer_sys::fuzz_target;
use mgmt::cluster::etcd::log_entry;
use mgmt::cluster::store::Store;

/// Each entry has its length before it, in two bytes.
fn entries(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = bytes.split_first_chunk::<2>()?;
        let (entry, rest) = rest.split_at(rest.len().min(usize::from(u16::from_le_bytes(*length))));
        bytes = rest;
        Some(entry)
    })
}

fuzz_target!(|bytes: &[u8]| {
    let (mut one, mut other) = (Store::new(), Store::new());
    for (entry, index) in entries(bytes).zip(1..) {
        let Ok(command) = log_entry::decode(entry) else {
            one.skip(index);
            other.skip(index);
            continue;
        };
        let again = log_entry::decode(&log_entry::encode(&command)).expect("what was read can be written");
        assert_eq!(again, command);
        let (first, second) = (one.apply(index, command), other.apply(index, again));
        assert_eq!(format!("{first:?}"), format!("{second:?}"));
        assert_eq!(one.revision(), other.revision());
        while one.compacting() && one.compact_step(7) {}
    }
    assert_eq!(one.hash_kv(None), other.hash_kv(None));
});
