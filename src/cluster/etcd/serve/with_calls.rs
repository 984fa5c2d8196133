//! The calls of one connection, run by the connection's own task.
//!
//! What many calls answer at the same moment then leaves in one write, and a call needs no task of its own: with ten
//! thousand watches on a hundred connections, a change is a hundred wakes and writes instead of ten thousand.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use futures_util::task::AtomicWaker;
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

/// Whether a call of the connection can go on.
#[derive(Default)]
struct Woken {
    since_looked: AtomicBool,
    task: AtomicWaker,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.since_looked.swap(true, Ordering::AcqRel) {
            self.task.wake();
        }
    }
}

/// A connection together with its calls; they end with it.
pub(super) struct WithCalls<C> {
    connection: Pin<Box<C>>,
    begun: Begun,
    calls: FuturesUnordered<Call>,
    woken: Arc<Woken>,
    /// Wakes that one.
    waker: Waker,
}

impl<C: Future> WithCalls<C> {
    /// `begun` is the connection's executor.
    pub(super) fn new(connection: C, begun: Begun) -> Self {
        let woken = Arc::<Woken>::default();
        let waker = woken.clone().into();
        Self { connection: Box::pin(connection), begun, calls: FuturesUnordered::new(), woken, waker }
    }

    /// Lets all calls go on that can. A set of futures gives up its turn as soon as two of them have woken themselves, which
    /// each does that sends something; so it is asked again until none is left, but not without end.
    fn answer(&mut self) {
        for _ in 0..=self.calls.len() {
            self.woken.since_looked.store(false, Ordering::Release);
            let mut cx = Context::from_waker(&self.waker);
            while let Poll::Ready(Some(())) = self.calls.poll_next_unpin(&mut cx) {}
            if !self.woken.since_looked.load(Ordering::Acquire) {
                return;
            }
        }
    }
}

impl<C: Future> Future for WithCalls<C> {
    type Output = C::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<C::Output> {
        let this = &mut *self;
        this.woken.task.register(cx.waker());
        loop {
            // All that can be answered now is, before the connection writes.
            this.answer();
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
