//! What the meta-parameters mean for scheduling.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::engine::kind::Capabilities;
use crate::engine::meta::{Meta, Semaphore};

/// How one vertex is scheduled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// Nothing is applied: a run's drift neither refreshes anyone nor restarts the quiet clock.
    pub noop: bool,
    /// More tries after a failure; `None`: without end.
    pub retries: Option<u32>,
    /// A success refills the retries.
    pub retry_reset: bool,
    /// Before each retry.
    pub retry_delay: Duration,
    /// How it learns of changes.
    pub wake: WakePolicy,
    /// Checks a second on average, and at once.
    pub limit: Option<Limit>,
    /// To be held while it runs; sorted.
    pub semaphores: Vec<Semaphore>,
    /// It settles once before it may leave.
    pub realize: bool,
    /// It never runs, and is always as wanted.
    pub hidden: bool,
    /// A refresh makes it dirty.
    pub refreshable: bool,
    /// It may wait for long: bounded separately.
    pub waits: bool,
}

/// How a vertex learns of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WakePolicy {
    /// Its watch tells; armed before the first check.
    Watch,
    /// A check at each interval.
    Poll(Duration),
    /// Never after the first check.
    Never,
}

/// A token bucket.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limit {
    /// Checks a second, on average.
    pub per_second: f64,
    /// Checks at once.
    pub burst: u32,
}

impl Policy {
    /// The policy of a vertex with these meta-parameters. `noop_all` and `sema_all` are `--noop` and `--sema N`.
    pub fn new(meta: &Meta, capabilities: &Capabilities, noop_all: bool, sema_all: Option<u32>) -> Self {
        let mut semaphores = meta.semaphores();
        if let Some(count) = sema_all {
            // No user can write this id: a name needs a letter.
            semaphores.push(Semaphore { id: format!(":{count}").into(), count });
            semaphores.sort();
        }
        Self {
            noop: meta.noop || noop_all,
            retries: u32::try_from(meta.retry).ok(),
            retry_reset: meta.retryreset,
            retry_delay: meta.delay(),
            wake: match meta.poll {
                0 if capabilities.unwatched => WakePolicy::Never,
                0 => WakePolicy::Watch,
                seconds => match u64::try_from(seconds) {
                    Ok(seconds) => WakePolicy::Poll(Duration::from_secs(seconds)),
                    Err(_) => WakePolicy::Never,
                },
            },
            limit: meta.limit.is_finite().then(|| Limit { per_second: meta.limit, burst: meta.burst.max(1) }),
            semaphores,
            realize: meta.realize,
            // One that is exported runs for that.
            hidden: meta.hidden && meta.export.is_empty(),
            refreshable: capabilities.refreshable,
            waits: capabilities.waits,
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::new(&Meta::shared_default(), &Capabilities::default(), false, None)
    }
}
