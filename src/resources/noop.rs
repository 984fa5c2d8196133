//! The kind `noop`: does nothing.

use std::sync::Arc;

use async_trait::async_trait;

use super::doc_of;
use crate::engine::entry::Entry;
use crate::engine::{
    Capabilities, Cx, Declaration, Drift, Found, Kind, KindDoc, Outputs, ParamError, Resource, ResourceError,
};

crate::entry! {
    /// Does nothing, successfully.
    ///
    /// It is a point to order others by: edges may lead to it and from it. A refresh that reaches it goes no further.
    ///
    /// ```yaml
    /// resources:
    ///   noop:
    ///   - name: database ready
    ///     comment: everything below needs the database
    /// ```
    pub struct NoopParams {
        /// Of no effect.
        comment: Arc<str>,
    }
}

/// The kind `noop`.
#[derive(Debug)]
pub struct NoopKind(KindDoc);

impl NoopKind {
    /// The kind.
    #[expect(clippy::new_without_default, reason = "kinds are made in one way")]
    pub fn new() -> Self {
        Self(doc_of::<NoopParams>("noop", Vec::new()))
    }
}

impl Kind for NoopKind {
    fn describe(&self) -> &KindDoc {
        &self.0
    }

    fn build(&self, declaration: &Declaration) -> Result<Box<dyn Resource>, Vec<ParamError>> {
        NoopParams::decode(&declaration.params)?;
        Ok(Box::new(NoopResource))
    }

    fn capabilities(&self, _: &Declaration) -> Capabilities {
        Capabilities { group: Some("".into()), refreshable: true, unwatched: true, ..Capabilities::default() }
    }

    fn group(&self, members: &[Declaration]) -> Result<Box<dyn Resource>, Vec<ParamError>> {
        for member in members {
            NoopParams::decode(&member.params)?;
        }
        Ok(Box::new(NoopResource))
    }
}

#[derive(Debug)]
struct NoopResource;

#[async_trait]
impl Resource for NoopResource {
    async fn check(&self, cx: &Cx) -> Result<Found, ResourceError> {
        if cx.refresh {
            tracing::debug!(resource = %cx.label(), "refreshed");
        }
        Ok(Found::nothing())
    }

    async fn apply(&self, _: &Cx, _: Drift) -> Result<Outputs, ResourceError> {
        Ok(Outputs::none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Value;
    use crate::resources::testing::{Bench, capabilities, refused};

    #[tokio::test]
    async fn nothing_ever_differs_not_even_on_a_refresh() {
        let (bench, kind) = (Bench::new(), NoopKind::new());
        let subject = bench.build(&kind, "a", &[("comment", Value::str("why"))]);
        assert!(subject.run().await.drift.is_empty());
        assert!(subject.refresh().await.drift.is_empty());
        let group = bench.group(&kind, &[("a", &[]), ("b", &[])]);
        assert!(group.run().await.drift.is_empty());
    }

    #[test]
    fn all_group_with_one_another_and_a_wrong_comment_is_refused() {
        let kind = NoopKind::new();
        let (one, other) = (capabilities(&kind, "a", &[]), capabilities(&kind, "b", &[]));
        assert!(one.group.is_some() && one.group == other.group && one.unwatched && one.refreshable);
        assert_eq!(refused(&kind, "a", &[("comment", Value::Int(1))])[0].param, Some("comment"));
    }
}
