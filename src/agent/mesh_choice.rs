//! What the command line says about the mesh.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::cluster::etcd::serve::Address;
use crate::cluster::identity::{HOST_VALIDITY, JoinToken};
use crate::cluster::link::Endpoint;
use crate::cluster::mesh::{Options, Security, Volunteer};
use crate::cluster::peer::PeerTlsFiles;
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
    /// Connections without TLS.
    pub insecure: bool,
    /// With what it joins a mesh with TLS.
    pub token: Option<Arc<JoinToken>>,
    /// How long certificates are good that this host issues; `None`: a week.
    pub validity: Option<Duration>,
    /// With what TLS is spoken with an etcd that stands in for the store.
    pub etcd_tls: Option<PeerTlsFiles>,
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

    /// Where others may be.
    pub fn seeds(&self) -> Vec<Endpoint> {
        let seeds = self.seeds.iter().cloned();
        if self.insecure { seeds.map(Endpoint::without_tls).collect() } else { seeds.collect() }
    }

    /// For an agent with this folder.
    pub fn options(&self, prefix: &Path) -> Options {
        Options {
            host: self.host(),
            zone: self.zone.clone(),
            labels: self.labels.clone(),
            seeds: self.seeds(),
            listen: self.listen.clone(),
            advertise: self.advertise.clone(),
            volunteer: self.volunteer,
            no_network: self.no_network,
            folder: prefix.join("mesh"),
            security: match self.insecure {
                true => Security::Plain { prefix: prefix.to_owned() },
                false => Security::Tls {
                    prefix: prefix.to_owned(),
                    token: self.token.clone(),
                    validity: self.validity.unwrap_or(HOST_VALIDITY),
                },
            },
            etcd_tls: self.etcd_tls.clone(),
            at_once: !self.seeds.is_empty()
                || self.token.is_some()
                || !self.listen.is_empty()
                || self.volunteer == Volunteer::Prefers,
        }
    }
}
