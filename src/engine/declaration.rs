//! A resource as a frontend declares it.

use std::sync::Arc;

use super::id::Label;
use super::meta::Meta;
use super::origin::Origin;
use super::params::Params;

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
    /// Where it stands; `None`: made by mgmt itself, such as an undo.
    pub origin: Option<Origin>,
}

impl PartialEq for Declaration {
    fn eq(&self, other: &Self) -> bool {
        self.label == other.label
            && self.params == other.params
            && (Arc::ptr_eq(&self.meta, &other.meta) || self.meta == other.meta)
            && self.receives == other.receives
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
}

impl Declaration {
    /// A declaration with default meta-parameters.
    pub fn new(label: Label, params: Params) -> Self {
        Self { label, params, meta: Meta::shared_default(), receives: Vec::new(), origin: None }
    }
}
