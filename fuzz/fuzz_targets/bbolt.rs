//! Any bytes as a database file: its buckets are read, or it is refused.
//!
//! `cargo +nightly fuzz run bbolt`

#![no_main]

use libfuzzer_sys::fuzz_target;
use mgmt::cluster::disk::bbolt::Reader;

fuzz_target!(|bytes: &[u8]| {
    let Ok(reader) = Reader::open(bytes) else { return };
    for bucket in reader.buckets().unwrap_or_default() {
        let Ok(entries) = reader.entries(&bucket) else { continue };
        for entry in entries {
            let Ok((key, value)) = entry else { break };
            assert!(key.len() + value.len() <= bytes.len());
        }
    }
});
