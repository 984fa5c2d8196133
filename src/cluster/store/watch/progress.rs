//! Telling how far watches are although nothing happens.

use std::time::Duration;

use super::super::id::Revision;
use super::StreamId;
use super::hub::{Place, Watch, WatchHub};
use super::notice::Notice;
use crate::engine::sched::Time;

impl WatchHub {
    /// Answers how far a stream is: only when each of its watches is up to date and its start has come, and behind all
    /// events that were told before. Else nothing is said, as in etcd; the client asks again.
    pub fn request_progress(&mut self, id: StreamId) {
        let seen = self.seen;
        let limit = self.limits.queued_events;
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let outbox = stream.outbox.clone();
        let mut any = false;
        let all = stream.all_mut().inspect(|_| any = true).all(|(_, it)| it.is_told_to(seen));
        if any && all {
            outbox.offer(Notice::Progress { watch: None, revision: seen }, limit);
        }
    }

    /// Tells watches that want it how far they are, when they have told nothing for a while.
    pub fn tell_progress(&mut self, now: Time) {
        while let Some((tick, id)) = self.ticks.first().copied().filter(|(tick, _)| *tick <= now) {
            self.ticks.remove(&(tick, id));
            let seen = self.seen;
            let limit = self.limits.queued_events;
            let Some(stream) = self.streams.get_mut(&id) else { continue };
            stream.tick = None;
            let outbox = stream.outbox.clone();
            let mut wanted = false;
            for (watch, it) in stream.all_mut().filter(|(_, it)| it.progress) {
                wanted = true;
                if std::mem::replace(&mut it.quiet, true) && it.is_told_to(seen) {
                    outbox.offer(Notice::Progress { watch: Some(watch), revision: seen }, limit);
                }
            }
            if wanted {
                self.schedule(id, now);
            }
        }
    }

    /// When [`tell_progress`](Self::tell_progress) is to be called next.
    pub fn next_progress(&self) -> Option<Time> {
        self.ticks.first().map(|(tick, _)| *tick)
    }

    /// Looks at a stream after its time, unless that is set. Streams that come together do not stay together: each has
    /// its own share of a tenth more.
    pub(super) fn schedule(&mut self, id: StreamId, now: Time) {
        let every = self.limits.progress_every;
        let Some(stream) = self.streams.get_mut(&id) else { return };
        if stream.tick.is_some() {
            return;
        }
        // The golden ratio spreads consecutive numbers evenly.
        let share = id.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let more = u64::try_from(every.as_nanos() / 10).unwrap_or(u64::MAX >> 32);
        let more = Duration::from_nanos(((u128::from(more) * u128::from(share)) >> 32) as u64);
        let tick = now + every + more;
        stream.tick = Some(tick);
        self.ticks.insert((tick, id));
    }
}

impl Watch {
    /// Whether it has been handed everything up to a revision that is not before its start.
    fn is_told_to(&self, seen: Revision) -> bool {
        self.place == Place::Synced && self.asked <= seen
    }
}
