//! Numbers that match a change in the log to who waits for it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::cluster::store::id::MemberId;

/// Gives numbers that no member gives twice, nor two members the same: 16 bits of the member, 40 of the time in
/// milliseconds at the start, and 8 to count in before that time is run over, as in etcd.
#[derive(Debug)]
pub struct ProposalIds {
    member: u64,
    next: AtomicU64,
}

impl ProposalIds {
    /// For a member that starts now.
    pub fn new(member: MemberId) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let ms = u64::try_from(since.as_millis()).unwrap_or(0);
        Self { member: member.0 << 48, next: AtomicU64::new((ms << 8) & ((1 << 48) - 1)) }
    }

    /// The next one.
    pub fn next(&self) -> u64 {
        self.member | (self.next.fetch_add(1, Ordering::Relaxed) & ((1 << 48) - 1))
    }
}
