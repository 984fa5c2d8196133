//! How a member is set up.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::cluster::raft::SnapshotRule;
use crate::cluster::store::auth::jwt::Jwt;
use crate::cluster::store::id::ClusterId;
use crate::cluster::store::member::{InitialCluster, MAX_MESH_LEARNERS, Members};
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
    /// etcd's `--force-new-cluster`: the others are removed, without being asked.
    pub force_new_cluster: bool,
    /// etcd's `--strict-reconfig-check`.
    pub strict_reconfig: bool,
    /// How many learners there may be.
    pub max_learners: usize,
    /// Learners serve what etcd's do not.
    pub learners_serve: bool,
    /// What bounds watches.
    pub watch: watch::Limits,
    /// Signs users' tokens; `None`: they are letters that the members remember.
    pub jwt: Option<Arc<Jwt>>,
    /// How long a token of a user lives without being used.
    pub token_ttl: Duration,
    /// The cost of bcrypt.
    pub bcrypt_cost: u32,
    /// How often a leader compares the others' data with its own; `None`: never. etcd's
    /// `--experimental-corrupt-check-time`.
    pub compare_every: Option<Duration>,
    /// Compare with the others before anything is served; etcd's `--experimental-initial-corrupt-check`.
    pub compare_at_start: bool,
}

/// More data than this a mesh does not hold, in bytes: what etcd's documents name as the most that is sensible.
const MESH_QUOTA_BYTES: u64 = 8 << 30;
/// The log's growth after which a mesh's members make a snapshot, in bytes; or more, when a snapshot is larger.
const MESH_SNAPSHOT_BYTES: u64 = 256 << 20;
/// How often a mesh's leader compares what the members hold.
const MESH_COMPARE_EVERY: Duration = Duration::from_secs(60 * 60);

impl Config {
    /// A mesh's member: etcd's heartbeats, elections and bounds; learners serve, and there may be sixteen.
    pub fn mesh(name: String, data_dir: PathBuf, founding: Founding, client_urls: Vec<String>) -> Self {
        Self {
            name,
            data_dir,
            founding,
            client_urls,
            tick: Duration::from_millis(100),
            election_ticks: 10,
            quota_bytes: MESH_QUOTA_BYTES,
            max_request_bytes: 1536 * 1024,
            snapshot: SnapshotRule::Bytes(MESH_SNAPSHOT_BYTES),
            force_new_cluster: false,
            strict_reconfig: true,
            max_learners: MAX_MESH_LEARNERS,
            learners_serve: true,
            watch: watch::Limits::default(),
            jwt: None,
            token_ttl: Duration::from_secs(300),
            bcrypt_cost: 10,
            compare_every: Some(MESH_COMPARE_EVERY),
            compare_at_start: false,
        }
    }
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
