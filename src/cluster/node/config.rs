//! How a member is set up.

use std::path::PathBuf;
use std::time::Duration;

use crate::cluster::raft::SnapshotRule;
use crate::cluster::store::id::ClusterId;
use crate::cluster::store::member::{InitialCluster, Members};
use crate::cluster::store::watch;

/// How a member is set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its name.
    pub name: String,
    /// Where its files are: `member/wal` and `member/snap` under it, as etcd has them.
    pub data_dir: PathBuf,
    /// What it begins as, if its files are not there yet.
    pub founding: Founding,
    /// Where clients reach it, as it tells the others.
    pub client_urls: Vec<String>,
    /// A heartbeat's interval; etcd's `--heartbeat-interval`, 100 ms.
    pub tick: Duration,
    /// Ticks without a leader after which an election begins; etcd's `--election-timeout` over `--heartbeat-interval`.
    pub election_ticks: u32,
    /// More data is not taken, in bytes; 0: no bound.
    pub quota_bytes: u64,
    /// A larger request is refused, in bytes; etcd's `--max-request-bytes`, 1.5 MiB.
    pub max_request_bytes: usize,
    /// When the log is cut off behind a snapshot.
    pub snapshot: SnapshotRule,
    /// etcd's `--strict-reconfig-check`.
    pub strict_reconfig: bool,
    /// How many learners there may be.
    pub max_learners: usize,
    /// Learners serve what etcd's do not.
    pub learners_serve: bool,
    /// What bounds watches.
    pub watch: watch::Limits,
    /// How long a token of a user lives without being used.
    pub token_ttl: Duration,
    /// The cost of bcrypt.
    pub bcrypt_cost: u32,
}

/// What a member begins as.
#[derive(Clone, Debug)]
pub enum Founding {
    /// One of the first of a new cluster.
    New {
        /// All of them.
        members: InitialCluster,
        /// Tells clusters with the same members apart; etcd's `--initial-cluster-token`.
        token: String,
    },
    /// One that was added to a cluster which runs; it learns all else from the leader.
    Joining {
        /// The members as one of them tells, this one among them.
        members: Members,
        /// Their cluster.
        cluster: ClusterId,
    },
}
