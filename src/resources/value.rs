//! The kind `value`: keeps a value and passes it on.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use sha2::{Digest, Sha256};

use super::doc_of;
use super::state_file::{self, Stored};
use super::wake_on::wake_on;
use crate::engine::drift::Shown;
use crate::engine::entry::Entry;
use crate::engine::params::OutputDecl;
use crate::engine::path_watch::Interest;
use crate::engine::{
    Capabilities, Cx, Declaration, Drift, Found, Kind, KindDoc, Outputs, ParamError, Resource, ResourceError,
    Type, Value, Wakes,
};
use crate::resources::host::Host;

crate::entry! {
    /// Stores a value on this host and sends it to others.
    ///
    /// The value is declared, or received from another resource: then the received one holds. It is kept in the
    /// agent's private folder, in a file that only the agent's user can read, through restarts and changes of the
    /// graph. Where none is given, the one that was stored last is kept and sent; before there is any, none is sent.
    ///
    /// ```yaml
    /// resources:
    ///   value:
    ///   - name: answer
    ///     any: 42
    /// ```
    pub struct ValueParams {
        /// The value, of any type. The one that was stored last if not given.
        any: Option<Value>,
    }
}

const FILE: &str = "value.json";
/// The longest value that is shown in full, in bytes.
const MOST_SHOWN: usize = 200;

/// The kind `value`.
#[derive(Debug)]
pub struct ValueKind {
    host: Arc<Host>,
    doc: KindDoc,
}

impl ValueKind {
    /// The kind, over a host.
    pub fn new(host: Arc<Host>) -> Self {
        let any = OutputDecl { name: "any", ty: Type::Any, doc: "The value.", secret: false };
        Self { host, doc: doc_of::<ValueParams>("value", vec![any]) }
    }
}

impl Kind for ValueKind {
    fn describe(&self) -> &KindDoc {
        &self.doc
    }

    fn build(&self, declaration: &Declaration) -> Result<Box<dyn Resource>, Vec<ParamError>> {
        let ValueParams { any } = ValueParams::decode(&declaration.params)?;
        if any.as_ref().is_some_and(|value| !is_finite(value)) {
            return Err(vec![ParamError::at("any", "a number that is not finite cannot be stored")]);
        }
        Ok(Box::new(ValueResource { host: self.host.clone(), wanted: any }))
    }

    fn capabilities(&self, _: &Declaration) -> Capabilities {
        Capabilities::default()
    }
}

/// Whether JSON can hold it.
fn is_finite(value: &Value) -> bool {
    match value {
        Value::Float(number) => number.is_finite(),
        Value::List(items) => items.iter().all(is_finite),
        Value::Map(pairs) => pairs.iter().all(|(key, value)| is_finite(key) && is_finite(value)),
        Value::Struct(fields) => fields.iter().all(|(_, value)| is_finite(value)),
        Value::Bool(_) | Value::Int(_) | Value::Str(_) => true,
    }
}

#[derive(Debug)]
struct ValueResource {
    host: Arc<Host>,
    wanted: Option<Value>,
}

/// The stored file holds no value.
#[derive(Debug, thiserror::Error)]
#[error("read the stored value {path}", path = path.display())]
struct Damaged {
    path: Box<Path>,
    #[source]
    source: serde_json::Error,
}

fn show(value: &Value) -> Shown {
    let text = value.to_string();
    if text.len() <= MOST_SHOWN {
        return Shown::text(text);
    }
    Shown::Content { size: text.len() as u64, sha256: Some(Sha256::digest(&text).into()) }
}

fn sent(value: Option<Value>) -> Outputs {
    let mut outputs = Outputs::none();
    outputs.send(0, "any", value);
    outputs
}

#[async_trait]
impl Resource for ValueResource {
    async fn watch(&self, cx: &Cx) -> Result<Wakes, ResourceError> {
        let path = state_file::path(cx, FILE);
        wake_on(cx, &*self.host.watch, [(path.as_path(), Interest::SELF)])
    }

    async fn check(&self, cx: &Cx) -> Result<Found, ResourceError> {
        let path = state_file::path(cx, FILE);
        let stored = state_file::read(&path)?;
        let value = |stored: &Stored| serde_json::from_slice::<Value>(&stored.bytes);
        let Some(wanted) = &self.wanted else {
            let kept = stored.as_ref().map(value).transpose();
            let kept = kept.map_err(|source| {
                ResourceError::user(Damaged { path: path.into(), source })
                    .with_hint("give `any`, or remove that file")
            })?;
            return Ok(Found { drift: Drift::none(), outputs: sent(kept) });
        };
        let mut drift = Drift::none();
        match stored.as_ref().map(|stored| (stored, value(stored))) {
            None => drift.add("any", Shown::Absent, show(wanted)),
            Some((_, Err(_))) => drift.add("any", Shown::text("damaged"), show(wanted)),
            Some((_, Ok(found))) if found != *wanted => drift.add("any", show(&found), show(wanted)),
            Some((stored, Ok(_))) if !stored.is_private() => {
                drift.add("mode", Shown::text(format!("{:04o}", stored.mode)), Shown::text("0600"));
            }
            Some(_) => {}
        }
        Ok(Found { drift, outputs: sent(Some(wanted.clone())) })
    }

    async fn apply(&self, cx: &Cx, _: Drift) -> Result<Outputs, ResourceError> {
        if let Some(wanted) = &self.wanted {
            let bytes = serde_json::to_vec(wanted).map_err(ResourceError::bug)?;
            state_file::write(&self.host.fs, cx, FILE, bytes)?;
        }
        Ok(sent(self.wanted.clone()))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::resources::host::FakeWatch;
    use crate::resources::testing::{Bench, listing, refused, texts};

    fn kind() -> (FakeWatch, ValueKind) {
        let watch = FakeWatch::new();
        (watch.clone(), ValueKind::new(Host::new(Arc::new(watch))))
    }

    #[tokio::test]
    async fn a_value_is_stored_for_the_agent_alone_sent_and_kept() {
        let (bench, (watch, kind)) = (Bench::new(), kind());
        let any = texts(["a", "b"]);
        let subject = bench.build(&kind, "v", &[("any", any.clone())]);
        assert_eq!(subject.noop().await.shown(), [r#"any: absent -> ["a", "b"]"#]);
        assert!(listing(&bench.prefix()).is_empty());
        assert_eq!(subject.repair().await.sent("any"), Some(&any));
        assert_eq!(subject.run().await.sent("any"), Some(&any));
        let file = state_file::path(&subject.cx(), FILE);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o600);

        let _armed = subject.resource.watch(&subject.cx()).await.unwrap();
        assert_eq!(watch.change(&file), 1);
        assert_eq!(bench.wakes(), 1);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(subject.repair().await.shown(), ["mode: 0644 -> 0600"]);
        fs::write(&file, "{").unwrap();
        assert_eq!(subject.repair().await.shown(), [r#"any: damaged -> ["a", "b"]"#]);
    }

    #[tokio::test]
    async fn without_one_the_last_is_kept_and_one_received_replaces_it() {
        let (bench, (_, kind)) = (Bench::new(), kind());
        let bare = bench.build(&kind, "v", &[]);
        assert_eq!(bare.run().await.sent("any"), None);
        bench.build(&kind, "v", &[("any", Value::Int(1))]).repair().await;
        assert_eq!(bare.run().await.sent("any"), Some(&Value::Int(1)));
        let next = bench.build(&kind, "v", &[("any", Value::Int(2))]);
        assert_eq!(next.repair().await.shown(), ["any: 1 -> 2"]);
        assert_eq!(bare.run().await.sent("any"), Some(&Value::Int(2)));
        fs::write(state_file::path(&bare.cx(), FILE), "?").unwrap();
        assert!(bare.failure().await.starts_with("read the stored value"));
    }

    #[tokio::test]
    async fn long_values_are_shown_by_their_digest() {
        let (bench, (_, kind)) = (Bench::new(), kind());
        let subject = bench.build(&kind, "v", &[("any", Value::str("x".repeat(500)))]);
        assert!(subject.repair().await.shown()[0].starts_with("any: absent -> 502 bytes sha256:"));
    }

    #[test]
    fn what_json_cannot_hold_is_refused() {
        let nan = Value::List([Value::Float(f64::NAN)].into());
        assert_eq!(refused(&kind().1, "v", &[("any", nan)])[0].param, Some("any"));
    }
}
