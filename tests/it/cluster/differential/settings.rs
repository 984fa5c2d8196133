//! What is run: all by environment variables, so that `make differential` can set it.

use crate::cluster::server::{reference, under_test};

/// One run.
pub struct Settings {
    /// `MGMT_DIFF_SEED`
    pub seed: u64,
    /// `MGMT_DIFF_REQUESTS`
    pub requests: usize,
    /// `MGMT_DIFF_MISMATCHES`: after how many a seed's run ends.
    pub mismatches: usize,
    /// `MGMT_DIFF_REFERENCE`: what is right.
    pub reference: Vec<String>,
    /// `MGMT_STORE_SERVER`: what is tested.
    pub under_test: Vec<String>,
}

fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text:?} is no number")),
        Err(_) => default,
    }
}

/// The real server, without waiting for its disk.
fn unsynced() -> Vec<String> {
    let mut command = reference();
    command.push("--unsafe-no-fsync".to_owned());
    command
}

impl Settings {
    /// As the environment asks for; without a wish as in every test run.
    pub fn from_environment() -> Settings {
        let command = |text: String| text.split_whitespace().map(str::to_owned).collect();
        Settings {
            seed: number("MGMT_DIFF_SEED", 1),
            requests: number("MGMT_DIFF_REQUESTS", 100_000) as usize,
            mismatches: number("MGMT_DIFF_MISMATCHES", 1) as usize,
            reference: std::env::var("MGMT_DIFF_REFERENCE").map_or_else(|_| unsynced(), command),
            under_test: under_test(),
        }
    }
}
