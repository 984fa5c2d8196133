//! Seeded simulations of the steward: hosts that come, go, flap, are cut off, stop, lose their disks; changes that take
//! time, fail, get lost; leaders and policies that change.
//!
//! | file | what |
//! |---|---|
//! | `life` | one simulation: the queue of what happens |
//! | `world`, `machine` | hosts and their disks; what the store holds, which is what a steward sees |
//! | `leading` | elections, silence, a steward for each leader |
//! | `doing` | orders that are carried out, or lost |
//! | `serving` | hosts that start, register, serve |
//! | `trouble` | what befalls a mesh |
//! | `ending` | all is well again: what is then not as it should be |
//! | `tally` | how often each thing happened |
//! | `invariants/` | what always holds, one file each |
//!
//! A failure names its seed; `make sim SEEDS=<seed>` runs that one again and prints all that happened in it.

mod doing;
mod ending;
mod invariants;
mod leading;
mod life;
mod machine;
mod serving;
mod tally;
mod trouble;
mod world;

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use self::life::{Life, Trace};
use self::tally::{Counted, Tally};
use crate::sim::seeds;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// Without a wish: enough to meet rare coincidences, and little enough for every test run.
const DEFAULT: Range<u64> = 0..2000;

/// How many lines of what came before a violation are shown.
const SHOWN: usize = 120;

/// In how many lives of a thousand each thing is to happen, at the least.
const ENOUGH: u64 = 20;

/// What is wrong with what the steward is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mistake {
    None,
    /// Members seem to be heard that are not.
    HearsEverybody,
    /// The last exchange is not kept in the store.
    ForgetsExchanges,
    /// A clean stop looks like a death.
    MissesCleanStops,
    /// Learners seem to be caught up that are not.
    FindsAllCaughtUp,
}

/// Lives one seed; what happened in it, or what it broke.
fn live(seed: u64, mistake: Mistake, trace: Option<Trace>) -> Result<Tally, String> {
    let lived = catch_unwind(AssertUnwindSafe(|| Life::new(seed, mistake, trace).live()));
    lived.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(format!("a panic: {}", text.unwrap_or_default()))
    })
}

/// Lives these seeds: what happened in all of them, or one that breaks something.
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
fn a_mesh_keeps_its_quorum_and_gets_well_in_every_simulated_life() {
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

#[test]
fn a_dead_voter_is_replaced_in_less_than_five_seconds() {
    for seed in 0..100 {
        let took = Life::quiet(seed).kill_a_voter();
        assert!(took < 5 * SECOND, "seed {seed}: {took:?}");
        assert!(took >= 3 * SECOND, "seed {seed}: {took:?}, before it was dead");
    }
}

/// A mistake breaks some life that is sound without it.
fn is_found_out(mistake: Mistake) {
    let broken = live_all(0..400, mistake).expect_err("some life breaks");
    assert!(live(broken, mistake, None).is_err());
    assert!(live(broken, Mistake::None, None).is_ok());
}

#[test]
fn a_steward_that_takes_the_silent_for_present_is_found_out() {
    is_found_out(Mistake::HearsEverybody);
}

#[test]
fn a_steward_that_forgets_its_exchanges_is_found_out() {
    is_found_out(Mistake::ForgetsExchanges);
}

#[test]
fn a_steward_that_does_not_wait_for_who_stopped_cleanly_is_found_out() {
    is_found_out(Mistake::MissesCleanStops);
}

#[test]
fn a_steward_that_promotes_who_is_behind_is_found_out() {
    is_found_out(Mistake::FindsAllCaughtUp);
}

#[test]
fn a_seed_is_the_same_life_each_time() {
    for seed in 0..8 {
        let traces = [(); 2].map(|()| {
            let trace = Trace::default();
            let _ = live(seed, Mistake::None, Some(trace.clone()));
            trace.lock().unwrap_or_else(PoisonError::into_inner).clone()
        });
        assert!(traces[0].len() > 10);
        assert_eq!(traces[0], traces[1], "seed {seed}");
    }
}
