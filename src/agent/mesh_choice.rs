//! What the command line says about the mesh.

use std::collections::BTreeMap;
use std::path::Path;

use crate::cluster::etcd::serve::Address;
use crate::cluster::link::Endpoint;
use crate::cluster::mesh::{Options, Security, Volunteer};
use crate::engine::world::HostName;

/// What the command line says about the mesh.
#[derive(Clone, Debug, Default)]
pub struct MeshChoice {
    /// What this host is called; `None`: as the machine.
    pub hostname: Option<HostName>,
    /// Its failure domain.
    pub zone: String,
    /// What its administrator says of it.
    pub labels: BTreeMap<String, String>,
    /// Where others may be.
    pub seeds: Vec<Endpoint>,
    /// Where to listen.
    pub listen: Vec<Address>,
    /// Where others reach it.
    pub advertise: Vec<String>,
    /// Whether it may carry the store.
    pub volunteer: Volunteer,
    /// No TCP port is opened.
    pub no_network: bool,
    /// Agents on the same machine are not looked for.
    pub no_join: bool,
    /// It leaves for good when it ends.
    pub leaves: bool,
}

impl MeshChoice {
    /// What this host is called.
    pub fn host(&self) -> HostName {
        self.hostname.clone().unwrap_or_else(super::this_host::name)
    }

    /// The name, if it is not the machine's own: then the agent's folders are its own, too.
    pub fn own_name(&self) -> Option<&HostName> {
        self.hostname.as_ref().filter(|name| **name != super::this_host::name())
    }

    /// For an agent with this folder.
    pub fn options(&self, prefix: &Path) -> Options {
        Options {
            host: self.host(),
            zone: self.zone.clone(),
            labels: self.labels.clone(),
            seeds: self.seeds.clone(),
            listen: self.listen.clone(),
            advertise: self.advertise.clone(),
            volunteer: self.volunteer,
            no_network: self.no_network,
            folder: prefix.join("mesh"),
            security: Security::Plain,
            etcd_tls: None,
            at_once: !self.seeds.is_empty()
                || !self.listen.is_empty()
                || self.volunteer == Volunteer::Prefers,
        }
    }
}
