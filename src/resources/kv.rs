//! The kind `kv`: a text that hosts share.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::{StreamExt as _, stream};
use sha2::{Digest as _, Sha256};

use super::doc_of;
use super::world_call::{ask, look};
use crate::engine::drift::Shown;
use crate::engine::entry::Entry;
use crate::engine::world::{Slot, Written};
use crate::engine::{
    Capabilities, Cx, Declaration, Drift, Found, Kind, KindDoc, Outputs, ParamError, Resource, ResourceError,
    Stamp, Wake, Wakes,
};

crate::entry! {
    /// Sets a text that all hosts of the mesh share, or removes it.
    ///
    /// A text is kept under a name, once for all hosts, or with `mapped` once for each. Whoever changes it anywhere is
    /// noticed at once, and it is set again. While the store is away, what was seen last counts, and what is to be
    /// set waits on this host's disk until the store is back. A refresh sets it whatever `skiplessthan` says.
    ///
    /// ```yaml
    /// resources:
    ///   kv:
    ///   - name: site/motto
    ///     value: it stays as it was declared
    /// ```
    pub struct KvParams {
        /// Under which name the text is kept. The resource's name if not given.
        key: Arc<str>,
        /// The text. If not given, there is to be none.
        value: Option<Arc<str>>,
        /// Keep a text for each host under this name, and look after that of this host.
        mapped: bool = false,
        /// Only ever raise it: a text that is not less than `value` stays. Hosts that raise it at the same time never
        /// lower it.
        skiplessthan: bool = false,
        /// How `skiplessthan` compares: 0 as whole numbers, 1 as texts, byte by byte.
        skipcmpstyle: i64 = 0,
    }
}

/// The longest text that is shown in full, in bytes.
const MOST_SHOWN: usize = 200;
/// So often a text is looked at again that others change while it is raised; then the run fails and may be retried.
const MOST_ROUNDS: usize = 100;

/// The kind `kv`.
#[derive(Debug)]
pub struct KvKind(KindDoc);

impl KvKind {
    /// The kind.
    #[expect(clippy::new_without_default, reason = "kinds are made in one way")]
    pub fn new() -> Self {
        Self(doc_of::<KvParams>("kv", Vec::new()))
    }
}

impl Kind for KvKind {
    fn describe(&self) -> &KindDoc {
        &self.0
    }

    fn build(&self, declaration: &Declaration) -> Result<Box<dyn Resource>, Vec<ParamError>> {
        let params = KvParams::decode(&declaration.params)?;
        let key = if params.key.is_empty() { declaration.label.name.clone() } else { params.key };
        let order = match params.skipcmpstyle {
            0 => Order::Numbers,
            1 => Order::Texts,
            other => {
                let error = ParamError::at("skipcmpstyle", format!("{other} is no way to compare"));
                return Err(vec![error.hint("0 compares as whole numbers, 1 as texts")]);
            }
        };
        let want = match params.value {
            None => Want::Absent,
            Some(text) if !params.skiplessthan => Want::Text(text),
            Some(text) => {
                if order == Order::Numbers && number(&text).is_none() {
                    let error = ParamError::at("value", format!("{text:?} is no whole number"));
                    return Err(vec![error.hint("`skipcmpstyle: 1` compares texts")]);
                }
                Want::AtLeast(text, order)
            }
        };
        Ok(Box::new(KvResource { key, mapped: params.mapped, want }))
    }

    fn capabilities(&self, _: &Declaration) -> Capabilities {
        Capabilities { refreshable: true, ..Capabilities::default() }
    }
}

#[derive(Debug)]
struct KvResource {
    key: Arc<str>,
    mapped: bool,
    want: Want,
}

/// What is to be kept under the name.
#[derive(Debug)]
enum Want {
    Absent,
    Text(Arc<str>),
    AtLeast(Arc<str>, Order),
}

/// How two texts compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Numbers,
    Texts,
}

/// Why a text cannot be looked after.
#[derive(Debug, thiserror::Error)]
enum KvError {
    #[error("cannot compare {slot} with a whole number: it is {found:?}")]
    NoNumber { slot: Slot, found: Arc<str> },
    #[error("cannot raise {slot}: others changed it {MOST_ROUNDS} times meanwhile")]
    Contended { slot: Slot },
}

impl KvError {
    fn not_a_number(slot: &Slot, found: Arc<str>) -> ResourceError {
        let hint = "set it to a number, or compare texts with `skipcmpstyle: 1`";
        ResourceError::user(Self::NoNumber { slot: slot.clone(), found }).with_hint(hint)
    }
}

fn number(text: &str) -> Option<i64> {
    text.trim().parse().ok()
}

/// Equal for equal texts: tells the echo of one's own write.
fn stamp(text: Option<&str>) -> Stamp {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    Stamp(hasher.finish())
}

fn show(text: Option<&str>) -> Shown {
    match text {
        None => Shown::Absent,
        Some(text) if text.len() <= MOST_SHOWN => Shown::text(text),
        Some(text) => {
            Shown::Content { size: text.len() as u64, sha256: Some(Sha256::digest(text.as_bytes()).into()) }
        }
    }
}

impl Want {
    /// What it is set to.
    fn text(&self) -> Option<&Arc<str>> {
        match self {
            Self::Absent => None,
            Self::Text(text) | Self::AtLeast(text, _) => Some(text),
        }
    }

    /// Whether what was found may stay.
    fn is_met(&self, slot: &Slot, found: Option<&Arc<str>>) -> Result<bool, ResourceError> {
        match (self, found) {
            (Self::AtLeast(text, Order::Texts), Some(found)) => Ok(found >= text),
            (Self::AtLeast(text, Order::Numbers), Some(found)) => match number(found) {
                Some(found) => Ok(Some(found) >= number(text)),
                None => Err(KvError::not_a_number(slot, found.clone())),
            },
            _ => Ok(found == self.text()),
        }
    }
}

impl KvResource {
    fn slot(&self, cx: &Cx) -> Slot {
        let key = self.key.clone();
        match self.mapped {
            true => Slot::OfHost { key, host: cx.world().host().clone() },
            false => Slot::Shared { key },
        }
    }

    /// Sets it to at least what is wanted, whoever else raises it meanwhile. Whether it was set.
    async fn raise(&self, cx: &Cx, slot: &Slot) -> Result<bool, ResourceError> {
        let strings = cx.world().strings();
        let wanted = self.want.text().map(|text| &**text);
        for _ in 0..MOST_ROUNDS {
            let found = ask(cx, |by| strings.get(slot, by)).await?.value;
            if self.want.is_met(slot, found.as_ref())? {
                return Ok(false);
            }
            if ask(cx, |by| strings.replace(slot, found.as_deref(), wanted, by)).await? {
                return Ok(true);
            }
        }
        Err(ResourceError::transient(KvError::Contended { slot: slot.clone() }))
    }
}

#[async_trait]
impl Resource for KvResource {
    async fn watch(&self, cx: &Cx) -> Result<Wakes, ResourceError> {
        let follow = cx.world().strings().follow(&self.slot(cx));
        let known = follow.now().map(|seen| seen.value);
        let wakes = stream::unfold((follow, known), |(mut follow, known)| async move {
            loop {
                let value = follow.changed().await?.value;
                // The store coming or going changes no text.
                if known.as_ref() != Some(&value) {
                    let wake = Wake { stamp: Some(stamp(value.as_deref())) };
                    return Some((Ok(wake), (follow, Some(value))));
                }
            }
        });
        Ok(Wakes::stream(wakes.boxed()))
    }

    async fn check(&self, cx: &Cx) -> Result<Found, ResourceError> {
        let (slot, strings) = (self.slot(cx), cx.world().strings());
        let mut drift = Drift::none();
        let wanted = self.want.text();
        let to = || show(wanted.map(|text| &**text));
        let Some(seen) = look(cx, |by| strings.get(&slot, by)).await? else {
            drift.add("value", Shown::text("unknown"), to());
            return Ok(Found::drift(drift));
        };
        let found = seen.value.as_ref();
        let is_right = if cx.refresh { found == wanted } else { self.want.is_met(&slot, found)? };
        if !is_right {
            drift.add("value", show(found.map(|text| &**text)), to());
        }
        Ok(Found::drift(drift))
    }

    async fn apply(&self, cx: &Cx, _: Drift) -> Result<Outputs, ResourceError> {
        let (slot, strings) = (self.slot(cx), cx.world().strings());
        let wanted = self.want.text().map(|text| &**text);
        let is_set = match &self.want {
            Want::AtLeast(..) if !cx.refresh => self.raise(cx, &slot).await?,
            _ => {
                let written = ask(cx, |by| strings.set(&slot, wanted, by)).await?;
                if written == Written::Queued {
                    tracing::info!(resource = %cx.label(), "the store is away: it is written when that is back");
                }
                true
            }
        };
        if is_set {
            cx.wrote(stamp(wanted));
        }
        Ok(Outputs::none())
    }
}

#[cfg(test)]
mod tests;
