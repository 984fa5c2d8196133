//! What a mesh costs at 100, 10,000 and 100,000 hosts, in virtual time: prints the table of docs/SCALE.md as Markdown.
//!
//! `make mesh-scale`, or `cargo bench --bench mesh_scale -- 1000 1000000` for other numbers of hosts. `cargo test
//! --all-targets` starts it too: without `--bench` it does nothing.

mod model;

use model::constants::Constants;
use model::{report, scenario};

/// Any: the outcome differs little from seed to seed.
const SEED: u64 = 1;

fn main() {
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let asked: Vec<u32> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let sizes = if asked.is_empty() { vec![100, 10_000, 100_000] } else { asked };
    let outcomes: Vec<_> = sizes
        .into_iter()
        .map(|hosts| {
            let started = std::time::Instant::now();
            let outcome = scenario::live(hosts, SEED, Constants::default());
            eprintln!("{hosts} hosts took {:.1} s", started.elapsed().as_secs_f64());
            outcome
        })
        .collect();
    println!("{}", report::table(&outcomes));
}
