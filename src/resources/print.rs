//! The kind `print`: a line on standard output.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::doc_of;
use super::memory::Memory;
use crate::engine::drift::Shown;
use crate::engine::entry::Entry;
use crate::engine::{
    Capabilities, Cx, Declaration, Drift, Found, Kind, KindDoc, Outputs, ParamError, Resource, ResourceError,
    Value,
};
use crate::resources::host::printer::Printer;

crate::entry! {
    /// Prints a message on the standard output of the agent.
    ///
    /// It is printed when it is new or has changed, once, and again at each refresh. A run of the agent starts
    /// afresh. Printing counts as a change, so edges with `notify` lead on from here.
    ///
    /// Resources of this kind are applied together where the graph permits, but for those with `refresh_only`.
    ///
    /// ```yaml
    /// resources:
    ///   print:
    ///   - name: greeting
    ///     msg: hello, world
    /// ```
    pub struct PrintParams {
        /// What is printed; a line end is added. The resource's name if not given. Where it is sensitive, as all that
        /// comes from a `password`, `(sensitive)` is printed in its place.
        msg: Option<Arc<str>>,
        /// Print at a refresh only.
        refresh_only: bool = false,
    }
}

/// The kind `print`.
#[derive(Debug)]
pub struct PrintKind {
    printer: Arc<dyn Printer>,
    memory: Memory<Printed>,
    doc: KindDoc,
}

/// What was printed last.
type Printed = Mutex<Option<Arc<str>>>;

impl PrintKind {
    /// The kind, over a printer.
    pub fn new(printer: Arc<dyn Printer>) -> Self {
        Self { printer, memory: Memory::default(), doc: doc_of::<PrintParams>("print", Vec::new()) }
    }
}

impl Kind for PrintKind {
    fn describe(&self) -> &KindDoc {
        &self.doc
    }

    fn build(&self, declaration: &Declaration) -> Result<Box<dyn Resource>, Vec<ParamError>> {
        self.group(std::slice::from_ref(declaration))
    }

    fn capabilities(&self, declaration: &Declaration) -> Capabilities {
        let refresh_only = declaration.params.get("refresh_only") == Some(&Value::Bool(true));
        Capabilities {
            group: (!refresh_only).then(|| "".into()),
            refreshable: true,
            unwatched: true,
            ..Capabilities::default()
        }
    }

    fn group(&self, members: &[Declaration]) -> Result<Box<dyn Resource>, Vec<ParamError>> {
        let members = members.iter().map(|declaration| {
            let params = PrintParams::decode(&declaration.params)?;
            let is_secret = declaration.meta.sensitive.iter().any(|param| **param == *"msg");
            Ok(Member {
                is_secret,
                msg: params.msg.unwrap_or_else(|| declaration.label.name.clone()),
                refresh_only: params.refresh_only,
                printed: self.memory.of(&declaration.label),
            })
        });
        let members = members.collect::<Result<Vec<_>, Vec<ParamError>>>()?;
        Ok(Box::new(PrintResource { members, printer: self.printer.clone() }))
    }
}

#[derive(Debug)]
struct PrintResource {
    members: Vec<Member>,
    printer: Arc<dyn Printer>,
}

#[derive(Debug)]
struct Member {
    msg: Arc<str>,
    /// It is printed masked: standard output ends in a journal or a terminal's scroll-back, like any log.
    is_secret: bool,
    refresh_only: bool,
    printed: Arc<Printed>,
}

/// A message could not be printed.
#[derive(Debug, thiserror::Error)]
#[error("print a message")]
struct PrintError(#[source] io::Error);

#[async_trait]
impl Resource for PrintResource {
    async fn check(&self, cx: &Cx) -> Result<Found, ResourceError> {
        let mut drift = Drift::none();
        for (at, member) in (0..).zip(&self.members) {
            let printed = member.printed.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let is_new = !member.refresh_only && printed.as_ref() != Some(&member.msg);
            if cx.concerns(at) && (is_new || cx.refresh) {
                let found = printed.map_or(Shown::Absent, Shown::Text);
                drift.add_member(at, "msg", found, Shown::Text(member.msg.clone()));
            }
        }
        Ok(Found::drift(drift))
    }

    async fn apply(&self, _: &Cx, drift: Drift) -> Result<Outputs, ResourceError> {
        for (at, member) in (0..).zip(&self.members) {
            if drift.has_member(at) {
                let shown = if member.is_secret { "(sensitive)" } else { &member.msg };
                self.printer.print(shown).map_err(|error| ResourceError::transient(PrintError(error)))?;
                *member.printed.lock().unwrap_or_else(PoisonError::into_inner) = Some(member.msg.clone());
            }
        }
        Ok(Outputs::none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Label;
    use crate::resources::host::printer::FakePrinter;
    use crate::resources::testing::{Bench, capabilities};

    fn kind() -> (Arc<FakePrinter>, PrintKind) {
        let printer = Arc::new(FakePrinter::default());
        (printer.clone(), PrintKind::new(printer))
    }

    fn msg(text: &str) -> (&'static str, Value) {
        ("msg", Value::str(text))
    }

    #[tokio::test]
    async fn a_message_is_printed_once_and_again_at_a_refresh() {
        let (bench, (printer, kind)) = (Bench::new(), kind());
        let subject = bench.build(&kind, "hello", &[]);
        assert_eq!(subject.noop().await.shown(), ["msg: absent -> hello"]);
        assert!(printer.take().is_empty());
        subject.repair().await;
        assert_eq!(printer.take(), ["hello"]);
        subject.refresh().await;
        assert_eq!(printer.take(), ["hello"]);
    }

    #[tokio::test]
    async fn a_sensitive_message_is_printed_masked_and_a_new_one_again() {
        let (bench, (printer, kind)) = (Bench::new(), kind());
        let mut keep = Vec::new();
        for text in ["hunter2", "hunter3"] {
            let mut declaration =
                Declaration::new(Label::new("print", "p"), [msg(text)].into_iter().collect());
            Arc::make_mut(&mut declaration.meta).sensitive = vec!["msg".into()];
            let subject = bench.subject(declaration.label.clone(), kind.build(&declaration).unwrap());
            subject.repair().await;
            assert_eq!(printer.take(), ["(sensitive)"]);
            keep.push(subject);
        }
    }

    #[tokio::test]
    async fn built_anew_it_prints_only_what_changed() {
        let (bench, (printer, kind)) = (Bench::new(), kind());
        let one: [(&str, &[_]); 2] = [("a", &[msg("1")]), ("b", &[msg("2")])];
        let group = bench.group(&kind, &one);
        group.repair().await;
        assert_eq!(printer.take(), ["1", "2"]);
        let two: [(&str, &[_]); 3] = [("a", &[msg("1")]), ("b", &[msg("two")]), ("c", &[])];
        let next = bench.group(&kind, &two);
        drop(group);
        assert_eq!(next.repair().await.drift.iter().map(|item| item.member).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(printer.take(), ["two", "c"]);
        drop(next);
        bench.build(&kind, "a", &[msg("1")]).repair().await;
        assert_eq!(printer.take(), ["1"], "it had left the graph");
    }

    #[tokio::test]
    async fn a_run_about_some_members_looks_at_those_also_when_it_is_a_refresh() {
        let (bench, (printer, kind)) = (Bench::new(), kind());
        let group = bench.group(&kind, &[("a", &[]), ("b", &[])]);
        let mut cx = group.cx();
        cx.members = Some([1].into());
        group.try_run(cx).await.unwrap();
        assert_eq!(printer.take(), ["b"]);
        let mut cx = group.cx();
        cx.members = Some([1].into());
        cx.refresh = true;
        group.try_run(cx).await.unwrap();
        assert_eq!(printer.take(), ["b"]);
    }

    #[tokio::test]
    async fn with_refresh_only_nothing_else_prints_it() {
        let (bench, (printer, kind)) = (Bench::new(), kind());
        let only = ("refresh_only", Value::Bool(true));
        assert_eq!(capabilities(&kind, "a", std::slice::from_ref(&only)).group, None);
        assert!(capabilities(&kind, "a", &[]).group.is_some());
        let subject = bench.build(&kind, "a", &[only]);
        assert!(subject.run().await.drift.is_empty());
        subject.refresh().await;
        assert_eq!(printer.take(), ["a"]);
        assert!(subject.run().await.drift.is_empty());
    }
}
