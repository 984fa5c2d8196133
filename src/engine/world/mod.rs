//! The world: what hosts share with one another.
//!
//! Everything that waits for the network is behind these traits, is async, and has a deadline. Nothing pure can reach
//! it. Whoever follows a part of the world sees the newest state of it, at once from this host's disk while the store is
//! away, with the time since when it is stale.
//!
//! | trait | what |
//! |---|---|
//! | [`Strings`] | texts by name, one for all hosts or one a host |
//! | [`Exports`] | resources that hosts declare for one another |
//! | [`Secrets`] | texts that only this host can read |
//! | [`Directory`] | who is there |
//! | [`Schedule`] | which hosts were chosen for something |
//! | [`Deploys`], [`Blobs`] | graphs for all hosts, and the files that they consist of |

mod deadline;
mod deploys;
mod directory;
mod error;
mod exports;
mod follow;
pub mod gate;
pub mod host_name;
pub mod nowhere;
pub mod rollout;
mod schedule;
mod secrets;
mod strings;

use std::fmt::Debug;
use std::sync::Arc;

pub use deadline::Deadline;
pub use deploys::{
    BadHash, Blobs, ContentHash, Deploy, DeployFile, DeployId, Deploys, HostReport, Passed, Rollout,
    RolloutState, Turn, Upload,
};
pub use directory::{Directory, Duty, HostCard, HostStanding, HostState};
pub use error::WorldError;
pub use exports::{Audience, Collected, CollectedId, Collection, Export, ExportId, Exports};
pub use follow::{Follow, Followed, Seen, follow};
pub use host_name::{BadHostName, HostName};
pub use schedule::{Candidacy, Schedule, Strategy};
pub use secrets::{Secret, SecretState, Secrets};
pub use strings::{Slot, Strings, Texts};

/// What hosts share. One a process; cheap to ask for its parts.
pub trait World: Debug + Send + Sync + 'static {
    /// What this host is called.
    fn host(&self) -> &HostName;

    /// Texts by name.
    fn strings(&self) -> Arc<dyn Strings>;

    /// Secrets that this host may read.
    fn secrets(&self) -> Arc<dyn Secrets>;

    /// Resources that hosts declare for one another.
    fn exports(&self) -> Arc<dyn Exports>;

    /// Who is there.
    fn directory(&self) -> Arc<dyn Directory>;

    /// Which hosts were chosen for something.
    fn schedule(&self) -> Arc<dyn Schedule>;

    /// Graphs for all hosts.
    fn deploys(&self) -> Arc<dyn Deploys>;

    /// The files that deploys consist of.
    fn blobs(&self) -> Arc<dyn Blobs>;
}

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It was so already: nothing was written, and nobody was told.
    Same,
    /// The store has it.
    Stored,
    /// The store is away: it waits on this host's disk, and is written once, in its turn, when the store is back.
    Queued,
}
