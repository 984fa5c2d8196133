//! What noop has left as it was.

use std::sync::Arc;

use super::driver::Driver;
use crate::engine::cx::{Cancel, Cx};
use crate::engine::drift::Drift;
use crate::engine::graph::Vertex;
use crate::engine::resource::{Resource, ResourceError};

/// A difference that noop has left, with the means to show it in full.
#[derive(Debug)]
pub struct Pending {
    /// The vertex.
    pub vertex: Arc<Vertex>,
    /// What differs; empty: known only once its predecessors have been applied.
    pub drift: Drift,
    resource: Arc<dyn Resource>,
    cx: Cx,
}

impl Pending {
    /// A unified diff, where there is one and no part of it is sensitive.
    ///
    /// # Errors
    /// When the system cannot be read.
    pub async fn diff(&self) -> Result<Option<String>, ResourceError> {
        let masked = self.vertex.members.iter().any(|member| {
            member.meta.sensitive.iter().any(|param| matches!(&**param, "content" | "source" | "fragments"))
        });
        if masked { Ok(None) } else { self.resource.diff(&self.cx, &self.drift).await }
    }
}

impl Driver {
    /// All differences that noop has left.
    pub(super) fn pending(&self) -> Vec<Pending> {
        let differing = self.roster.present().filter_map(|(_, entry)| {
            let drift = entry.ledger.noted.as_deref()?.clone();
            let mut cx = Cx::new(entry.surroundings.clone(), Cancel::default());
            cx.noop = true;
            Some(Pending { vertex: entry.vertex.clone(), drift, resource: entry.resource.clone(), cx })
        });
        differing.collect()
    }
}
