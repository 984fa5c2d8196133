//! What the driver is sent, and how it waits.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::job::Report;
use super::look::Look;
use super::pending::Pending;
use super::plan::{SwapError, Swapped};
use super::prepare::Prepared;
use super::snapshot::{Census, Progress, Snapshot};
use crate::engine::cx::Done;
use crate::engine::id::{Generation, VertexId};
use crate::engine::resource::{ResourceError, Wake};
use crate::engine::sched::StopLevel;

/// One thing for the driver to do.
#[derive(Debug)]
pub(super) enum Message {
    Wake { vertex: VertexId, generation: Generation, wake: Wake },
    WatchFailed { vertex: VertexId, generation: Generation, error: ResourceError },
    Applying { vertex: VertexId, generation: Generation },
    Finished(Box<Report>),
    Swap(Box<Prepared>, oneshot::Sender<Result<Swapped, SwapError>>),
    Stop(StopLevel),
    Exit(u8),
    FactsChanged(Done),
    Snapshot(Look, oneshot::Sender<Snapshot>),
    Census(oneshot::Sender<Census>),
    Progress(oneshot::Sender<Progress>),
    Pending(oneshot::Sender<Vec<Pending>>),
}

/// The driver's queue. Bounded by what sends: one answer a run, one wake a vertex and event.
#[derive(Debug, Default)]
pub(super) struct Mailbox {
    inner: Mutex<Inner>,
    filled: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    messages: Vec<Message>,
    closed: bool,
}

impl Mailbox {
    /// Adds a message; without effect once the driver has ended.
    pub fn post(&self, message: Message) {
        self.post_all([message]);
    }

    /// Adds messages, waking the driver once.
    pub fn post_all(&self, messages: impl IntoIterator<Item = Message>) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.closed {
            return;
        }
        let was_empty = inner.messages.is_empty();
        inner.messages.extend(messages);
        if was_empty && !inner.messages.is_empty() {
            drop(inner);
            self.filled.notify_one();
        }
    }

    /// Takes all messages into `into`, which is empty, waiting for the first: without end, or so long.
    pub fn take(&self, into: &mut Vec<Message>, wait: Option<Duration>) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.messages.is_empty() {
            inner = match wait {
                None => self
                    .filled
                    .wait_while(inner, |inner| inner.messages.is_empty())
                    .unwrap_or_else(PoisonError::into_inner),
                Some(wait) => {
                    self.filled
                        .wait_timeout_while(inner, wait, |inner| inner.messages.is_empty())
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
            };
        }
        std::mem::swap(&mut inner.messages, into);
    }

    /// Drops all that is left, and all that comes.
    pub fn close(&self) {
        let left = {
            let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            inner.closed = true;
            std::mem::take(&mut inner.messages)
        };
        drop(left);
    }
}
