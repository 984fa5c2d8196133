//! A host as it registered.

use std::collections::BTreeMap;
use std::time::Duration;

use super::limits;
use crate::cluster::store::id::MemberId;
use crate::engine::sched::Time;

/// A host as it registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Its failure domain; empty: it named none, and counts as of one zone with the others that named none.
    pub zone: String,
    /// What else it says of itself. The steward does not look at it.
    pub labels: BTreeMap<String, String>,
    /// The store's revision at which this run of the agent registered: less means up for longer, whatever clocks say.
    pub since: u64,
    /// Which run of the agent this is, so that a new one is told from the old.
    pub instance: u64,
    /// Its liveness lease lives.
    pub alive: bool,
    /// Whether it stays.
    pub intent: Intent,
    /// Whether it would serve.
    pub volunteers: Volunteers,
    /// What is free on the disk of its data directory, in bytes.
    pub disk_free_bytes: u64,
    /// Its memory, in bytes.
    pub memory_bytes: u64,
    /// Where its store would be reached by other members; `None`: it listens nowhere.
    pub peer: Option<String>,
    /// What is in its data directory. A host registers this anew before it has served a second: one that is silent and
    /// has other data than its member's is taken to have lost it.
    pub data: DataDir,
}

/// Whether a host stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Nothing else was said.
    Stays,
    /// It stopped cleanly, and is expected back. The note is gone once it serves again, or, if it is no member, once
    /// it is registered again.
    Stopped {
        /// When the leader learnt of it.
        at: Time,
    },
    /// It leaves the mesh for good, or the administrator takes it out.
    Leaves,
}

/// Whether a host would serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Volunteers {
    /// `--no-server`.
    Never,
    /// Without a flag.
    Yes,
    /// `--prefer-server`.
    Prefers,
}

/// What is in the data directory of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataDir {
    /// Nothing: whatever member it was, it is that no more.
    Fresh,
    /// All that this member has acknowledged.
    Of(MemberId),
    /// Less than this member has acknowledged (a restored disk): it must not serve under that id again.
    Older(MemberId),
}

impl Host {
    /// One of which nothing more is to be expected: it was evicted.
    pub fn that_leaves() -> Self {
        Self {
            zone: String::new(),
            labels: BTreeMap::new(),
            since: u64::MAX,
            instance: 0,
            alive: false,
            intent: Intent::Leaves,
            volunteers: Volunteers::Never,
            disk_free_bytes: 0,
            memory_bytes: 0,
            peer: None,
            data: DataDir::Fresh,
        }
    }

    /// Whether its machine could carry a store of this size: twice that is free on disk, and it fits the quota, which
    /// is the smaller of 8 GiB and a quarter of the memory.
    pub fn has_room_for(&self, store_bytes: u64) -> bool {
        let quota = limits::MOST_QUOTA_BYTES.min(self.memory_bytes / limits::QUOTA_OF_MEMORY);
        self.disk_free_bytes / limits::DISK_PER_STORE >= store_bytes && store_bytes <= quota
    }

    /// Whether it goes for good, or at least serves no longer.
    pub fn gives_up_duty(&self) -> bool {
        self.intent == Intent::Leaves || self.volunteers == Volunteers::Never
    }

    /// Until when it is expected back after a clean stop.
    pub fn expected_until(&self) -> Option<Time> {
        const GRACE: Duration = limits::CLEAN_STOP;
        match self.intent {
            Intent::Stopped { at } => Some(at + GRACE),
            Intent::Stays | Intent::Leaves => None,
        }
    }
}
