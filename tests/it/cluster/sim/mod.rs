//! Seeded simulations of whole clusters: members, disks, network, clients, in one thread.
//!
//! | file | what |
//! |---|---|
//! | `life` | one simulation: the queue of what happens, and a driver's loop |
//! | `member` | one member: its process, what waits in it |
//! | `disk` | the log's bytes, and what a crash leaves of them |
//! | `network` | losses, delays, cuts |
//! | `trouble` | what befalls a cluster |
//! | `clients`, `watchers` | who uses it, and what they saw |
//! | `machine`, `command` | the state machine, and what clients want of it |
//! | `telling` | inputs and outputs in a line each |
//! | `invariants/` | what always holds, one file each |
//!
//! A failure names its seed; `make sim SEEDS=<seed>` runs that one again and prints all that happened in it.

mod clients;
mod command;
mod disk;
mod invariants;
mod life;
mod machine;
mod member;
mod network;
mod telling;
mod trouble;
mod watchers;

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use self::life::{Life, Trace};
use crate::sim::seeds;

/// Microseconds since the simulation began.
type Time = u64;
const MS: Time = 1_000;
const SECOND: Time = 1_000 * MS;

/// Without a wish: enough to meet rare coincidences, and little enough for every test run.
const DEFAULT: Range<u64> = 0..2000;

/// How many lines of what came before a violation are shown.
const SHOWN: usize = 80;

/// An old mistake, put back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mistake {
    None,
    /// The driver says that a save is on disk when it is only written.
    AnswersBeforeSync,
}

/// Lives one seed; what it broke.
fn live(seed: u64, mistake: Mistake, trace: Option<Trace>) -> Result<(), String> {
    let lived = catch_unwind(AssertUnwindSafe(|| Life::new(seed, mistake, trace).live()));
    lived.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(format!("a panic: {}", text.unwrap_or_default()))
    })
}

/// The first seed, in time, that breaks something.
fn first_broken(seeds: Range<u64>, mistake: Mistake) -> Option<u64> {
    let next = AtomicU64::new(seeds.start);
    let broken = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while broken.lock().unwrap().is_none() {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    if live(seed, mistake, None).is_err() {
                        broken.lock().unwrap().get_or_insert(seed);
                    }
                }
            });
        }
    });
    broken.into_inner().unwrap()
}

#[test]
fn a_cluster_keeps_its_promises_in_every_simulated_life() {
    let seeds = seeds::from_environment(DEFAULT);
    let single = seeds.end - seeds.start == 1;
    let seed = if single { Some(seeds.start) } else { first_broken(seeds, Mistake::None) };
    let Some(seed) = seed else { return };
    let trace = Trace::default();
    let lived = live(seed, Mistake::None, Some(trace.clone()));
    let trace = trace.lock().unwrap_or_else(PoisonError::into_inner);
    let from = if single { 0 } else { trace.len().saturating_sub(SHOWN) };
    let lines = trace[from..].join("\n");
    match lived {
        Ok(()) => println!("{lines}"),
        Err(error) => panic!("seed {seed}: {error}\n\n{lines}\n\nthe whole of it: make sim SEEDS={seed}"),
    }
}

#[test]
fn an_answer_before_the_sync_is_found_out() {
    assert!(first_broken(0..400, Mistake::AnswersBeforeSync).is_some());
}

#[test]
fn a_seed_is_the_same_life_each_time() {
    for seed in 0..8 {
        let traces = [(); 2].map(|()| {
            let trace = Trace::default();
            let _ = live(seed, Mistake::None, Some(trace.clone()));
            trace.lock().unwrap_or_else(PoisonError::into_inner).clone()
        });
        assert!(traces[0].len() > 100);
        for (first, second) in traces[0].iter().zip(&traces[1]) {
            assert_eq!(first, second, "seed {seed}");
        }
    }
}
