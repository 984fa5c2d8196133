//! How many files this process may have open, connections among them.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What the store's own files, the agent and its commands need.
const RESERVED: u64 = 512;
/// What an agent that carries the store lets itself have: more clients than any policy gives one member.
const AGENT: u64 = 65_536;
/// Connections are not counted further than this, as in `Options`.
const MOST: u64 = 100_000;

/// Lets this process have as many as the system allows, as Go's runtime does for etcd.
pub fn allow_all() {
    allow(None);
}

/// Lets an agent have enough to carry the store. The commands that it runs inherit that, so it is no more than needed.
pub fn allow_for_agent() {
    allow(Some(AGENT));
}

/// `None`: as many as the system allows.
fn allow(most: Option<u64>) {
    let limit = getrlimit(Resource::Nofile);
    let wanted = [limit.maximum, most].into_iter().flatten().min();
    if limit.current.is_some_and(|current| wanted.is_none_or(|wanted| current < wanted)) {
        // With fewer it serves, too.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: wanted, ..limit });
    }
}

/// How many connections a server may keep with the files that it may open.
pub fn connections() -> usize {
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(files.saturating_sub(RESERVED).clamp(RESERVED / 2, MOST)).unwrap_or(usize::MAX)
}
