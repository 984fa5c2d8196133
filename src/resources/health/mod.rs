//! Whether a server answers: what `http:check` and `tcp:check` have in common.
//!
//! Servers send no events, so the watch asks at an interval, and soon after each event of this host's own network, and
//! wakes the vertex when the verdict turns. A check uses
//! that verdict; where nobody watches (a plan, `poll`), and at a refresh, it asks itself.

pub(crate) mod tally;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{StreamExt as _, stream};

use crate::engine::drift::{DriftItem, Shown, Weight};
use crate::engine::kind::{Ask, Uid};
use crate::engine::params::OutputDecl;
use crate::engine::ty::{Type, Width};
use crate::engine::{
    Class, Cx, Drift, Found, Outputs, ParamError, Resource, ResourceError, Value, Wake, Wakes,
};
use crate::resources::host::Host;
use crate::resources::host::netlink::Watchers;
use crate::resources::host::probe::{Probe, ProbeError, Prober};
use crate::resources::host::shared_watch::Member;
use tally::{Tally, Thresholds, Verdict};

/// How long a service of this host may take to listen, before the first answer counts.
const PATIENCE: Duration = Duration::from_secs(5);
/// Until it is asked again meanwhile.
const AGAIN: Duration = Duration::from_millis(100);

/// The shortest interval between two questions, in ms: nobody should be worn down by being asked.
const SHORTEST: u32 = 100;

/// A server does not answer as it should.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HealthError {
    #[error("{who} should {wanted}")]
    Down {
        who: String,
        wanted: String,
        #[source]
        cause: Arc<ProbeError>,
    },
    #[error("ask {who}: cancelled")]
    Cancelled { who: String },
}

impl From<HealthError> for ResourceError {
    fn from(error: HealthError) -> Self {
        let hint = match &error {
            HealthError::Down { cause, .. } => Some(cause.hint()),
            HealthError::Cancelled { .. } => None,
        };
        Self::of(Class::Transient, hint, error)
    }
}

/// How often a server is asked, and how often it must say the same.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rhythm {
    pub interval: Duration,
    pub thresholds: Thresholds,
}

impl Rhythm {
    /// From the parameters of a declaration; what cannot be is added to `errors`.
    pub fn new(interval_ms: u32, failures: u32, successes: u32, errors: &mut Vec<ParamError>) -> Self {
        if interval_ms < SHORTEST {
            let error = ParamError::at("interval_ms", format!("{interval_ms} ms is too short"));
            errors.push(error.hint(format!("ask at most every {SHORTEST} ms")));
        }
        for (param, count) in [("failures", failures), ("successes", successes)] {
            if count == 0 {
                errors.push(ParamError::at(param, "it must be at least 1"));
            }
        }
        let thresholds = Thresholds { failures, successes };
        Self { interval: Duration::from_millis(interval_ms.into()), thresholds }
    }
}

/// Reads `timeout_ms`.
pub(crate) fn timeout(timeout_ms: u32, errors: &mut Vec<ParamError>) -> Duration {
    if timeout_ms == 0 {
        errors.push(ParamError::at("timeout_ms", "no answer comes within 0 ms"));
    }
    Duration::from_millis(timeout_ms.into())
}

/// What both kinds send.
pub(crate) fn outputs() -> Vec<OutputDecl> {
    vec![
        OutputDecl {
            name: "up",
            ty: Type::Bool,
            doc: "Whether it answers. Those who receive it run only while it does.",
            secret: false,
        },
        OutputDecl {
            name: "latency_ms",
            ty: Type::Int(Width::I64),
            doc: "How long the answer took, in ms. Sent again when it has doubled or halved, by 10 ms at least.",
            secret: false,
        },
    ]
}

/// A server is asked after the interface that has its address; one of this host after all services that are to run, for
/// nobody knows on which ports they listen.
pub(crate) fn asks(probe: &Probe) -> Vec<Ask> {
    let address = |address: std::net::IpAddr| {
        Ask::after(vec![Uid::new("address", address.to_string())], "the interface with its address")
    };
    let services =
        || Ask::after_every(Uid::new("running", "this host"), "a service of the host that it asks");
    probe.address().map(address).into_iter().chain(probe.is_local().then(services)).collect()
}

/// A server that is asked whether it answers.
#[derive(Debug)]
pub(crate) struct Health {
    server: Arc<Server>,
    network: Arc<Watchers>,
    /// Alive while somebody watches.
    watch: Mutex<Weak<()>>,
}

#[derive(Debug)]
struct Server {
    prober: Arc<dyn Prober>,
    probe: Probe,
    rhythm: Rhythm,
    tally: Mutex<Tally>,
}

impl Health {
    /// Of a server, of which nothing is known yet.
    pub fn new(host: &Host, probe: Probe, rhythm: Rhythm) -> Self {
        let tally = Mutex::new(Tally::new(rhythm.thresholds));
        let server = Arc::new(Server { prober: host.prober.clone(), probe, rhythm, tally });
        Self { server, network: host.netlink.clone(), watch: Mutex::default() }
    }

    fn is_watched(&self) -> bool {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner).strong_count() > 0
    }
}

impl Server {
    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks, and returns whether the answer is news. While nothing listens it is asked again, for as long as `patience`
    /// lasts.
    async fn ask(&self, patience: Duration) -> bool {
        let until = tokio::time::Instant::now() + patience;
        let mut answer = self.prober.probe(&self.probe).await;
        while matches!(answer, Err(ProbeError::Refused)) && tokio::time::Instant::now() < until {
            tokio::time::sleep(AGAIN).await;
            answer = self.prober.probe(&self.probe).await;
        }
        if let Err(error) = &answer {
            tracing::debug!(server = %self.probe, error = error as &dyn std::error::Error, "no good answer");
        }
        self.tally().observe(answer)
    }

    fn found(&self) -> Found {
        let tally = self.tally();
        let mut found = Found { drift: Drift::none(), outputs: outputs_of(&tally) };
        match tally.verdict() {
            Some(Verdict::Down { cause }) => {
                found.drift.add("up", Shown::text(cause.to_string()), Shown::text("it answers"));
            }
            Some(Verdict::Up { .. }) if tally.has_returned() => {
                // It is as it was before: those who depend on it are refreshed, and nothing has changed.
                let (found_was, wanted) = (Shown::text("it answers again"), Shown::text("passed on"));
                let item =
                    DriftItem { member: 0, what: "up", found: found_was, wanted, weight: Weight::Beat };
                found.drift.push(item);
            }
            _ => {}
        }
        found
    }
}

fn outputs_of(tally: &Tally) -> Outputs {
    let Some(verdict) = tally.verdict() else { return Outputs::none() };
    let latency = match verdict {
        Verdict::Up { latency } => i64::try_from(latency.as_millis()).ok(),
        Verdict::Down { .. } => None,
    };
    let mut outputs = Outputs::none();
    outputs.send(0, "up", Some(Value::Bool(latency.is_some())));
    outputs.send(0, "latency_ms", latency.map(Value::Int));
    outputs
}

/// After an event of the network, this long at the most until a server is asked: an event seldom comes alone, and not
/// all servers should be asked at once.
const SOON: Duration = Duration::from_millis(500);

/// When the next question is due, and who says that it is sooner.
struct Clock {
    interval: Duration,
    /// Kept for as long as its events count.
    network: Option<(Member, tokio::sync::watch::Receiver<u64>)>,
}

impl Clock {
    /// Waits for the interval, or for an event of the network and a little longer.
    async fn tick(&mut self) {
        // Without random numbers the intervals are still right.
        let random = getrandom::u32().unwrap_or(u32::MAX / 2);
        let rest = tokio::time::sleep(jittered(self.interval, random));
        let event = async {
            let heard = match &mut self.network {
                Some((_, events)) => events.changed().await.is_ok(),
                None => false,
            };
            if !heard {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(SOON.mul_f64(f64::from(random) / f64::from(u32::MAX))).await;
        };
        tokio::select! {
            () = rest => {}
            () = event => {}
        }
        if let Some((_, events)) = &mut self.network {
            events.borrow_and_update();
        }
    }
}

/// The interval, up to a tenth shorter or longer: three hundred vertices that began together do not ask together.
fn jittered(interval: Duration, random: u32) -> Duration {
    let tenth = interval / 10;
    interval - tenth + (2 * tenth).mul_f64(f64::from(random) / f64::from(u32::MAX))
}

#[async_trait]
impl Resource for Health {
    async fn watch(&self, _: &Cx) -> Result<Wakes, ResourceError> {
        let watching = Arc::new(());
        *self.watch.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&watching);
        let events = self.network.events();
        // Where the network cannot be heard, the interval alone counts.
        let network = self.network.join(None).ok().map(|member| (member, events));
        let clock = Clock { interval: self.server.rhythm.interval, network };
        let state = (self.server.clone(), clock, watching);
        let wakes = stream::unfold(state, |(server, mut clock, watching)| async move {
            loop {
                clock.tick().await;
                if server.ask(Duration::ZERO).await {
                    return Some((Ok(Wake::default()), (server, clock, watching)));
                }
            }
        });
        Ok(Wakes::stream(wakes.boxed()))
    }

    async fn check(&self, cx: &Cx) -> Result<Found, ResourceError> {
        let is_first = self.server.tally().verdict().is_none();
        let known = self.is_watched() && !is_first;
        if !known || cx.refresh {
            let cancelled = cx.cancel.cancelled();
            // A service of this host that was just started may not listen yet.
            let is_patient = is_first && !cx.noop && self.server.probe.is_local();
            let patience =
                if is_patient { PATIENCE.min(self.server.probe.timeout()) } else { Duration::ZERO };
            tokio::select! {
                _ = self.server.ask(patience) => {}
                () = cancelled => {
                    return Err(HealthError::Cancelled { who: self.server.probe.to_string() }.into());
                }
            }
        }
        Ok(self.server.found())
    }

    async fn apply(&self, _: &Cx, _: Drift) -> Result<Outputs, ResourceError> {
        let mut tally = self.server.tally();
        if let Some(Verdict::Down { cause }) = tally.verdict() {
            let (who, wanted) = (self.server.probe.to_string(), self.server.probe.wanted());
            return Err(HealthError::Down { who, wanted, cause: cause.clone() }.into());
        }
        tally.told_return();
        Ok(outputs_of(&tally))
    }
}
