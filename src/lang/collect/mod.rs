//! What a text brings in from other hosts: exports become vertices of its graph.
//!
//! A text is parsed once, to a [`Draft`]. A [`Gatherer`] adds what reaches this host to a copy of the draft's graph,
//! each time that changes: then only what is new is looked at. Pure, but for [`Inflow`], which follows the world.

mod adopt;
mod gatherer;
mod inflow;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use adopt::{Refusal, adopt};
pub use gatherer::Gatherer;
pub use inflow::Inflow;

use super::diag::Diagnostic;
use crate::engine::graph::secrets;
use crate::engine::world::Collection;
use crate::engine::{Graph, Origin};

/// The kind whose exports are laid under a directory.
pub const FILE: &str = "file";

/// A wish to collect.
#[derive(Clone, Debug)]
pub struct Collect {
    /// The exports of this kind.
    pub kind: Arc<str>,
    /// For files: the absolute directory under which each is laid by the base name of its path.
    pub under: Option<Arc<str>>,
    /// Of hosts whose names are like this one only; `None`: of all.
    pub from: Option<Arc<str>>,
    /// Where it is written.
    pub origin: Origin,
}

/// A graph as a text has it, without what it collects.
#[derive(Debug)]
pub struct Draft {
    /// Acyclic.
    pub graph: Graph,
    /// At most about a hundred.
    pub warnings: Vec<Diagnostic>,
    /// What is to be collected, in the order of the text.
    pub collects: Vec<Collect>,
}

impl Draft {
    /// A graph as a text says it, in which whoever receives a secret keeps it.
    pub fn new(mut graph: Graph, warnings: Vec<Diagnostic>, collects: Vec<Collect>) -> Self {
        secrets::follow(&mut graph);
        Self { graph, warnings, collects }
    }

    /// The kinds that are collected.
    pub fn kinds(&self) -> BTreeSet<Arc<str>> {
        self.collects.iter().map(|collect| collect.kind.clone()).collect()
    }
}

/// What reaches this host, by kind.
pub type Collections = BTreeMap<Arc<str>, Collection>;
