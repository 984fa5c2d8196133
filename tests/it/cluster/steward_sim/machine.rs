//! A host: its process, its disk, its wishes.

use mgmt::cluster::mesh::steward::{DataDir, Volunteers};

/// A host as it really is.
#[derive(Clone, Debug)]
pub struct Machine {
    pub zone: String,
    /// The agent runs.
    pub running: bool,
    /// Nobody reaches it.
    pub cut: bool,
    /// Its store runs.
    pub serving: bool,
    /// Its store does not start.
    pub broken: bool,
    pub disk: DataDir,
    pub volunteers: Volunteers,
    /// Its disk has room for a store.
    pub roomy: bool,
    pub peer: String,
    /// It is to leave the mesh.
    pub leaves: bool,
    /// It has left.
    pub gone: bool,
    /// Which run of the agent.
    pub instance: u64,
    /// Counts the times at which it became unreachable.
    pub absences: u64,
}

impl Machine {
    pub fn is_reached(&self) -> bool {
        self.running && !self.cut
    }
}
