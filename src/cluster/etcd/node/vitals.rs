//! What an operator pages on, counted as it happens.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the buckets, in milliseconds: etcd's.
pub const FSYNC_MS: [u64; 14] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192];

/// Counters of a member since its start.
#[derive(Debug, Default)]
pub struct Vitals {
    leader_changes: AtomicU64,
    /// How many syncs of the log fell into each bucket; the last one: longer than all.
    fsyncs: [AtomicU64; FSYNC_MS.len() + 1],
    fsync_us: AtomicU64,
}

/// How long the syncs of the log took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fsyncs {
    /// How many took no longer than each of [`FSYNC_MS`].
    pub within: [u64; FSYNC_MS.len()],
    /// How many there were.
    pub count: u64,
    /// How long they took together.
    pub sum: Duration,
}

impl Vitals {
    /// Another member leads than before.
    pub fn leader_changed(&self) {
        self.leader_changes.fetch_add(1, Ordering::Relaxed);
    }

    /// The log was synced.
    pub fn synced(&self, took: Duration) {
        let bucket = FSYNC_MS.iter().position(|bound| took <= Duration::from_millis(*bound));
        self.fsyncs[bucket.unwrap_or(FSYNC_MS.len())].fetch_add(1, Ordering::Relaxed);
        self.fsync_us.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// How often another member came to lead.
    pub fn leader_changes(&self) -> u64 {
        self.leader_changes.load(Ordering::Relaxed)
    }

    /// How long the syncs of the log took.
    pub fn fsyncs(&self) -> Fsyncs {
        let mut fsyncs = Fsyncs::default();
        for (bucket, counted) in self.fsyncs.iter().enumerate() {
            fsyncs.count += counted.load(Ordering::Relaxed);
            if let Some(within) = fsyncs.within.get_mut(bucket) {
                *within = fsyncs.count;
            }
        }
        fsyncs.sum = Duration::from_micros(self.fsync_us.load(Ordering::Relaxed));
        fsyncs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn syncs_are_counted_by_how_long_they_took() {
        let vitals = Vitals::default();
        for millis in [1, 3, 4, 20_000] {
            vitals.synced(Duration::from_millis(millis));
        }
        let fsyncs = vitals.fsyncs();
        assert_eq!(fsyncs.within[..4], [1, 1, 3, 3]);
        assert_eq!((fsyncs.within[13], fsyncs.count), (3, 4));
        assert_eq!(fsyncs.sum, Duration::from_millis(20_008));
    }
}
