//! What is run: all by environment variables, so that `make differential` can set it.

/// One run.
pub struct Settings {
    /// `MGMT_DIFF_SEED`
    pub seed: u64,
    /// `MGMT_DIFF_REQUESTS`
    pub requests: usize,
    /// `MGMT_DIFF_MISMATCHES`: after how many a seed's run ends.
    pub mismatches: usize,
}

fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text:?} is no number")),
        Err(_) => default,
    }
}

impl Settings {
    /// As the environment asks for; without a wish as in every test run.
    pub fn from_environment() -> Settings {
        Settings {
            seed: number("MGMT_DIFF_SEED", 1),
            requests: number("MGMT_DIFF_REQUESTS", 100_000) as usize,
            mismatches: number("MGMT_DIFF_MISMATCHES", 1) as usize,
        }
    }
}
