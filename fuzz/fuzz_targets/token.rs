//! Any text as a token to join with: what is read is written again as the same token, and no error shows what was typed.
//!
//! `cargo +nightly fuzz run token fuzz/corpus/token fuzz/seeds/token`

#![no_main]

use libfuzzer_sys::fuzz_target;
use mgmt::cluster::identity::{IdentityError, JoinToken};

fuzz_target!(|text: &str| {
    match text.parse::<JoinToken>() {
        Ok(token) => {
            let again = token.to_text().expect("what was read can be written");
            let read: JoinToken = again.parse().expect("what was written can be read");
            assert_eq!(format!("{read:?}"), format!("{token:?}"));
        }
        Err(IdentityError::UnknownTokenVersion { version }) => assert!(version.len() <= 4),
        Err(error) => assert!(error.to_string().len() < 200),
    }
});
