//! Random policies, limits and times.

use std::time::Duration;

use fastrand::Rng;
use mgmt::engine::meta::Semaphore;
use mgmt::engine::sched::policy::{Limit, WakePolicy};
use mgmt::engine::sched::{Limits, Policy};

/// Whether something of this probability, in percent, happens.
pub fn percent(rng: &mut Rng, percent: u32) -> bool {
    rng.u32(0..100) < percent
}

/// A time between nothing and `most`, the short ones being the more likely.
pub fn short(rng: &mut Rng, most: Duration) -> Duration {
    let share = rng.f64();
    if percent(rng, 15) { Duration::ZERO } else { most.mul_f64(share * share * share) }
}

/// What a vertex's meta-parameters may mean. `crowded`: most wait for one another.
pub fn policy(rng: &mut Rng, crowded: bool) -> Policy {
    let mut semaphores: Vec<Semaphore> = Vec::new();
    if percent(rng, if crowded { 85 } else { 25 }) {
        for (id, count) in [("a", 1), ("b", 2), ("c", 1)] {
            if rng.bool() {
                semaphores.push(Semaphore { id: id.into(), count });
            }
        }
    }
    Policy {
        noop: percent(rng, 8),
        retries: match rng.u32(0..10) {
            0..5 => Some(0),
            5..8 => Some(rng.u32(1..4)),
            _ => None,
        },
        retry_reset: rng.bool(),
        retry_delay: if rng.bool() { Duration::ZERO } else { short(rng, Duration::from_secs(3)) },
        wake: match rng.u32(0..100) {
            0..76 => WakePolicy::Watch,
            76..88 => WakePolicy::Poll(Duration::from_secs(rng.u64(2..9))),
            _ => WakePolicy::Never,
        },
        limit: percent(rng, 12).then(|| Limit { per_second: 0.5 + 4.5 * rng.f64(), burst: rng.u32(1..4) }),
        semaphores,
        realize: percent(rng, 12),
        hidden: percent(rng, 6),
        refreshable: percent(rng, 60),
        waits: percent(rng, if crowded { 50 } else { 25 }),
    }
}

/// How much may run at once, and when it is quiet.
pub fn limits(rng: &mut Rng, crowded: bool) -> Limits {
    Limits {
        jobs: if !crowded && rng.bool() { u32::MAX } else { rng.u32(1..4) },
        waiting: rng.u32(1..5),
        converged_after: match rng.u32(0..5) {
            0 => None,
            1 => Some(Duration::ZERO),
            _ => Some(Duration::from_millis(rng.u64(1..6000))),
        },
    }
}
