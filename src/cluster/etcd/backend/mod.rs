//! The state machine as etcd's backend keeps it: buckets of a bbolt file. This is what a snapshot is, on disk, on the
//! way to a member that is behind, and for whoever moves to a real etcd.

mod load;
pub mod member_json;
mod record;
mod save;
mod snapshot_file;
#[cfg(test)]
mod tests;

pub use load::{LoadError, Loaded, load};
pub use save::{Contents, save};
pub use snapshot_file::{Digest, SnapshotFileError, load_file, verify_file};

/// The buckets, in the order of the file.
mod bucket {
    pub const ALARM: &[u8] = b"alarm";
    pub const AUTH: &[u8] = b"auth";
    pub const AUTH_ROLES: &[u8] = b"authRoles";
    pub const AUTH_USERS: &[u8] = b"authUsers";
    pub const CLUSTER: &[u8] = b"cluster";
    pub const KEY: &[u8] = b"key";
    pub const LEASE: &[u8] = b"lease";
    pub const MEMBERS: &[u8] = b"members";
    pub const MEMBERS_REMOVED: &[u8] = b"members_removed";
    pub const META: &[u8] = b"meta";
}

/// The keys of single values.
mod name {
    pub const AUTH_ENABLED: &[u8] = b"authEnabled";
    pub const AUTH_REVISION: &[u8] = b"authRevision";
    pub const CLUSTER_VERSION: &[u8] = b"clusterVersion";
    pub const DOWNGRADE: &[u8] = b"downgrade";
    pub const CONF_STATE: &[u8] = b"confState";
    pub const CONSISTENT_INDEX: &[u8] = b"consistent_index";
    pub const FINISHED_COMPACT: &[u8] = b"finishedCompactRev";
    pub const SCHEDULED_COMPACT: &[u8] = b"scheduledCompactRev";
    pub const TERM: &[u8] = b"term";
}
