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
    /// A unified diff, where there is one and nothing of what is declared is sensitive: it may be in any line.
    ///
    /// # Errors
    /// When the system cannot be read.
    pub async fn diff(&self) -> Result<Option<String>, ResourceError> {
        let masked = self.members.iter().any(|member| !member.meta.sensitive.is_empty());
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

#[cfg(test)]
mod tests {
    use async_trait::async_trait;

    use super::*;
    use crate::engine::cx::{Control, Done, Surroundings, Waker};
    use crate::engine::drift::Shown;
    use crate::engine::id::Label;
    use crate::engine::world::nowhere::Nowhere;
    use crate::engine::{Found, Outputs, Params, Wakes};

    #[derive(Debug)]
    struct Shows;

    #[async_trait]
    impl Resource for Shows {
        async fn watch(&self, _: &Cx) -> Result<Wakes, ResourceError> {
            unreachable!("nothing is watched")
        }

        async fn check(&self, _: &Cx) -> Result<Found, ResourceError> {
            unreachable!("nothing is checked")
        }

        async fn apply(&self, _: &Cx, _: Drift) -> Result<Outputs, ResourceError> {
            unreachable!("nothing is applied")
        }

        async fn diff(&self, _: &Cx, _: &Drift) -> Result<Option<String>, ResourceError> {
            Ok(Some("+the secret".to_owned()))
        }
    }

    impl Control for Shows {
        fn exit(&self, _: u8) {}

        fn facts_changed(&self, _: Done) {}
    }

    #[tokio::test]
    async fn a_diff_is_shown_unless_a_parameter_of_any_name_is_sensitive() {
        for (sensitive, shown) in [(None, Some("+the secret".to_owned())), (Some("settings"), None)] {
            let label = Label::new("toy", "a");
            let mut member = Declaration::new(label.clone(), Params::new());
            Arc::make_mut(&mut member.meta).sensitive.extend(sensitive.map(Arc::from));
            let surroundings = Surroundings {
                label,
                prefix: Arc::from(std::path::Path::new("/nowhere")),
                waker: Waker::new(|_| {}),
                world: Nowhere::of("here".parse().unwrap()),
                control: Arc::new(Shows),
            };
            let mut drift = Drift::none();
            drift.add("settings", Shown::Absent, Shown::text("9 bytes"));
            let cx = Cx::new(Arc::new(surroundings), Cancel::default());
            let (members, unknown) = (vec![member], Vec::new());
            let pending = Pending { members, drift, unknown, resource: Arc::new(Shows), cx };
            assert_eq!(pending.diff().await.unwrap(), shown);
        }
    }
}
