//! Seeded simulations of whole clusters: members, disks, network, clients, in one thread.
//!
//! | file | what |
//! |---|---|
//! | `life` | one simulation: the queue of what happens, and a driver's loop |
//! | `fate` | members come, fall, rise again and go |
//! | `asking` | what clients and watchers ask, and are told |
//! | `ending` | all is well again: what is then not as it should be |
//! | `tally` | how often each thing happened |
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

mod asking;
mod clients;
mod command;
mod disk;
mod ending;
mod fate;
mod invariants;
mod life;
mod machine;
mod member;
mod network;
mod tally;
mod telling;
mod trouble;
mod watchers;

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use self::life::{Life, Trace};
use self::tally::{Counted, Tally};
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
    /// A member reads what it has, without asking the others whether that is all.
    ReadsUnasked,
    /// A watcher that comes from another member is told what happens from then on.
    WatchesFromNow,
}

/// In how many lives of a thousand each thing is to happen, at the least.
const ENOUGH: u64 = 20;

/// Lives one seed; what happened in it, or what it broke.
fn live(seed: u64, mistake: Mistake, trace: Option<Trace>) -> Result<Tally, String> {
    let lived = catch_unwind(AssertUnwindSafe(|| Life::new(seed, mistake, trace).live()));
    lived.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(format!("a panic: {}", text.unwrap_or_default()))
    })
}

/// Lives these seeds: what happened in all of them, or the first, in time, that breaks something.
fn live_all(seeds: Range<u64>, mistake: Mistake) -> Result<Tally, u64> {
    let next = AtomicU64::new(seeds.start);
    let lived = Mutex::new(Ok(Tally::default()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while lived.lock().unwrap().is_ok() {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let one = live(seed, mistake, None);
                    let mut all = lived.lock().unwrap();
                    match (&mut *all, one) {
                        (Ok(all), Ok(one)) => all.join(&one),
                        (Ok(_), Err(_)) => *all = Err(seed),
                        (Err(_), _) => {}
                    }
                }
            });
        }
    });
    lived.into_inner().unwrap()
}

/// Lives one seed again, and tells all that happened.
fn tell(seed: u64, single: bool) {
    let trace = Trace::default();
    let lived = live(seed, Mistake::None, Some(trace.clone()));
    let trace = trace.lock().unwrap_or_else(PoisonError::into_inner);
    let from = if single { 0 } else { trace.len().saturating_sub(SHOWN) };
    let lines = trace[from..].join("\n");
    match lived {
        Ok(tally) => println!("{lines}\n\n{tally}"),
        Err(error) => panic!("seed {seed}: {error}\n\n{lines}\n\nthe whole of it: make sim SEEDS={seed}"),
    }
}

#[test]
fn a_cluster_keeps_its_promises_in_every_simulated_life() {
    let seeds = seeds::from_environment(DEFAULT);
    let lives = seeds.end.saturating_sub(seeds.start);
    if lives == 1 {
        return tell(seeds.start, true);
    }
    match live_all(seeds, Mistake::None) {
        Ok(tally) => {
            println!("{tally}");
            // Few lives need not have seen everything.
            for what in Counted::ALL.into_iter().filter(|_| lives >= 1000) {
                let seen = tally.lives(what);
                assert!(seen >= lives / 1000 * ENOUGH, "{what:?} in {seen} of {lives} lives\n{tally}");
            }
        }
        Err(seed) => tell(seed, false),
    }
}

/// A mistake breaks a life that is sound without it.
fn is_found_out(mistake: Mistake) {
    let broken = live_all(0..400, mistake).expect_err("some life breaks");
    assert!(live(broken, mistake, None).is_err());
    assert!(live(broken, Mistake::None, None).is_ok());
}

#[test]
fn an_answer_before_the_sync_is_found_out() {
    is_found_out(Mistake::AnswersBeforeSync);
}

#[test]
fn a_read_that_asks_nobody_is_found_out() {
    is_found_out(Mistake::ReadsUnasked);
}

#[test]
fn a_watch_that_skips_events_is_found_out() {
    is_found_out(Mistake::WatchesFromNow);
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
