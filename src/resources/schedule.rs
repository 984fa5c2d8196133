//! The kind `schedule`: this host stands where hosts are chosen.

use std::any::Any;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, stream};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::doc_of;
use super::world_call::{ask, look};
use crate::engine::drift::Shown;
use crate::engine::entry::Entry;
use crate::engine::registry::did_you_mean;
use crate::engine::world::{Candidacy, Deadline, Strategy};
use crate::engine::{
    Capabilities, Cx, Declaration, Drift, Found, Kind, KindDoc, Outputs, ParamError, Resource, ResourceError,
    Wake, Wakes,
};

crate::entry! {
    /// Makes this host a candidate where some hosts of the mesh are chosen.
    ///
    /// All hosts that stand for a namespace are candidates, and `max` of them are chosen. Which, `mgmt` tells everybody:
    /// a graph may do something only where its host is one of them. This host stands as long as the resource is in
    /// its graph, and stands again if its candidacy was lost. While the store is away it cannot stand: that is an
    /// error, which is tried again.
    ///
    /// ```yaml
    /// resources:
    ///   schedule:
    ///   - name: backup
    ///     strategy: rr
    ///     max: 2
    /// ```
    pub struct ScheduleParams {
        /// What hosts are chosen for. The resource's name if not given.
        namespace: Arc<str>,
        /// How they are chosen: `rr` keeps who was chosen and appends newcomers, `alpha` goes by name, `load` takes
        /// the least loaded and spreads them over zones. Of several opinions that of the oldest candidate counts.
        /// `rr` if not given.
        strategy: Option<Arc<str>>,
        /// How many are chosen, at least 1. 1 if not given.
        max: Option<u32>,
        /// Stay a candidate while this host is away.
        persist: bool = false,
        /// A host that is away for so many seconds is a candidate no longer, at least 1. 10 if not given.
        ttl: Option<u32>,
        /// Stand no longer: also ends a candidacy that persists.
        withdraw: bool = false,
    }
}

/// The seconds after which a host that is away is forgotten, if nobody says otherwise: enough for a restart.
const TTL_S: u32 = 10;
/// A candidacy that was lost without a change of who is chosen is missed after this time.
const LOOK: Duration = Duration::from_secs(60);
/// So long a candidacy that persists is being withdrawn once it has left the graph.
const LEAVE: Duration = Duration::from_secs(5);
/// What `strategy` takes.
const STRATEGIES: [(&str, Strategy); 3] =
    [("rr", Strategy::Rr), ("alpha", Strategy::Alpha), ("load", Strategy::Load)];

/// The kind `schedule`.
#[derive(Debug)]
pub struct ScheduleKind(KindDoc);

impl ScheduleKind {
    /// The kind.
    #[expect(clippy::new_without_default, reason = "kinds are made in one way")]
    pub fn new() -> Self {
        Self(doc_of::<ScheduleParams>("schedule", Vec::new()))
    }
}

impl Kind for ScheduleKind {
    fn describe(&self) -> &KindDoc {
        &self.0
    }

    fn build(&self, declaration: &Declaration) -> Result<Box<dyn Resource>, Vec<ParamError>> {
        let params = ScheduleParams::decode(&declaration.params)?;
        let mut errors = Vec::new();
        let strategy = strategy(params.strategy.as_deref()).map_err(|error| errors.push(error));
        let mut positive = |param, given: Option<u32>, default: u32| {
            let number = NonZeroU32::new(given.unwrap_or(default));
            if number.is_none() {
                errors.push(ParamError::at(param, format!("{param} is at least 1")));
            }
            number.map_or(default, NonZeroU32::get)
        };
        let (max, ttl_s) = (positive("max", params.max, 1), positive("ttl", params.ttl, TTL_S));
        let Ok(strategy) = strategy else { return Err(errors) };
        if !errors.is_empty() {
            return Err(errors);
        }
        let namespace = match params.namespace.is_empty() {
            true => declaration.label.name.clone(),
            false => params.namespace,
        };
        let candidacy = Candidacy { strategy, max, persist: params.persist, ttl_s };
        let want = (!params.withdraw).then_some(candidacy);
        Ok(Box::new(ScheduleResource { namespace, want, held: Mutex::default() }))
    }

    fn capabilities(&self, _: &Declaration) -> Capabilities {
        Capabilities::default()
    }
}

fn strategy(name: Option<&str>) -> Result<Strategy, ParamError> {
    let Some(name) = name.filter(|name| !name.is_empty()) else { return Ok(Strategy::default()) };
    let known = STRATEGIES.iter().find(|(known, _)| *known == name);
    known.map(|(_, strategy)| *strategy).ok_or_else(|| {
        let names = STRATEGIES.map(|(name, _)| name);
        let hint = match did_you_mean(name, names) {
            Some(guess) => format!("did you mean {guess:?}?"),
            None => format!("it is one of {}", names.join(", ")),
        };
        ParamError::at("strategy", format!("{name:?} is no strategy")).hint(hint)
    })
}

#[derive(Debug)]
struct ScheduleResource {
    namespace: Arc<str>,
    /// `None`: it withdraws.
    want: Option<Candidacy>,
    held: Mutex<Option<Held>>,
}

/// This host stands until this is dropped.
struct Held(#[allow(dead_code, reason = "held for its drop")] Box<dyn Any + Send + Sync>);

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Held")
    }
}

impl ScheduleResource {
    /// What was held is given up.
    fn hold(&self, held: Option<Held>) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = held;
    }

    fn holds(&self) -> bool {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }
}

fn show(candidacy: Option<&Candidacy>) -> Shown {
    let Some(Candidacy { strategy, max, persist, ttl_s }) = candidacy else { return Shown::Absent };
    let name = STRATEGIES.iter().find(|(_, known)| known == strategy).map_or("", |(name, _)| name);
    let kept = if *persist { ", persists" } else { "" };
    Shown::text(format!("{name}, max {max}, ttl {ttl_s} s{kept}"))
}

#[async_trait]
impl Resource for ScheduleResource {
    async fn watch(&self, cx: &Cx) -> Result<Wakes, ResourceError> {
        let follow = cx.world().schedule().chosen(&self.namespace);
        let known = follow.now();
        let mut ticker = interval_at(Instant::now() + LOOK, LOOK);
        ticker.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let wakes =
            stream::unfold((follow, known, ticker), |(mut follow, mut known, mut ticker)| async move {
                loop {
                    let seen = tokio::select! {
                        seen = follow.changed() => seen?,
                        _ = ticker.tick() => break,
                    };
                    // That the store is back is worth a look as well.
                    if known.as_ref() != Some(&seen) {
                        known = Some(seen);
                        break;
                    }
                }
                Some((Ok(Wake::default()), (follow, known, ticker)))
            });
        Ok(Wakes::stream(wakes.boxed()))
    }

    async fn check(&self, cx: &Cx) -> Result<Found, ResourceError> {
        let schedule = cx.world().schedule();
        let mut drift = Drift::none();
        let Some(found) = look(cx, |by| schedule.standing(&self.namespace, by)).await? else {
            drift.add("candidacy", Shown::text("unknown"), show(self.want.as_ref()));
            return Ok(Found::drift(drift));
        };
        if found != self.want {
            drift.add("candidacy", show(found.as_ref()), show(self.want.as_ref()));
        } else if self.want.is_some() && !self.holds() {
            // Nobody renews what an earlier run has left.
            drift.add("candidacy", Shown::text("of an earlier run"), show(self.want.as_ref()));
        }
        Ok(Found::drift(drift))
    }

    async fn apply(&self, cx: &Cx, _: Drift) -> Result<Outputs, ResourceError> {
        let schedule = cx.world().schedule();
        self.hold(None);
        match &self.want {
            Some(candidacy) => {
                let held = ask(cx, |by| schedule.stand(&self.namespace, candidacy, by)).await?;
                self.hold(Some(Held(held)));
            }
            None => ask(cx, |by| schedule.withdraw(&self.namespace, by)).await?,
        }
        Ok(Outputs::none())
    }

    fn leave(&self, cx: &Cx) -> Option<BoxFuture<'static, ()>> {
        // What does not persist ends with what is held.
        self.want.as_ref().filter(|candidacy| candidacy.persist)?;
        let (schedule, namespace) = (cx.world().schedule(), self.namespace.clone());
        let leave = async move {
            if let Err(error) = schedule.withdraw(&namespace, Deadline::after(LEAVE)).await {
                tracing::warn!(%namespace, %error, "stays a candidate: declare it with `withdraw: true`");
            }
        };
        Some(leave.boxed())
    }
}

#[cfg(test)]
mod tests;
