//! What hosts export, for all: files whose content tells of which round it is.

use std::collections::BTreeMap;
use std::sync::Arc;

use mgmt::engine::id::Label;
use mgmt::engine::value::Value;
use mgmt::engine::world::{Audience, Collected, Export, ExportId, HostName};

use crate::hosts::KIND;

/// How many, and how large.
#[derive(clap::Args)]
pub struct Exports {
    #[arg(long, default_value_t = 3000)]
    pub hosts: usize,
    /// Exports of each host
    #[arg(long, default_value_t = 10)]
    pub each: usize,
    /// Bytes of an export's content
    #[arg(long, default_value_t = 300)]
    bytes: usize,
}

impl Exports {
    /// Of all hosts.
    pub fn count(&self) -> usize {
        self.hosts * self.each
    }

    /// What all of a round hold.
    pub fn content(&self, round: usize) -> Value {
        Value::str(format!("{round:0width$}", width = self.bytes))
    }

    /// One of a host's.
    pub fn of(&self, host: &HostName, number: usize, round: usize) -> Export {
        let id = ExportId { to: Audience::All, label: Label::new(KIND, name(host, number)) };
        let params = BTreeMap::from([(Arc::from("content"), self.content(round))]);
        Export { id, params, meta: BTreeMap::new(), ttl: None }
    }
}

/// What one of a host's exports is called.
pub fn name(host: &HostName, number: usize) -> String {
    format!("/srv/{host}/{number}")
}

/// Whether it has arrived with this content.
pub fn holds(collected: &Collected, content: &Value) -> bool {
    match collected {
        Collected::Read { params, .. } => params.get("content") == Some(content),
        Collected::Unreadable { .. } => false,
    }
}
