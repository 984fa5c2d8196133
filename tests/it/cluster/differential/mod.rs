//! Two servers in lock step: seeded random requests, and every answer compared, field by field, with that of etcd 3.5.
//!
//! What changes something is asked one by one, of both; then some requests that only read, all at once. Ids, terms,
//! indexes and sizes are left out (`normal`). Each seed has a pair of fresh servers; two run side by side.
//! `make differential SEED=7 REQUESTS=100000`.

mod draw;
mod line;
mod normal;
mod rare;
mod request;
mod run;
mod settings;
mod users;
mod watching;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Instant;

use self::run::{Run, run};
use self::settings::Settings;

/// Requests to one pair of servers.
const PER_PAIR: usize = 10_000;
/// Pairs at once.
const PAIRS: usize = 2;

fn run_seed(settings: &Settings, seed: u64, requests: usize) -> Run {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(run(settings, seed, requests))
}

fn report(runs: &[Run], start: Instant) -> String {
    let mut asked: BTreeMap<&str, usize> = BTreeMap::new();
    for run in runs {
        for (method, count) in &run.asked {
            *asked.entry(method).or_default() += count;
        }
    }
    let mut asked: Vec<_> = asked.into_iter().collect();
    asked.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let asked: Vec<_> = asked
        .iter()
        .map(|(method, count)| format!("{count} {}", method.rsplit('/').next().unwrap_or(method)))
        .collect();
    let requests: usize = runs.iter().map(|run| run.step).sum();
    let seconds = start.elapsed().as_secs_f64();
    format!("{requests} requests with {} seeds in {seconds:.1} s: {}", runs.len(), asked.join(", "))
}

#[test]
fn every_answer_is_the_one_that_etcd_gives() {
    let settings = Settings::from_environment();
    let start = Instant::now();
    let most = settings.requests.min(PER_PAIR);
    let seeds = settings.seed..settings.seed + settings.requests.div_ceil(PER_PAIR) as u64;
    let (open, done) = (Mutex::new(seeds), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..PAIRS {
            scope.spawn(|| {
                loop {
                    let Some(seed) = open.lock().unwrap().next() else { return };
                    let run = run_seed(&settings, seed, most);
                    done.lock().unwrap().push(run);
                }
            });
        }
    });
    let runs = done.into_inner().unwrap();
    let report = report(&runs, start);
    println!("{report}");
    let told: Vec<&str> = runs.iter().flat_map(|run| &run.differences).map(String::as_str).collect();
    assert!(told.is_empty(), "- is etcd's answer, + the tested server's\n{}\n{report}", told.join("\n\n"));
}
