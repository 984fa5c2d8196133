//! Seeded simulations of the pure scheduler in a made-up world. One file an invariant, in `invariants/`.
//!
//! | file | what |
//! |---|---|
//! | `seeds` | which seeds, from `MGMT_SIM_SEEDS` |
//! | `dice` | random graphs, policies and lives |
//! | `garden` | the graph as the user changes it, and the deltas that follow |
//! | `world` | what the vertices keep: objects, faults, watches, runs |
//! | `model`, `known` | what is known of each vertex, told anew and simply: a second opinion |
//! | `life` | one simulation: the loop of a driver, with a clock of its own |
//! | `ending` | how it ended, and what is told of it |
//!
//! A failure names its seed; `make sim SEEDS=<seed>` runs that one again and prints all that happened in it.

mod dice;
mod ending;
mod garden;
mod invariants;
mod known;
mod life;
mod model;
pub mod seeds;
mod world;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use self::ending::{Ended, Trace};
use self::life::Life;

/// Without a wish: enough to meet rare coincidences, and little enough for every test run.
const DEFAULT: std::ops::Range<u64> = 0..5000;

/// How many lines of what came before a violation are shown.
const SHOWN: usize = 60;

#[test]
fn the_scheduler_keeps_its_invariants_in_every_simulated_life() {
    let seeds = seeds::from_environment(DEFAULT);
    let single = seeds.end - seeds.start == 1;
    let next = AtomicU64::new(seeds.start);
    let failure = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while failure.lock().unwrap().is_none() {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let ended = std::panic::catch_unwind(|| Life::new(seed, None).live());
                    let ended = ended.unwrap_or_else(|_| Ended::panicked());
                    if single || ended.violation.is_some() {
                        failure.lock().unwrap().get_or_insert(seed);
                    }
                }
            });
        }
    });
    if let Some(seed) = failure.into_inner().unwrap() {
        tell(seed, single);
    }
}

/// Lives one seed again, and tells what happened.
fn tell(seed: u64, whole: bool) {
    let trace = Trace::default();
    let ended = std::panic::catch_unwind(|| Life::new(seed, Some(trace.clone())).live());
    let ended = ended.unwrap_or_else(|_| Ended::panicked());
    let trace = trace.lock().unwrap_or_else(PoisonError::into_inner).join("\n");
    let Some(violation) = ended.violation else { return println!("{trace}") };
    let concerned = |line: &&str| whole || violation.concerns.iter().any(|name| line.contains(name));
    let lines: Vec<&str> = trace.lines().filter(concerned).collect();
    let lines = if whole { &lines[..] } else { &lines[lines.len().saturating_sub(SHOWN)..] };
    panic!(
        "seed {seed} breaks `{}`: {}\n\n{}\n\nthe whole of it: make sim SEEDS={seed}",
        violation.invariant,
        violation.text,
        lines.join("\n")
    );
}
