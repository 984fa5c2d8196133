//! Keys and values of the buckets that are neither JSON nor messages of the API.

use serde::{Deserialize, Serialize};

use crate::cluster::raft::wire::ConfState;
use crate::cluster::store::id::{Mark, Revision};

/// A lease, as `leasepb` has it.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct Lease {
    #[prost(int64, tag = "1")]
    pub id: i64,
    #[prost(int64, tag = "2")]
    pub ttl_s: i64,
    #[prost(int64, tag = "3")]
    pub remaining_ttl_s: i64,
}

/// A place in the history: main and sub number, big-endian, with a line between; a `t` behind it for a deletion.
pub fn mark_key(mark: Mark, tombstone: bool) -> ([u8; 18], usize) {
    let mut key = [0; 18];
    key[..8].copy_from_slice(&mark.main.0.to_be_bytes());
    key[8] = b'_';
    key[9..17].copy_from_slice(&i64::from(mark.sub).to_be_bytes());
    key[17] = b't';
    (key, if tombstone { 18 } else { 17 })
}

/// The place, and whether something was deleted there.
pub fn mark_of(key: &[u8]) -> Option<(Mark, bool)> {
    let tombstone = match key {
        [_, .., b't'] if key.len() == 18 => true,
        _ if key.len() == 17 => false,
        _ => return None,
    };
    let main = i64::from_be_bytes(key[..8].try_into().ok()?);
    let sub = i64::from_be_bytes(key[9..17].try_into().ok()?);
    Some((Mark { main: Revision(main), sub: sub.try_into().ok()? }, tombstone))
}

/// Who votes, in etcd's JSON.
#[derive(Serialize)]
pub struct ConfStateJson<'a> {
    #[serde(skip_serializing_if = "<[u64]>::is_empty")]
    voters: &'a [u64],
    #[serde(skip_serializing_if = "<[u64]>::is_empty")]
    learners: &'a [u64],
    #[serde(skip_serializing_if = "<[u64]>::is_empty")]
    voters_outgoing: &'a [u64],
    #[serde(skip_serializing_if = "<[u64]>::is_empty")]
    learners_next: &'a [u64],
    auto_leave: bool,
}

impl<'a> From<&'a ConfState> for ConfStateJson<'a> {
    fn from(state: &'a ConfState) -> Self {
        Self {
            voters: &state.voters,
            learners: &state.learners,
            voters_outgoing: &state.voters_outgoing,
            learners_next: &state.learners_next,
            auto_leave: state.auto_leave,
        }
    }
}

/// A downgrade, in etcd's JSON.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct DowngradeJson {
    pub target_version: String,
    pub enabled: bool,
}
