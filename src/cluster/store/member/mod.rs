//! Who belongs to the cluster.
//!
//! [`Members`] is what the log has made of it, the same everywhere. [`check`] is what a leader asks before it proposes a
//! change: that depends on what it sees of the others, and is therefore no part of applying.

mod change;
pub mod check;
mod error;
mod initial;
mod log_level;
#[cfg(test)]
mod tests;
mod url;

use sha1::{Digest, Sha1};

pub use change::{MemberChange, Members};
pub use check::Situation;
pub use error::MemberError;
pub use initial::{InitialCluster, InitialClusterError};
pub use log_level::LogLevel;
pub use url::{PeerUrls, UrlError};

use super::id::{ClusterId, MemberId};

/// How many learners etcd has at the most.
pub const MAX_LEARNERS: usize = 1;
/// How many learners a mesh has at the most: they serve there.
pub const MAX_MESH_LEARNERS: usize = 16;

/// A member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// Its number, never given again.
    pub id: MemberId,
    /// Its name; empty until it has started for the first time.
    pub name: String,
    /// Where other members reach it; sorted.
    pub peer_urls: Vec<String>,
    /// Where clients reach it; empty until it has started.
    pub client_urls: Vec<String>,
    /// It has the data, and no vote.
    pub learner: bool,
    /// Which commands of the log it understands, as it told when it started.
    pub level: LogLevel,
}

impl Member {
    /// One of the first members of a cluster. `token` is `--initial-cluster-token`.
    pub fn first(name: &str, peer_urls: &PeerUrls, token: &str) -> Self {
        Self {
            id: Self::id_of(peer_urls, token, None),
            name: name.to_owned(),
            peer_urls: peer_urls.to_vec(),
            ..Self::default()
        }
    }

    /// A member that joins a cluster which runs. `now_s` is Unix time in seconds.
    pub fn joining(peer_urls: &PeerUrls, learner: bool, now_s: u64) -> Self {
        // etcd has no token here, only the time.
        let id = Self::id_of(peer_urls, "", Some(now_s));
        Self { id, peer_urls: peer_urls.to_vec(), learner, ..Self::default() }
    }

    /// The number that etcd gives: of the SHA-1 of peer URLs, token and, for one that joins, the Unix time in seconds,
    /// the first 8 bytes.
    pub fn id_of(peer_urls: &PeerUrls, token: &str, joined_s: Option<u64>) -> MemberId {
        let mut hash = Sha1::new();
        for url in peer_urls.iter() {
            hash.update(url);
        }
        hash.update(token);
        if let Some(seconds) = joined_s {
            hash.update(seconds.to_string());
        }
        MemberId(first_eight(hash))
    }

    /// Whether it has ever started.
    pub fn is_started(&self) -> bool {
        !self.name.is_empty()
    }
}

/// The number of a cluster that begins with these members, in whatever order.
pub fn cluster_id(members: impl IntoIterator<Item = MemberId>) -> ClusterId {
    let mut ids: Vec<MemberId> = members.into_iter().collect();
    ids.sort_unstable();
    let mut hash = Sha1::new();
    for id in ids {
        hash.update(id.0.to_be_bytes());
    }
    ClusterId(first_eight(hash))
}

fn first_eight(hash: Sha1) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = <[u8; 20]>::from(hash.finalize());
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}
