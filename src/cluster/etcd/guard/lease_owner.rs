//! Whose a lease is.
//!
//! The store keeps no owner beside a lease, as etcd does not; so the number itself tells: its upper 40 bits are those of a hash
//! of the host's name, the others are chance. Every member can tell, and nothing must be remembered.

use crate::cluster::store::id::LeaseId;
use crate::engine::world::{ContentHash, HostName};

/// So many bits are chance: 8 million numbers a host.
const CHANCE: u32 = 23;

/// A lease for a host.
pub(super) fn lease_of(host: &HostName, chance: u64) -> LeaseId {
    let id = upper(host) << CHANCE | chance & ((1 << CHANCE) - 1);
    // 63 bits: never negative. No hash is all zeros, for practical purposes; 0 means none.
    LeaseId(i64::try_from(id).unwrap_or(i64::MAX).max(1))
}

/// Whether a lease is a host's.
pub(super) fn is_of(id: LeaseId, host: &HostName) -> bool {
    u64::try_from(id.0).is_ok_and(|id| id >> CHANCE == upper(host))
}

/// The 40 bits that tell a host.
fn upper(host: &HostName) -> u64 {
    let hash = ContentHash::of(host.as_str().as_bytes()).0;
    u64::from_be_bytes([0, 0, 0, hash[0], hash[1], hash[2], hash[3], hash[4]])
}
