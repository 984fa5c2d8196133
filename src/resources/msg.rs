//! The kind `msg`: a message to the logs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;

use super::doc_of;
use crate::engine::drift::Shown;
use crate::engine::entry::Entry;
use crate::engine::registry::did_you_mean;
use crate::engine::{
    Capabilities, Cx, Declaration, Drift, Found, Kind, KindDoc, Outputs, ParamError, Resource, ResourceError,
};
use crate::resources::host::log_sink::{LogEntry, LogSink, Priority};

crate::entry! {
    /// Sends a message to the agent's log, and to the logs of the system where asked to.
    ///
    /// It is sent once, and again when its declaration changes and at each refresh. What could not be sent is tried
    /// again by itself, without repeating what was. Sending counts as a change.
    ///
    /// ```yaml
    /// resources:
    ///   msg:
    ///   - name: deployed
    ///     body: version 7 is in place
    ///     priority: Notice
    ///     journal: true
    ///     fields:
    ///       VERSION: "7"
    /// ```
    pub struct MsgParams {
        /// The text. The resource's name if not given.
        body: Option<Arc<str>>,
        /// How urgent it is: `Emerg`, `Alert`, `Crit`, `Err`, `Warning`, `Notice`, `Info` or `Debug`. Required.
        priority: Arc<str>,
        /// More fields for the journal and the agent's log: names of capital letters, digits and underscores.
        fields: BTreeMap<Arc<str>, Arc<str>>,
        /// Send it to systemd's journal too.
        journal: bool = false,
        /// Send it to the system log too, that is to `/dev/log`, as a message of the facility `daemon`.
        syslog: bool = false,
    }
}

/// The journal takes no longer names of fields, in bytes.
const LONGEST_FIELD: usize = 64;
/// Fields that are made of other parameters.
const TAKEN: [(&str, &str); 2] = [("MESSAGE", "body"), ("PRIORITY", "priority")];

/// The kind `msg`.
#[derive(Debug)]
pub struct MsgKind {
    logs: Arc<dyn LogSink>,
    doc: KindDoc,
}

impl MsgKind {
    /// The kind, over logs.
    pub fn new(logs: Arc<dyn LogSink>) -> Self {
        Self { logs, doc: doc_of::<MsgParams>("msg", Vec::new()) }
    }
}

impl Kind for MsgKind {
    fn describe(&self) -> &KindDoc {
        &self.doc
    }

    fn build(&self, declaration: &Declaration) -> Result<Box<dyn Resource>, Vec<ParamError>> {
        let params = MsgParams::decode(&declaration.params)?;
        let mut errors: Vec<ParamError> = params.fields.keys().filter_map(|name| check_field(name)).collect();
        let priority = priority(&params.priority).map_err(|error| errors.push(error)).ok();
        let (Some(priority), true) = (priority, errors.is_empty()) else { return Err(errors) };
        let masked = |param: &str, text: &str| {
            let is_secret = declaration.meta.sensitive.iter().any(|secret| **secret == *param);
            if is_secret { "(sensitive)".to_owned() } else { text.to_owned() }
        };
        let fields = params.fields.iter().map(|(name, value)| (name.to_string(), masked("fields", value)));
        let body = params.body.unwrap_or_else(|| declaration.label.name.clone());
        let entry = LogEntry { priority, body: masked("body", &body), fields: fields.collect() };
        let mut targets = vec![Target::new("log")];
        targets.extend(params.journal.then(|| Target::new("journal")));
        targets.extend(params.syslog.then(|| Target::new("syslog")));
        Ok(Box::new(MsgResource { logs: self.logs.clone(), entry, targets }))
    }

    fn capabilities(&self, _: &Declaration) -> Capabilities {
        Capabilities { refreshable: true, unwatched: true, ..Capabilities::default() }
    }
}

fn priority(text: &str) -> Result<Priority, ParamError> {
    let names = || Priority::ALL.iter().map(|(name, _)| *name);
    let found = Priority::ALL.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
    found.map(|(_, priority)| *priority).ok_or_else(|| {
        let message = match text {
            "" => "a message needs a priority".to_owned(),
            _ => format!("there is no priority {text:?}"),
        };
        let hint = match did_you_mean(text, names()) {
            Some(meant) if !text.is_empty() => format!("did you mean {meant:?}?"),
            _ => format!("it is one of {}", names().collect::<Vec<_>>().join(", ")),
        };
        ParamError::at("priority", message).hint(hint)
    })
}

fn check_field(name: &str) -> Option<ParamError> {
    if let Some((_, param)) = TAKEN.iter().find(|(taken, _)| *taken == name) {
        return Some(ParamError::at("fields", format!("the field {name:?} is what `{param}` says")));
    }
    let permitted = |byte: u8| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_');
    let begins_well = name.bytes().next().is_some_and(|first| first.is_ascii_uppercase());
    if begins_well && name.len() <= LONGEST_FIELD && name.bytes().all(permitted) {
        return None;
    }
    let error = ParamError::at("fields", format!("{name:?} cannot be the name of a field"));
    Some(error.hint(format!(
        "a name begins with a capital letter, goes on with those, digits and underscores, and has at most \
         {LONGEST_FIELD} of them"
    )))
}

#[derive(Debug)]
struct MsgResource {
    logs: Arc<dyn LogSink>,
    entry: LogEntry,
    targets: Vec<Target>,
}

/// One of the logs.
#[derive(Debug)]
struct Target {
    name: &'static str,
    sent: AtomicBool,
}

impl Target {
    fn new(name: &'static str) -> Self {
        Self { name, sent: AtomicBool::new(false) }
    }
}

impl MsgResource {
    async fn send(&self, target: &str) -> Result<(), ResourceError> {
        match target {
            "journal" => self.logs.to_journal(&self.entry).await.map_err(|error| {
                ResourceError::from(error).with_hint("is systemd-journald running? or remove `journal`")
            }),
            "syslog" => self.logs.to_syslog(&self.entry).await.map_err(|error| {
                ResourceError::from(error).with_hint("is a system log running? or remove `syslog`")
            }),
            _ => {
                self.logs.to_agent(&self.entry);
                Ok(())
            }
        }
    }
}

#[async_trait]
impl Resource for MsgResource {
    async fn check(&self, cx: &Cx) -> Result<Found, ResourceError> {
        let mut drift = Drift::none();
        for target in &self.targets {
            if cx.refresh || !target.sent.load(Ordering::SeqCst) {
                drift.add(target.name, Shown::text("not sent"), Shown::text("sent"));
            }
        }
        Ok(Found::drift(drift))
    }

    async fn apply(&self, cx: &Cx, drift: Drift) -> Result<Outputs, ResourceError> {
        for target in self.targets.iter().filter(|target| drift.has(target.name)) {
            tokio::select! {
                sent = self.send(target.name) => sent?,
                () = cx.cancel.cancelled() => return Err(ResourceError::transient(Cancelled(target.name))),
            }
            target.sent.store(true, Ordering::SeqCst);
        }
        Ok(Outputs::none())
    }
}

/// The run was cancelled while a log was not ready to take the message.
#[derive(Debug, thiserror::Error)]
#[error("send to the {0}: cancelled")]
struct Cancelled(&'static str);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Label, Value};
    use crate::resources::host::log_sink::FakeLogSink;
    use crate::resources::testing::{Bench, refused};

    const YES: Value = Value::Bool(true);

    fn kind() -> (Arc<FakeLogSink>, MsgKind) {
        let logs = Arc::new(FakeLogSink::default());
        (logs.clone(), MsgKind::new(logs))
    }

    fn places(logs: &FakeLogSink) -> Vec<&'static str> {
        logs.take().into_iter().map(|(place, _)| place).collect()
    }

    #[tokio::test]
    async fn a_message_is_sent_once_everywhere_and_again_at_a_refresh() {
        let (bench, (logs, kind)) = (Bench::new(), kind());
        let field = Value::Map([(Value::str("UNIT"), Value::str("x"))].into());
        let params =
            [("priority", Value::str("WARNING")), ("journal", YES), ("syslog", YES), ("fields", field)];
        let subject = bench.build(&kind, "hello", &params);
        assert_eq!(subject.noop().await.drift.iter().count(), 3);
        assert!(places(&logs).is_empty());
        subject.repair().await;
        let fields = vec![("UNIT".to_owned(), "x".to_owned())];
        let entry = LogEntry { priority: Priority::Warning, body: "hello".into(), fields };
        assert_eq!(logs.take(), [("agent", entry.clone()), ("journal", entry.clone()), ("syslog", entry)]);
        subject.refresh().await;
        assert_eq!(places(&logs), ["agent", "journal", "syslog"]);
        let plain = bench.build(&kind, "hello", &[("priority", Value::str("Debug"))]);
        plain.repair().await;
        assert_eq!(places(&logs), ["agent"]);
    }

    #[tokio::test]
    async fn what_is_sensitive_of_a_message_reaches_no_log() {
        let (bench, (logs, kind)) = (Bench::new(), kind());
        let field = Value::Map([(Value::str("TOKEN"), Value::str("hunter3"))].into());
        let params = [("priority", Value::str("Info")), ("body", Value::str("hunter2")), ("fields", field)];
        let mut declaration = Declaration::new(Label::new("msg", "m"), params.into_iter().collect());
        Arc::make_mut(&mut declaration.meta).sensitive = vec!["body".into(), "fields".into()];
        bench.subject(declaration.label.clone(), kind.build(&declaration).unwrap()).repair().await;
        let fields = vec![("TOKEN".to_owned(), "(sensitive)".to_owned())];
        let entry = LogEntry { priority: Priority::Info, body: "(sensitive)".into(), fields };
        assert_eq!(logs.take(), [("agent", entry)]);
    }

    #[tokio::test]
    async fn what_was_not_taken_is_sent_later_and_nothing_twice() {
        let (bench, (logs, kind)) = (Bench::new(), kind());
        logs.set_journal(false);
        let params = [("priority", Value::str("Info")), ("journal", YES), ("syslog", YES)];
        let subject = bench.build(&kind, "hello", &params);
        assert!(subject.failure().await.contains("/journal"));
        assert_eq!(places(&logs), ["agent"]);
        logs.set_journal(true);
        subject.repair().await;
        assert_eq!(places(&logs), ["journal", "syslog"]);
    }

    #[test]
    fn priorities_and_fields_that_cannot_be_are_refused_with_hints() {
        let kind = kind().1;
        let missing = refused(&kind, "m", &[]);
        assert_eq!(missing[0].message, "a message needs a priority");
        let hint = "it is one of Emerg, Alert, Crit, Err, Warning, Notice, Info, Debug";
        assert_eq!(missing[0].hint.as_deref(), Some(hint));
        let close = refused(&kind, "m", &[("priority", Value::str("warnin"))]);
        assert_eq!(close[0].hint.as_deref(), Some("did you mean \"Warning\"?"));
        for name in ["", "unit", "_UNIT", "1A", "A-B", "MESSAGE"] {
            let field = Value::Map([(Value::str(name), Value::str("x"))].into());
            let errors = refused(&kind, "m", &[("priority", Value::str("Info")), ("fields", field)]);
            assert_eq!(errors[0].param, Some("fields"), "{name:?}");
        }
    }
}
