//! Every example is a graph without a flaw, and can be planned.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Those that ask systemd can be planned only where it runs.
const OF_SYSTEMD: [&str; 1] = ["units.yaml"];

fn examples() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/yaml");
    let mut found: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

#[test]
fn every_example_is_fine_and_has_a_plan() {
    let prefix = tempfile::tempdir().unwrap();
    let examples = examples();
    assert!(examples.len() > 20);
    for example in examples {
        let asks_systemd = OF_SYSTEMD.iter().any(|name| example.ends_with(name));
        let can_plan = !asks_systemd || Path::new("/run/systemd/system").exists();
        for command in if can_plan { &["check", "plan"][..] } else { &["check"] } {
            let mut mgmt = Command::new(env!("CARGO_BIN_EXE_mgmt"));
            mgmt.arg(command).arg(&example).env_clear().env("MGMT_PREFIX", prefix.path());
            let output = mgmt.env("PATH", "/usr/bin:/bin").output().unwrap();
            assert!(output.status.success(), "{command} {}: {output:?}", example.display());
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(said.is_empty(), "{command} {}: {said}", example.display());
        }
    }
}
