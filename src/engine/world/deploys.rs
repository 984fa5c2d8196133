//! Graphs for all hosts, and the files that they consist of.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Deadline, Follow, HostName, WorldError};

/// The SHA-256 of some content; as text, 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ContentHash(pub [u8; 32]);

/// A text that is no hash.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no SHA-256: 64 hexadecimal digits")]
pub struct BadHash(String);

impl ContentHash {
    /// Of this content.
    pub fn of(content: &[u8]) -> Self {
        Self(Sha256::digest(content).into())
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for ContentHash {
    type Err = BadHash;

    fn from_str(text: &str) -> Result<Self, BadHash> {
        let bad = || BadHash(text.to_owned());
        let mut hash = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return Err(bad());
        }
        for (at, byte) in hash.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).map_err(|_| bad())?;
        }
        Ok(Self(hash))
    }
}

impl TryFrom<String> for ContentHash {
    type Error = BadHash;

    fn try_from(text: String) -> Result<Self, BadHash> {
        text.parse()
    }
}

impl From<ContentHash> for String {
    fn from(hash: ContentHash) -> Self {
        hash.to_string()
    }
}

/// The number of a deploy: 1, 2, 3 and so on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeployId(pub u64);

impl fmt::Display for DeployId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // As a number, so that it can be aligned like one.
        fmt::Display::fmt(&self.0, f)
    }
}

/// A file of a deploy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeployFile {
    /// Where, below the deploy's folder; neither absolute nor with `..`.
    pub path: String,
    /// Its permission bits.
    pub mode: u32,
    /// How long it is, in bytes.
    pub size: u64,
    /// Its content, in order, in chunks.
    pub chunks: Vec<ContentHash>,
}

/// A graph for all hosts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deploy {
    /// Its number.
    pub id: DeployId,
    /// The hash of the deploy before it; `None`: it is the first.
    pub parent: Option<ContentHash>,
    /// Which of its files is the graph.
    pub entry: String,
    /// All its files.
    pub files: Vec<DeployFile>,
    /// Who made it, as its host says.
    pub author: String,
    /// When, in seconds since 1970.
    pub made_at_s: u64,
    /// What it is for, in its author's words.
    pub message: String,
    /// What a newer version has added.
    #[serde(flatten)]
    pub unknown: BTreeMap<String, serde_json::Value>,
}

/// How far a deploy goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollout {
    /// The deploy that goes out.
    pub deploy: DeployId,
    /// The deploy of all hosts that it has not reached; `None`: those run nothing.
    pub before: Option<DeployId>,
    /// The rollout that counts for those hosts in place of `before`, if they do not all run the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beneath: Option<Box<Rollout>>,
    /// How many hosts run it, in percent.
    pub percent: u8,
    /// Labels that a host must have to run it.
    pub only: BTreeMap<String, String>,
    /// Whether it goes on by itself.
    pub state: RolloutState,
    /// The steps that are left, in percent.
    pub steps: Vec<u8>,
    /// How long each step is looked at, in seconds.
    pub soak_s: u64,
    /// What must hold to go on.
    pub gate: Option<String>,
    /// What a newer version has added.
    #[serde(flatten)]
    pub unknown: BTreeMap<String, serde_json::Value>,
}

/// Whether a rollout goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "is")]
pub enum RolloutState {
    /// It goes on when its time has come.
    Running,
    /// Somebody stopped it for now.
    Paused,
    /// It is rolled back: no host runs it any more.
    Aborted {
        /// Why.
        why: String,
    },
    /// Every host that it is for runs it.
    Done,
}

/// What a host says of the deploy that it runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostReport {
    /// Which deploy it is to run; `None`: none.
    #[serde(default)]
    pub wanted: Option<DeployId>,
    /// Which one it runs; `None`: none.
    pub deploy: Option<DeployId>,
    /// Its graph has converged.
    pub converged: bool,
    /// How many vertices have failed.
    pub failed: u32,
    /// Why the one that it is to run cannot be run at all.
    pub broken: Option<String>,
    /// When it was so, in seconds since 1970.
    pub at_s: u64,
}

/// By which rollout a host went last. It never goes back behind it, unless somebody who may has signed that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passed {
    /// The deploy that went out.
    pub id: DeployId,
    /// When that was made, in seconds since 1970.
    pub at_s: u64,
}

/// What a host is about to do, for [`Deploys::permit`].
#[derive(Clone, Copy, Debug)]
pub struct Turn<'t> {
    /// How far the newest deploy goes.
    pub rollout: &'t Rollout,
    /// Which deploy this host is to run by that; `None`: none.
    pub due: Option<DeployId>,
    /// The host's labels.
    pub labels: &'t BTreeMap<String, String>,
    /// By which rollout it went last; `None`: by none.
    pub last: Option<Passed>,
}

/// Graphs for all hosts.
#[async_trait]
pub trait Deploys: fmt::Debug + Send + Sync {
    /// Stores a deploy as the next one: its number must be one more than that of the newest, and its parent that one's
    /// hash, unless `force`. Its chunks are stored already, by this upload, which ends; `None`: an older deploy names them.
    async fn add(
        &self,
        deploy: &Deploy,
        rollout: &Rollout,
        upload: Option<&Upload>,
        force: bool,
        by: Deadline,
    ) -> Result<(), WorldError>;

    /// All deploys, oldest first.
    async fn list(&self, by: Deadline) -> Result<Vec<Arc<Deploy>>, WorldError>;

    /// A deploy.
    async fn get(&self, id: DeployId, by: Deadline) -> Result<Arc<Deploy>, WorldError>;

    /// Follows how far the newest deploy goes.
    fn rollout(&self) -> Follow<Option<Arc<Rollout>>>;

    /// Changes how far the newest deploy goes, if it still is `from`; `false`: it is not.
    async fn roll(&self, from: &Rollout, to: &Rollout, by: Deadline) -> Result<bool, WorldError>;

    /// Whether this host may take a turn; returns what it then went by last. Where nothing is signed it may take any, and need
    /// remember nothing: `None`.
    ///
    /// # Errors
    /// Why not; or when the store does not answer.
    async fn permit(&self, turn: Turn<'_>, by: Deadline) -> Result<Option<Passed>, WorldError> {
        let _ = (turn, by);
        Ok(None)
    }

    /// Says what this host makes of its deploy; told again only when it differs. `None`: it follows no deploys, and what it
    /// said when it did is taken back.
    fn report(&self, report: Option<&HostReport>);

    /// Follows what hosts say.
    fn reports(&self) -> Follow<Arc<BTreeMap<HostName, HostReport>>>;
}

/// Chunks that are being stored for a deploy that does not name them yet: while it lasts, no chunk is removed. It ends with
/// the deploy, or with this host's lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload(pub String);

/// Content by its hash.
#[async_trait]
pub trait Blobs: fmt::Debug + Send + Sync {
    /// The longest content that is stored in one piece, in bytes.
    fn chunk_bytes(&self) -> usize;

    /// Begins to store chunks for a deploy. Only then may be asked which are missing.
    async fn begin_upload(&self, by: Deadline) -> Result<Upload, WorldError>;

    /// Which of these are not stored yet.
    async fn missing(&self, hashes: &[ContentHash], by: Deadline) -> Result<Vec<ContentHash>, WorldError>;

    /// Stores a chunk.
    async fn put(&self, content: Bytes, by: Deadline) -> Result<ContentHash, WorldError>;

    /// A chunk; what does not match its hash is an error.
    async fn get(&self, hash: &ContentHash, by: Deadline) -> Result<Bytes, WorldError>;

    /// Removes what no deploy names; how many chunks. None while anybody uploads: whoever ends last does it.
    async fn collect_garbage(&self, by: Deadline) -> Result<usize, WorldError>;
}
