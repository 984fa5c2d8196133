//! A resource that is there for other hosts as well: it is exported once it has been applied here.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::BoxFuture;

use crate::engine::cx::Cx;
use crate::engine::declaration::Declaration;
use crate::engine::drift::{Drift, DriftItem, Shown, Weight};
use crate::engine::kind::Kind;
use crate::engine::params::{ParamError, Params};
use crate::engine::resource::{Found, Outputs, Resource, ResourceError, Wakes};
use crate::engine::world::{Audience, Deadline, Export};

/// An export that the store has not taken by then has failed. A store that is away takes it to disk at once, and one
/// whose leader has died has another within this time.
const EXPORT_WAIT: Duration = Duration::from_secs(5);

/// What differs is that others do not see it, or see it otherwise.
const EXPORTED: &str = "exported";

/// It was asked to end while it waited for the store.
#[derive(Debug, thiserror::Error)]
#[error("cancelled before the store had answered")]
struct Cancelled;

/// A resource and what others see of it.
#[derive(Debug)]
pub(super) struct Exported {
    /// `None`: it is hidden, and only for others.
    inner: Option<Box<dyn Resource>>,
    exports: Vec<Export>,
    here: Mutex<Here>,
}

/// What one call tells the next.
#[derive(Debug, Default)]
struct Here {
    /// What is sent, if the last check found that nothing differs here.
    right: Option<Outputs>,
    /// What was put right here in a run that then failed to export: it is still to be told, for whom it refreshes.
    owed: Drift,
}

impl Exported {
    /// The resource of a declaration that is exported or hidden. What is hidden is not built: only those who collect
    /// it judge it.
    pub fn build(kind: &Arc<dyn Kind>, declaration: &Declaration) -> Result<Self, Vec<ParamError>> {
        let inner = if declaration.meta.hidden { None } else { Some(kind.build(declaration)?) };
        Ok(Self { inner, exports: declaration.exports(), here: Mutex::default() })
    }

    fn here(&self) -> MutexGuard<'_, Here> {
        self.here.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn export(&self, cx: &Cx) -> Result<(), ResourceError> {
        let exports = cx.world().exports();
        for export in self.exports.iter().filter(|export| !exports.is_exported(export)) {
            tokio::select! {
                written = exports.export(export, Deadline::after(EXPORT_WAIT)) => drop(written?),
                () = cx.cancel.cancelled() => return Err(ResourceError::transient(Cancelled)),
            }
        }
        Ok(())
    }
}

/// What is still to be told.
fn missing(export: &Export) -> DriftItem {
    let to = match &export.id.to {
        Audience::All => "to every host".to_owned(),
        Audience::Host(host) => format!("to {host}"),
    };
    let (found, wanted) = (Shown::text("not yet"), Shown::text(to));
    DriftItem { member: 0, what: EXPORTED, found, wanted, weight: Weight::Aside }
}

#[async_trait]
impl Resource for Exported {
    async fn watch(&self, cx: &Cx) -> Result<Wakes, ResourceError> {
        match &self.inner {
            Some(inner) => inner.watch(cx).await,
            None => Ok(Wakes::never()),
        }
    }

    async fn check(&self, cx: &Cx) -> Result<Found, ResourceError> {
        let mut found = match &self.inner {
            Some(inner) => inner.check(cx).await?,
            None => Found::nothing(),
        };
        let mut here = self.here();
        here.right = found.drift.is_empty().then(|| found.outputs.clone());
        if here.right.is_some() {
            found.drift = here.owed.clone();
        }
        let exports = cx.world().exports();
        for export in self.exports.iter().filter(|export| !exports.is_exported(export)) {
            found.drift.push(missing(export));
        }
        Ok(found)
    }

    async fn apply(&self, cx: &Cx, drift: Drift) -> Result<Outputs, ResourceError> {
        let right = self.here().right.take();
        let outputs = match (right, &self.inner) {
            (None, Some(inner)) => {
                let (_, differs) = drift.partition(|item| item.what == EXPORTED);
                let outputs = inner.apply(cx, differs.clone()).await?;
                self.here().owed = differs;
                outputs
            }
            (right, _) => right.unwrap_or_default(),
        };
        self.export(cx).await?;
        self.here().owed = Drift::none();
        Ok(outputs)
    }

    async fn diff(&self, cx: &Cx, drift: &Drift) -> Result<Option<String>, ResourceError> {
        let (_, here) = drift.clone().partition(|item| item.what == EXPORTED);
        match &self.inner {
            Some(inner) if !here.is_empty() => inner.diff(cx, &here).await,
            _ => Ok(None),
        }
    }

    async fn undo(&self, cx: &Cx) -> Result<Option<Params>, ResourceError> {
        match &self.inner {
            Some(inner) => inner.undo(cx).await,
            None => Ok(None),
        }
    }

    fn leave(&self, cx: &Cx) -> Option<BoxFuture<'static, ()>> {
        self.inner.as_ref()?.leave(cx)
    }
}
