//! What a kind of resource must be able to do: watch, check, apply.

use std::any::Any;
use std::error::Error;
use std::fmt;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use serde::{Deserialize, Serialize};

use super::class::Class;
use super::cx::Cx;
use super::drift::Drift;
use super::params::Params;
use super::value::Value;

/// One resource, or a group of one kind that is applied together. Built without touching the system. A member of a group
/// that fails alone is told by [`Cx::member_failed`]; what is returned is of the others, and an error is of all of them.
#[async_trait]
pub trait Resource: fmt::Debug + Send + Sync + 'static {
    /// Arms the watch, and returns once changes from now on will be seen. Kinds with nothing to watch keep this.
    ///
    /// # Errors
    /// When the watch cannot be armed; retried like a failed check.
    async fn watch(&self, cx: &Cx) -> Result<Wakes, ResourceError> {
        let _ = cx;
        Ok(Wakes::never())
    }

    /// Compares the system with what is wanted. Reads only: it runs under noop and plan too.
    ///
    /// # Errors
    /// When the comparison cannot be made.
    async fn check(&self, cx: &Cx) -> Result<Found, ResourceError>;

    /// Puts right what `drift` names.
    ///
    /// # Errors
    /// When the system refuses.
    async fn apply(&self, cx: &Cx, drift: Drift) -> Result<Outputs, ResourceError>;

    /// A unified diff of what `apply` would do, for people; at most 1 MiB. Made on demand only.
    ///
    /// # Errors
    /// When the system cannot be read.
    async fn diff(&self, cx: &Cx, drift: &Drift) -> Result<Option<String>, ResourceError> {
        let _ = (cx, drift);
        Ok(None)
    }

    /// The parameters, of the same kind and name, that bring back the system as it is now: asked once, before the
    /// first run of a vertex with `reverse`.
    ///
    /// # Errors
    /// When the system cannot be read, or this resource cannot be undone.
    async fn undo(&self, cx: &Cx) -> Result<Option<Params>, ResourceError> {
        let _ = cx;
        Ok(None)
    }

    /// What is still to be done once this has left the graph for good: neither when the agent ends, nor when only the
    /// declaration has changed. `None`: nothing. It must end by itself.
    fn leave(&self, cx: &Cx) -> Option<BoxFuture<'static, ()>> {
        let _ = cx;
        None
    }
}

/// What a check found.
#[derive(Debug, Default)]
pub struct Found {
    /// What differs; empty: all is as wanted.
    pub drift: Drift,
    /// What this resource sends when nothing differs: an unchanged sender sends too.
    pub outputs: Outputs,
}

impl Found {
    /// All is as wanted, and nothing is sent.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// Something differs.
    pub fn drift(drift: Drift) -> Self {
        Self { drift, outputs: Outputs::default() }
    }
}

/// The values that a run sends, each with the group member it comes from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outputs(Vec<Output>);

/// One value sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// The index of the group member; 0 for a resource of its own.
    pub member: u32,
    /// The name under which receivers ask for it.
    pub key: &'static str,
    /// The value; `None`: the sender has none to give.
    pub value: Option<Value>,
}

impl Outputs {
    /// Nothing is sent.
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// Adds a value of a member.
    pub fn send(&mut self, member: u32, key: &'static str, value: Option<Value>) {
        self.0.push(Output { member, key, value });
    }

    /// All values.
    pub fn iter(&self) -> impl Iterator<Item = &Output> {
        self.0.iter()
    }

    /// The values of one member of a group, as those of a resource of its own.
    #[must_use]
    pub fn of(&self, member: u32) -> Self {
        let own = self.0.iter().filter(|output| output.member == member);
        Self(own.map(|output| Output { member: 0, ..output.clone() }).collect())
    }

    /// Whether nothing is sent.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(&'static str, Value)> for Outputs {
    /// The outputs of a resource of its own.
    fn from_iter<I: IntoIterator<Item = (&'static str, Value)>>(values: I) -> Self {
        Self(values.into_iter().map(|(key, value)| Output { member: 0, key, value: Some(value) }).collect())
    }
}

/// A digest of an object's identity and visible state (for a file: device, inode, change time, mode, owner, size).
/// An event whose stamp equals that of the vertex's own last write is its echo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Stamp(pub u64);

/// Something happened that makes a vertex dirty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wake {
    /// The watched object just after; see [`Stamp`].
    pub stamp: Option<Stamp>,
}

/// A watch that is armed. Dropping it ends the watch and reaps whatever it started.
#[derive(Default)]
pub struct Wakes {
    /// Keeps adapters alive that call [`Cx::waker`](Cx::waker) by themselves.
    pub guard: Option<Box<dyn Any + Send + Sync>>,
    /// Wakes that must be polled for; an error ends the watch and is retried.
    pub stream: Option<BoxStream<'static, Result<Wake, ResourceError>>>,
}

impl Wakes {
    /// Nothing to watch.
    pub fn never() -> Self {
        Self::default()
    }

    /// Adapters wake through [`Cx::waker`] until this is dropped: no task a vertex.
    pub fn pushed(guard: impl Any + Send + Sync) -> Self {
        Self { guard: Some(Box::new(guard)), stream: None }
    }

    /// A stream of wakes.
    pub fn stream(stream: BoxStream<'static, Result<Wake, ResourceError>>) -> Self {
        Self { guard: None, stream: Some(stream) }
    }
}

impl fmt::Debug for Wakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wakes")
            .field("guard", &self.guard.is_some())
            .field("stream", &self.stream.is_some())
            .finish()
    }
}

/// Why a watch, check or apply failed: an error of the kind's own folder with its class and a hint.
#[derive(Debug)]
pub struct ResourceError {
    class: Class,
    hint: Option<String>,
    foreseen: bool,
    source: Box<dyn Error + Send + Sync>,
}

impl ResourceError {
    /// An error of a kind's folder, which knows its class and what to do about it.
    pub fn of(
        class: Class,
        hint: Option<impl Into<String>>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self { class, hint: hint.map(Into::into), foreseen: false, source: source.into() }
    }

    /// The world refused; a later try may succeed.
    pub fn transient(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::of(Class::Transient, None::<String>, source)
    }

    /// The user asked for something that cannot be.
    pub fn user(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::of(Class::User, None::<String>, source)
    }

    /// A bug in mgmt, such as a panic.
    pub fn bug(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::of(Class::Bug, None::<String>, source)
    }

    /// With what to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same, before it has come to pass.
    #[must_use]
    pub(super) fn foreseen(mut self) -> Self {
        self.foreseen = true;
        self
    }

    /// Whether nothing has failed yet: it would.
    pub fn is_foreseen(&self) -> bool {
        self.foreseen
    }

    /// What decides exit code, retry and log level.
    pub fn class(&self) -> Class {
        self.class
    }

    /// Whether the error itself is a `T`.
    pub fn is<T: Error + 'static>(&self) -> bool {
        self.source.is::<T>()
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

/// The whole chain of causes, on one line.
impl fmt::Display for ResourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.source)?;
        let mut cause = self.source.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl Error for ResourceError {}
