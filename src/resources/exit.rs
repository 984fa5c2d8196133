//! The kind `exit`: ends the agent.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;

use super::doc_of;
use crate::engine::drift::Shown;
use crate::engine::entry::Entry;
use crate::engine::{
    Capabilities, Cx, Declaration, Drift, Found, Kind, KindDoc, Outputs, ParamError, Resource, ResourceError,
};

crate::entry! {
    /// Shuts the agent down with an exit code, once all that it comes after has succeeded.
    ///
    /// It is as if ^C were pressed: nothing new starts, what runs is finished. Order it behind what is to be done
    /// before.
    ///
    /// ```yaml
    /// resources:
    ///   exit:
    ///   - name: all is done
    ///     code: 0
    /// ```
    pub struct ExitParams {
        /// The exit code, 0 to 125.
        code: u8 = 0,
    }
}

/// Shells give those above a meaning of their own.
const HIGHEST: u8 = 125;

/// The kind `exit`.
#[derive(Debug)]
pub struct ExitKind(KindDoc);

impl ExitKind {
    /// The kind.
    #[expect(clippy::new_without_default, reason = "kinds are made in one way")]
    pub fn new() -> Self {
        Self(doc_of::<ExitParams>("exit", Vec::new()))
    }
}

impl Kind for ExitKind {
    fn describe(&self) -> &KindDoc {
        &self.0
    }

    fn build(&self, declaration: &Declaration) -> Result<Box<dyn Resource>, Vec<ParamError>> {
        let params = ExitParams::decode(&declaration.params)?;
        if params.code > HIGHEST {
            let error = ParamError::at("code", format!("{} is out of range: 0 to {HIGHEST}", params.code))
                .hint("shells use the codes above for themselves");
            return Err(vec![error]);
        }
        Ok(Box::new(ExitResource { code: params.code, asked: AtomicBool::new(false) }))
    }

    fn capabilities(&self, _: &Declaration) -> Capabilities {
        Capabilities { unwatched: true, ..Capabilities::default() }
    }
}

#[derive(Debug)]
struct ExitResource {
    code: u8,
    asked: AtomicBool,
}

#[async_trait]
impl Resource for ExitResource {
    async fn check(&self, _: &Cx) -> Result<Found, ResourceError> {
        let mut drift = Drift::none();
        if !self.asked.load(Ordering::SeqCst) {
            drift.add("code", Shown::text("running"), Shown::text(format!("exit with {}", self.code)));
        }
        Ok(Found::drift(drift))
    }

    async fn apply(&self, cx: &Cx, _: Drift) -> Result<Outputs, ResourceError> {
        self.asked.store(true, Ordering::SeqCst);
        cx.exit(self.code);
        Ok(Outputs::none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Value;
    use crate::resources::testing::{Bench, refused};

    #[tokio::test]
    async fn the_agent_is_asked_to_exit_once_and_never_under_noop() {
        let (bench, kind) = (Bench::new(), ExitKind::new());
        let subject = bench.build(&kind, "x", &[("code", Value::Int(42))]);
        assert_eq!(subject.noop().await.shown(), ["code: running -> exit with 42"]);
        assert!(bench.exits().is_empty());
        subject.repair().await;
        assert_eq!(bench.exits(), [42]);
    }

    #[test]
    fn codes_that_shells_use_are_refused() {
        for code in [126, 255, 256, -1] {
            let errors = refused(&ExitKind::new(), "x", &[("code", Value::Int(code))]);
            assert!(errors[0].message.contains("out of range"), "{errors:?}");
        }
    }
}
