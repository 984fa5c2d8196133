//! Newtypes for ids.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// What a vertex is called: `kind[name]`, unique in a graph.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Label {
    /// The kind, such as `file`.
    pub kind: Arc<str>,
    /// The name that the user gave.
    pub name: Arc<str>,
}

impl Label {
    /// The label of `kind[name]`.
    pub fn new(kind: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        Self { kind: kind.into(), name: name.into() }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{:?}]", self.kind, &*self.name)
    }
}

/// A vertex of the running graph: the index of its slot in the scheduler. A slot is used again only after its
/// vertex has retired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VertexId(pub u32);

impl VertexId {
    /// The slot as an index.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for VertexId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.0)
    }
}

/// Distinguishes the occupants of a slot over time: an answer with another generation than the slot's is stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Generation(pub u32);
