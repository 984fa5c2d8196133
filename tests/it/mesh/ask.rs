//! Commands that are asked until they tell something.

use std::process::Command;
use std::time::Instant;

use serde_json::Value;

use crate::control::host::LONG;

/// Runs a command over and over, until what it tells as JSON is so.
pub fn until(
    what: &str,
    command: impl Fn() -> Command,
    words: &[&str],
    is_so: impl Fn(&Value) -> bool,
) -> Value {
    let begun = Instant::now();
    loop {
        let output = command().args(words).arg("--json").output().unwrap();
        let told: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        if is_so(&told) {
            return told;
        }
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(begun.elapsed() < LONG, "{what} was never told: {told:#}\n{complaint}");
    }
}
