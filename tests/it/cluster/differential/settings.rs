//! What is run: all by environment variables, so that a failure can print the command that repeats it.

use crate::cluster::server::{reference, under_test};

/// One run.
pub struct Settings {
    /// `MGMT_DIFF_SEED`
    pub seed: u64,
    /// `MGMT_DIFF_REQUESTS`
    pub requests: usize,
    /// `MGMT_DIFF_MISMATCHES`: how many different ones are told of before the run ends.
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

impl Settings {
    /// As the environment asks for; without a wish a short run.
    pub fn from_environment() -> Settings {
        let command = |text: String| text.split_whitespace().map(str::to_owned).collect();
        Settings {
            seed: number("MGMT_DIFF_SEED", 1),
            requests: number("MGMT_DIFF_REQUESTS", 3000) as usize,
            mismatches: number("MGMT_DIFF_MISMATCHES", 1) as usize,
            reference: std::env::var("MGMT_DIFF_REFERENCE").map_or_else(|_| reference(), command),
            under_test: under_test(),
        }
    }

    /// The command that repeats this run.
    pub fn replay(&self) -> String {
        format!(
            "MGMT_DIFF_REFERENCE='{}' MGMT_STORE_SERVER='{}' make differential SEED={} REQUESTS={}",
            self.reference.join(" "),
            self.under_test.join(" "),
            self.seed,
            self.requests
        )
    }
}
