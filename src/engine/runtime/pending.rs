//! What noop has left as it was.

use std::collections::HashMap;
use std::sync::Arc;

use super::driver::Driver;
use crate::engine::cx::{Cancel, Cx};
use crate::engine::declaration::Declaration;
use crate::engine::drift::Drift;
use crate::engine::id::VertexId;
use crate::engine::resource::{Resource, ResourceError};

/// What noop has left of one vertex, or of those that would be put right together, with the means to show it in full.
#[derive(Debug)]
pub struct Pending {
    /// What is declared, as the resource knows it.
    pub members: Vec<Declaration>,
    /// What differs; empty: known only once its predecessors have been applied.
    pub drift: Drift,
    /// Those of a group of which it is known only once their predecessors have been applied.
    pub unknown: Vec<u32>,
    resource: Arc<dyn Resource>,
    cx: Cx,
}

impl Pending {
    /// A unified diff, where there is one and no part of it is sensitive.
    ///
    /// # Errors
    /// When the system cannot be read.
    pub async fn diff(&self) -> Result<Option<String>, ResourceError> {
        let masked = self.members.iter().any(|member| {
            member.meta.sensitive.iter().any(|param| matches!(&**param, "content" | "source" | "fragments"))
        });
        if masked || self.drift.is_empty() {
            Ok(None)
        } else {
            self.resource.diff(&self.cx, &self.drift).await
        }
    }

    fn add(&mut self, member: u32, noted: &Drift) {
        if noted.is_empty() {
            self.unknown.push(member);
        }
        self.drift.join(member, noted);
    }
}

impl Driver {
    /// All differences that noop has left.
    pub(super) fn pending(&self) -> Vec<Pending> {
        let mut all: Vec<Pending> = Vec::new();
        // Where those of a team are, by its first.
        let mut teams: HashMap<VertexId, usize> = HashMap::new();
        for (_, entry) in self.roster.present() {
            let Some(noted) = entry.ledger.noted.as_deref() else { continue };
            let (team, member) = match &entry.team {
                Some((team, member)) => (Some(team), *member),
                None => (None, 0),
            };
            let at = *team.map_or(&mut all.len(), |team| teams.entry(team.ids[0]).or_insert(all.len()));
            if at == all.len() {
                let mut cx = Cx::new(entry.surroundings.clone(), Cancel::default());
                cx.noop = true;
                let members = team.map_or_else(|| entry.vertex.members.clone(), |team| team.members.clone());
                let (resource, drift) = (entry.resource.clone(), Drift::none());
                all.push(Pending { members, drift, unknown: Vec::new(), resource, cx });
            }
            all[at].add(member, noted);
        }
        all
    }
}
