//! A stream's queue.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::notice::Notice;

/// What a stream has still to be told. The hub fills it, whoever serves the stream empties it, without the hub's lock.
#[derive(Debug, Default)]
pub struct Outbox {
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    notices: VecDeque<Notice>,
    /// How many events lie in the notices.
    events: usize,
    reader: Option<Waker>,
    /// Who waits for room, and in how many events.
    writer: Option<(Waker, usize)>,
    closed: bool,
}

impl Outbox {
    /// The next notice; the task is woken when there is one. `None`: the stream has ended.
    pub fn poll_take(&self, cx: &mut Context<'_>) -> Poll<Option<Notice>> {
        let mut queue = self.lock();
        if let Some(notice) = queue.take() {
            return Poll::Ready(Some(notice));
        }
        if queue.closed {
            return Poll::Ready(None);
        }
        if !queue.reader.as_ref().is_some_and(|reader| reader.will_wake(cx.waker())) {
            queue.reader = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    /// The next notice, if there is one now.
    pub fn try_take(&self) -> Option<Notice> {
        self.lock().take()
    }

    /// How many notices lie in it: whoever serves the stream reads no more requests while these are many.
    pub fn len(&self) -> usize {
        self.lock().notices.len()
    }

    /// Whether nothing lies in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds an answer to a request of the stream: always taken, as the server bounds requests.
    pub(super) fn answer(&self, notice: Notice) {
        self.lock().push(notice);
    }

    /// Adds a notice unless that makes more events than `limit`; an empty queue takes any number. Returns whether it
    /// was taken.
    pub(super) fn offer(&self, notice: Notice, limit: usize) -> bool {
        let mut queue = self.lock();
        let taken = queue.has_room(notice.weight(), limit);
        if taken {
            queue.push(notice);
        }
        taken
    }

    /// Whether half of it is free: then it is worth going on. If not, wakes once it is.
    pub(super) fn has_room(&self, limit: usize, waker: &Waker) -> bool {
        let mut queue = self.lock();
        let has_room = queue.has_room(1, limit / 2);
        if !has_room {
            queue.writer = Some((waker.clone(), limit / 2));
        }
        has_room
    }

    /// After an offer that was not taken: wakes once half is free, but not before something was taken out, as what was
    /// offered may not fit into a half.
    pub(super) fn wake_for_room(&self, limit: usize, waker: &Waker) {
        let mut queue = self.lock();
        if queue.events == 0 {
            // It was emptied since the offer.
            waker.wake_by_ref();
        } else {
            queue.writer = Some((waker.clone(), limit / 2));
        }
    }

    pub(super) fn close(&self) {
        let mut queue = self.lock();
        queue.closed = true;
        queue.wake();
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // A reader that panicked left a whole queue: each method changes it in one go.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn has_room(&self, events: usize, limit: usize) -> bool {
        self.events == 0 || self.events + events <= limit
    }

    fn push(&mut self, notice: Notice) {
        self.events += notice.weight();
        self.notices.push_back(notice);
        self.wake();
    }

    fn take(&mut self) -> Option<Notice> {
        let notice = self.notices.pop_front()?;
        self.events -= notice.weight();
        let events = self.events;
        if let Some((waker, _)) = self.writer.take_if(|(_, half)| events == 0 || events < *half) {
            waker.wake();
        }
        if self.notices.is_empty() && self.notices.capacity() > 32 {
            // Ten thousand idle streams must not keep the room of their busiest moment.
            self.notices = VecDeque::new();
        }
        Some(notice)
    }

    fn wake(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

impl Notice {
    /// What it counts for in a queue. Progress that nobody asked for counts, so that it cannot pile up.
    fn weight(&self) -> usize {
        match self {
            Self::Events { events, .. } => events.len(),
            Self::Progress { .. } => 1,
            Self::Created { .. } | Self::Refused { .. } | Self::Canceled { .. } | Self::Compacted { .. } => 0,
        }
    }
}
