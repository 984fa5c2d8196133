//! The kind `timer`: a beat for others.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{StreamExt as _, stream};
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::doc_of;
use crate::engine::drift::{DriftItem, Shown, Weight};
use crate::engine::entry::Entry;
use crate::engine::{
    Capabilities, Cx, Declaration, Drift, Found, Kind, KindDoc, Outputs, ParamError, Resource, ResourceError,
    Wake, Wakes,
};

crate::entry! {
    /// Refreshes others at regular intervals.
    ///
    /// Edges with `notify` lead from it to what is to be refreshed. The first tick comes one interval after the start.
    /// Ticks that nobody had time for count as one. A tick by itself is no change, and does not keep a
    /// graph from converging; what it makes others do is one. A refresh of the timer starts the interval anew, and is not passed on.
    ///
    /// ```yaml
    /// resources:
    ///   timer:
    ///   - name: hourly
    ///     interval: 3600
    ///   print:
    ///   - name: an hour has passed
    ///     refresh_only: true
    /// edges:
    /// - name: e1
    ///   from: {kind: timer, name: hourly}
    ///   to: {kind: print, name: an hour has passed}
    ///   notify: true
    /// ```
    pub struct TimerParams {
        /// Seconds from tick to tick, at least 1. Required.
        interval: u32,
    }
}

/// The kind `timer`.
#[derive(Debug)]
pub struct TimerKind(KindDoc);

impl TimerKind {
    /// The kind.
    #[expect(clippy::new_without_default, reason = "kinds are made in one way")]
    pub fn new() -> Self {
        Self(doc_of::<TimerParams>("timer", Vec::new()))
    }
}

impl Kind for TimerKind {
    fn describe(&self) -> &KindDoc {
        &self.0
    }

    fn build(&self, declaration: &Declaration) -> Result<Box<dyn Resource>, Vec<ParamError>> {
        let params = TimerParams::decode(&declaration.params)?;
        let Some(seconds) = NonZeroU32::new(params.interval) else {
            let error = ParamError::at("interval", "a timer needs an interval of at least one second")
                .hint("add `interval:` with a number of seconds");
            return Err(vec![error]);
        };
        Ok(Box::new(TimerResource::new(Duration::from_secs(seconds.get().into()))))
    }

    fn capabilities(&self, _: &Declaration) -> Capabilities {
        Capabilities { refreshable: true, ..Capabilities::default() }
    }
}

#[derive(Debug)]
struct TimerResource {
    interval: Duration,
    ticks: Arc<Ticks>,
}

#[derive(Debug, Default)]
struct Ticks {
    /// A tick came, and has not been passed on.
    due: AtomicBool,
    restart: Notify,
}

impl TimerResource {
    fn new(interval: Duration) -> Self {
        Self { interval, ticks: Arc::default() }
    }
}

#[async_trait]
impl Resource for TimerResource {
    async fn watch(&self, _: &Cx) -> Result<Wakes, ResourceError> {
        let mut ticker = interval_at(Instant::now() + self.interval, self.interval);
        ticker.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let wakes = stream::unfold((ticker, self.ticks.clone()), |(mut ticker, ticks)| async move {
            loop {
                tokio::select! {
                    _ = ticker.tick() => break,
                    () = ticks.restart.notified() => ticker.reset(),
                }
            }
            ticks.due.store(true, Ordering::SeqCst);
            Some((Ok(Wake::default()), (ticker, ticks)))
        });
        Ok(Wakes::stream(wakes.boxed()))
    }

    async fn check(&self, cx: &Cx) -> Result<Found, ResourceError> {
        let mut drift = Drift::none();
        if cx.noop {
            return Ok(Found::nothing());
        }
        if cx.refresh {
            // No item of the drift: that would refresh what follows, at once. The count is no part of the system.
            self.ticks.restart.notify_one();
        }
        if self.ticks.due.load(Ordering::SeqCst) {
            let (found, wanted) = (Shown::text("due"), Shown::text("passed on"));
            drift.push(DriftItem { member: 0, what: "tick", found, wanted, weight: Weight::Beat });
        }
        Ok(Found::drift(drift))
    }

    async fn apply(&self, _: &Cx, _: Drift) -> Result<Outputs, ResourceError> {
        self.ticks.due.store(false, Ordering::SeqCst);
        Ok(Outputs::none())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::engine::Value;
    use crate::resources::testing::{Bench, Subject, refused};

    /// A timer of this interval, where the parameter would have whole seconds.
    fn timer(bench: &Bench, interval: Duration) -> Subject {
        let mut subject = bench.build(&TimerKind::new(), "t", &[("interval", Value::Int(1))]);
        subject.resource = Box::new(TimerResource::new(interval));
        subject
    }

    #[tokio::test]
    async fn a_tick_is_a_beat_and_the_first_check_is_none() {
        let bench = Bench::new();
        let subject = timer(&bench, Duration::from_millis(5));
        let mut wakes = subject.resource.watch(&subject.cx()).await.unwrap().stream.unwrap();
        assert!(subject.run().await.drift.is_empty());
        for _ in 0..2 {
            wakes.next().await.unwrap().unwrap();
            assert!(subject.noop().await.drift.is_empty(), "noop passes nothing on");
            let ran = subject.repair().await;
            assert_eq!(ran.shown(), ["tick: due -> passed on"]);
            assert!(!ran.drift.is_change());
        }
    }

    #[tokio::test]
    async fn a_refresh_starts_the_interval_anew_and_ticks_go_on() {
        let bench = Bench::new();
        let interval = Duration::from_millis(200);
        let subject = timer(&bench, interval);
        let started = Instant::now();
        let mut wakes = subject.resource.watch(&subject.cx()).await.unwrap().stream.unwrap();
        assert!(wakes.next().now_or_never().is_none());
        tokio::time::sleep(interval / 2).await;
        assert!(subject.refresh().await.drift.is_empty());
        wakes.next().await.unwrap().unwrap();
        assert!(started.elapsed() >= interval * 3 / 2, "it was not restarted");
        wakes.next().await.unwrap().unwrap();
    }

    #[test]
    fn an_interval_is_required_and_cannot_be_nothing() {
        for params in [&[][..], &[("interval", Value::Int(0))], &[("interval", Value::Int(-1))]] {
            assert_eq!(refused(&TimerKind::new(), "t", params)[0].param, Some("interval"));
        }
    }
}
