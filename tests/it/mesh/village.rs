//! A user with several agents on one machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use serde_json::Value;
use tempfile::TempDir;

use super::{ask, files};
use crate::cluster::process::PATIENCE;
use crate::control::host::{Agent, mgmt};

/// A user, with runtime and state folders of its own.
pub struct Village {
    scratch: TempDir,
    insecure: bool,
}

impl Village {
    pub fn new() -> Self {
        Self { scratch: tempfile::tempdir().unwrap(), insecure: false }
    }

    /// Whose agents and commands do without TLS.
    pub fn insecure() -> Self {
        Self { insecure: true, ..Self::new() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// Any command of this user.
    pub fn command(&self) -> Command {
        let mut command = mgmt();
        command.env("RUNTIME_DIRECTORY", self.path("run")).env("STATE_DIRECTORY", self.path("state"));
        if self.insecure {
            command.env("MGMT_INSECURE", "true");
        }
        // Whoever sits there is the administrator, on whichever host.
        let keys = self.path("state/a/pki");
        if keys.join("admin.key").exists() {
            command.env("MGMT_KEYS", keys);
        }
        command
    }

    /// The graph of a host that keeps two files, exports two, and collects all: as in examples/yaml/graph3a.yaml.
    pub fn graph(&self, host: &str) -> PathBuf {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/yaml/graph3a.yaml");
        let text = fs::read_to_string(example).unwrap();
        let text = text.replace("/tmp/mgmtA", self.path(&format!("files-{host}")).to_str().unwrap());
        let text = ["f1a", "f2a", "f3a", "f4a"]
            .iter()
            .fold(text, |text, file| text.replace(file, &file.replace('a', host)));
        let path = self.path(&format!("graph3{host}.yaml"));
        fs::write(&path, text).unwrap();
        path
    }

    /// `mgmt run --file GRAPH --hostname HOST`.
    pub fn run(&self, host: &str, flags: &[&str]) -> Agent {
        let mut command = self.command();
        command.arg("run").arg("--file").arg(self.graph(host)).args(["--hostname", host]).args(flags);
        Agent::start(command)
    }

    /// `mgmt run empty --hostname HOST`, in the host's directory.
    pub fn follow(&self, host: &str, flags: &[&str]) -> Agent {
        let folder = self.path(&format!("files-{host}"));
        fs::create_dir_all(&folder).unwrap();
        let mut command = self.command();
        command.args(["run", "empty", "--hostname", host]).args(flags).current_dir(folder);
        Agent::start(command)
    }

    /// A token with which any host may join, and carry the store; this host's agent runs.
    pub fn token(&self, host: &str) -> String {
        self.say(&["mesh", "invite", "--serve", "--uses=100", "--hostname", host]).trim().to_owned()
    }

    /// What a command prints; it must work.
    pub fn say(&self, words: &[&str]) -> String {
        let output = self.command().args(words).output().unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {complaint}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Asks over and over, until something is told.
    pub fn told(&self, words: &[&str], what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        ask::until(what, || self.command(), words, is_so)
    }

    /// The files in a host's directory.
    pub fn files(&self, host: &str) -> Vec<String> {
        files::names(&self.path(&format!("files-{host}")))
    }

    /// Waits until there is a file.
    pub fn wait_for(&self, host: &str, name: &str) {
        files::wait_for(&self.path(&format!("files-{host}")).join(name), "anything", |_| true);
    }
}

/// The files that every host has in the end, those of its own and those of all.
pub fn all_files(host: &str, hosts: &[&str]) -> Vec<String> {
    let own = ["1", "2"].map(|number| format!("f{number}{host}"));
    let shared = hosts.iter().flat_map(|host| ["3", "4"].map(|number| format!("f{number}{host}")));
    let mut all: Vec<String> = own.into_iter().chain(shared).collect();
    all.sort();
    all
}

/// Asks again until an answer is right.
pub fn until(what: &str, mut right: impl FnMut() -> Result<(), String>) {
    let begun = Instant::now();
    while let Err(found) = right() {
        assert!(begun.elapsed() < PATIENCE, "{what}: {found}");
    }
}
