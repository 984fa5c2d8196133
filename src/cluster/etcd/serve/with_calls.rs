//! The calls of one connection, run by the connection's own task.
//!
//! What many calls answer at the same moment then leaves in one write, and a call needs no task of its own: with ten
//! thousand watches on a hundred connections, a change is a hundred wakes and writes instead of ten thousand.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use hyper::rt::Executor;

type Call = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Calls that began since they were last looked for.
#[derive(Clone, Default)]
pub(super) struct Begun(Arc<Mutex<Vec<Call>>>);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Begun {
    fn execute(&self, call: F) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Box::pin(call));
    }
}

impl Begun {
    fn take(&self) -> Vec<Call> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A connection together with its calls; they end with it.
pub(super) struct WithCalls<C> {
    connection: Pin<Box<C>>,
    begun: Begun,
    calls: FuturesUnordered<Call>,
}

impl<C: Future> WithCalls<C> {
    /// `begun` is the connection's executor.
    pub(super) fn new(connection: C, begun: Begun) -> Self {
        Self { connection: Box::pin(connection), begun, calls: FuturesUnordered::new() }
    }
}

impl<C: Future> Future for WithCalls<C> {
    type Output = C::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<C::Output> {
        let this = &mut *self;
        loop {
            // All that can be answered now is, before the connection writes.
            while let Poll::Ready(Some(())) = this.calls.poll_next_unpin(cx) {}
            if let Poll::Ready(ended) = this.connection.as_mut().poll(cx) {
                return Poll::Ready(ended);
            }
            let begun = this.begun.take();
            if begun.is_empty() {
                return Poll::Pending;
            }
            this.calls.extend(begun);
        }
    }
}
