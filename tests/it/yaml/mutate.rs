//! Valid files, damaged at random: whatever they hold, there is a graph or there are diagnostics that render.

use std::path::Path;

use mgmt::lang::diag::{Style, render_all};
use mgmt::lang::{source, yaml};

use super::kinds::registry;

/// Bits of YAML that a mutation may insert.
const BITS: &[&str] = &[
    "\t",
    "\n",
    "  ",
    ": ",
    "- ",
    "&a ",
    "*a",
    "<<: *a",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "'",
    "|\n",
    ">-\n",
    "#",
    "!!str ",
    "!x ",
    "---\n",
    "...\n",
    "%TAG ! x\n",
    "? ",
    "\u{feff}",
    "é",
    "漢",
    "\r\n",
    "\r",
    "\u{85}",
    "\u{2028}",
    "~",
    "@@",
    "$",
    "\\",
    "0x",
    "9999999999999999999",
    "name",
    "meta: ",
    "edges:",
    "\0",
    "\u{1}",
];

fn mutate(bytes: &mut Vec<u8>, random: &mut fastrand::Rng) {
    for _ in 0..random.usize(1..6) {
        let at = random.usize(..=bytes.len());
        match random.u8(..5) {
            0 => drop(bytes.splice(at..at, random.choice(BITS).unwrap().bytes())),
            1 => drop(bytes.drain(at..(at + random.usize(..20)).min(bytes.len()))),
            2 if at < bytes.len() => bytes[at] = random.u8(..),
            3 => {
                let end = (at + random.usize(..40)).min(bytes.len());
                let copy = bytes[at..end].to_vec();
                let to = random.usize(..=bytes.len());
                drop(bytes.splice(to..to, copy));
            }
            _ => bytes.truncate(at.max(bytes.len() / 2)),
        }
    }
}

#[test]
fn damaged_files_never_panic() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/yaml");
    let mut seeds: Vec<Vec<u8>> = Vec::new();
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "yaml")) {
        seeds.push(std::fs::read(path).unwrap());
    }
    let registry = registry();
    let runs = std::env::var("MUTATIONS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(20_000);
    let first = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0);
    for seed in first..first + runs {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut bytes = random.choice(&seeds).unwrap().clone();
        mutate(&mut bytes, &mut random);
        let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let rendered = match source::text(Path::new("x.yaml"), bytes.clone()) {
                Err(error) => render_all([&*error.diagnostic], Style::COLOR),
                Ok(source) => match yaml::parse(&source, &registry) {
                    Ok(parsed) => render_all(&parsed.warnings, Style::PLAIN),
                    Err(errors) => {
                        assert!(!errors.is_empty());
                        render_all(&errors, Style::PLAIN)
                    }
                },
            };
            assert!(rendered.len() < 1_000_000);
        }));
        assert!(told.is_ok(), "SEED={seed} panics:\n{}", String::from_utf8_lossy(&bytes));
    }
}
