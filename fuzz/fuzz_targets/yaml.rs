//! Any bytes as a graph file: there is a graph or there are diagnostics that render, in bounded time and memory.
//!
//! `cargo +nightly fuzz run yaml fuzz/corpus/yaml tests/cases/yaml`

#![no_main]

#[path = "../../tests/it/yaml/kinds.rs"]
mod kinds;

use std::path::Path;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use mgmt::engine::Registry;
use mgmt::lang::diag::{Style, render_all};
use mgmt::lang::{source, yaml};

static REGISTRY: LazyLock<Registry> = LazyLock::new(kinds::registry);

fuzz_target!(|bytes: &[u8]| {
    let Ok(source) = source::text(Path::new("fuzz.yaml"), bytes.to_vec()) else { return };
    match yaml::parse(&source, &REGISTRY) {
        Ok(parsed) => assert!(parsed.graph.order().is_ok()),
        Err(errors) => assert!(!render_all(&errors, Style::PLAIN).is_empty()),
    }
});
