//! How long the steward waits, and how much it does at once.

use std::time::Duration;

/// A host that stopped cleanly is given so long to come back (mesh.md, Behaviour 5).
pub const CLEAN_STOP: Duration = Duration::from_secs(60);

/// At most one exchange in this time (mesh.md, Behaviour 5): a host that flaps must not drag the vote around.
pub const EXCHANGE_EVERY: Duration = Duration::from_secs(60);

/// A nominated host must be heard of within this time. A process starts in a second; a busy machine needs more.
pub const COME_UP: Duration = Duration::from_secs(30);

/// A learner must be caught up within this time: 8 GiB at 100 Mbit/s take 11 minutes.
pub const CATCH_UP: Duration = Duration::from_secs(900);

/// A host whose nomination was withdrawn is not nominated again for this time, unless the leader changes.
pub const REST: Duration = Duration::from_secs(300);

/// A voter that leaves waits so long for a successor that is to be made first, before the electorate shrinks.
pub const HAND_OVER: Duration = Duration::from_secs(30);

/// Votes are moved to better places when nothing else has happened for this time.
pub const CALM: Duration = Duration::from_secs(120);

/// Learners that are too many are removed when they have been so for this time.
pub const SURPLUS: Duration = Duration::from_secs(600);

/// A silent learner is removed after this time. The log in memory reaches back for minutes (see `docs/STORE.md`), so
/// a host that comes back later gets a snapshot in any case.
pub const FORGET: Duration = Duration::from_secs(3600);

/// So many hosts are brought up at once: each is sent the whole store by the leader.
pub const AT_ONCE: usize = 4;

/// The first wait before a command that changed nothing is given again; it doubles.
pub const RETRY: Duration = Duration::from_secs(1);

/// The longest such wait.
pub const LONGEST_RETRY: Duration = Duration::from_secs(30);

/// Times the store's size that must be free on a server's disk (mesh.md, Behaviour 4): the log, a snapshot, and the
/// next one beside it.
pub const DISK_PER_STORE: u64 = 2;

/// The store's quota at the most (mesh.md, Behaviour 4).
pub const MOST_QUOTA_BYTES: u64 = 8 << 30;

/// What part of the memory the store may take (mesh.md, Behaviour 4).
pub const QUOTA_OF_MEMORY: u64 = 4;
