//! A resource as a frontend declares it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::entry::Entry as _;
use super::id::Label;
use super::meta::Meta;
use super::origin::Origin;
use super::params::Params;
use super::world::{Export, ExportId};

/// One resource as declared. Equal declarations are the same vertex across a swap; where in the text they stand does
/// not matter.
#[derive(Clone, Debug)]
pub struct Declaration {
    /// `kind[name]`.
    pub label: Label,
    /// What the user gave.
    pub params: Params,
    /// Meta-parameters.
    pub meta: Arc<Meta>,
    /// Parameters whose values come from other vertices.
    pub receives: Vec<Receive>,
    /// What it is called where it is exported to; `None`: as here.
    pub exported_as: Option<Arc<str>>,
    /// Where it stands; `None`: made by mgmt itself, such as an undo.
    pub origin: Option<Origin>,
}

impl PartialEq for Declaration {
    fn eq(&self, other: &Self) -> bool {
        self.label == other.label
            && self.params == other.params
            && (Arc::ptr_eq(&self.meta, &other.meta) || self.meta == other.meta)
            && self.receives == other.receives
            && self.exported_as == other.exported_as
    }
}

/// A parameter whose value another vertex sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receive {
    /// The receiver's parameter.
    pub param: &'static str,
    /// The sender.
    pub from: Label,
    /// The name under which it sends.
    pub key: Arc<str>,
    /// The parameter is a map, and only what it holds under this is received; `None`: all of it.
    pub entry: Option<Arc<str>>,
}

impl Declaration {
    /// A declaration with default meta-parameters.
    pub fn new(label: Label, params: Params) -> Self {
        Self {
            label,
            params,
            meta: Meta::shared_default(),
            receives: Vec::new(),
            exported_as: None,
            origin: None,
        }
    }

    /// What it is called among exports: one a host for which it is.
    pub fn export_ids(&self) -> BTreeSet<ExportId> {
        let name = self.exported_as.as_ref().unwrap_or(&self.label.name);
        let label = || Label { kind: self.label.kind.clone(), name: name.clone() };
        // A name that is none was refused with the meta-parameters.
        let audiences = self.meta.export.iter().filter_map(|host| host.parse().ok());
        audiences.map(|to| ExportId { to, label: label() }).collect()
    }

    /// What others see of it: one export a host for which it is.
    pub fn exports(&self) -> Vec<Export> {
        let ids = self.export_ids();
        if ids.is_empty() {
            return Vec::new();
        }
        let owned = |params: &Params| {
            params.iter().map(|(name, value)| (Arc::from(name), value.clone())).collect::<BTreeMap<_, _>>()
        };
        let params = owned(&self.params);
        let mut meta = owned(&self.meta.to_params());
        // Those are about this host.
        meta.retain(|name, _| !matches!(&**name, "export" | "hidden"));
        let export = |id| Export { id, params: params.clone(), meta: meta.clone(), ttl: None };
        ids.into_iter().map(export).collect()
    }
}
