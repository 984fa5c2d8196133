//! An agent on a test host.

use std::process::ExitStatus;
use std::thread;
use std::time::{Duration, Instant};

use super::{Machine, PATIENCE};
use crate::agent::scratch;

/// Where its graph is.
pub const GRAPH: &str = "/root/site.yaml";
const CONVERGED: &str = "/run/mgmt-converged";
const PID: &str = "/run/mgmt-test.pid";
/// What a host tells of what did not happen on it.
const TOLD: &str =
    "exec 2>&1; set +e; mgmt status --all; systemctl list-jobs --no-pager; systemctl --failed --no-pager
    journalctl --sync; journalctl --no-pager --quiet --lines=60 --output=short-precise";

/// A running agent; it ends with its host.
pub struct Agent<'a> {
    machine: &'a Machine,
    agent: scratch::Agent,
}

impl<'a> Agent<'a> {
    /// Starts it, and waits until the graph has settled.
    pub(super) fn start(machine: &'a Machine, graph: &str) -> Self {
        machine.write(GRAPH, graph);
        machine.sh(&format!("rm -f {CONVERGED} {PID}"));
        let mut command = machine.command("sh");
        // Entering namespaces takes a process of its own, so that the agent's id is told by itself.
        command.args(["-c", &format!("echo $$ >{PID}; exec mgmt run \"$@\""), "sh"]);
        command.args(["--converger-timeout", "0", "--converged-status-file", CONVERGED]).arg(GRAPH);
        let agent = Self { machine, agent: scratch::Agent::start(command) };
        agent.until("it has converged", || {
            std::fs::read_to_string(machine.path(CONVERGED)).is_ok_and(|lines| lines.contains("true"))
        });
        agent
    }

    /// Saves another graph as editors do, and waits until it runs.
    pub fn save(&self, graph: &str) {
        let runs = self.log().matches("the graph runs").count();
        self.machine.write("/root/site.yaml.swp", graph);
        self.machine.sh(&format!("mv /root/site.yaml.swp {GRAPH}"));
        self.until_said("the graph runs", runs + 1);
    }

    /// All that it has logged.
    pub fn log(&self) -> String {
        self.agent.log()
    }

    /// Waits for something that must happen.
    pub fn until(&self, what: &str, condition: impl Fn() -> bool) {
        let started = Instant::now();
        while !condition() {
            if started.elapsed() > PATIENCE {
                let host = self.machine.try_sh(TOLD);
                let host = String::from_utf8_lossy(&host.stdout);
                panic!("{what}: it did not happen; the agent said:\n{}\nand the host:\n{host}", self.log());
            }
            thread::park_timeout(Duration::from_millis(1));
        }
    }

    /// Waits until a shell script succeeds on the host.
    pub fn until_sh(&self, script: &str) {
        self.until(script, || self.machine.try_sh(script).status.success());
    }

    /// Waits until the log holds a text so many times.
    pub fn until_said(&self, text: &str, times: usize) {
        self.until(&format!("{text:?} is said"), || self.log().matches(text).count() >= times);
    }

    /// How often a vertex was checked, as `mgmt status` tells: `svc[web]`.
    pub fn checks(&self, vertex: &str) -> u64 {
        let (kind, name) = vertex.trim_end_matches(']').split_once('[').unwrap();
        let status = self.machine.sh("mgmt status --all --json");
        let status: serde_json::Value = serde_json::from_str(&status).unwrap();
        let mut rows = status["rows"].as_array().unwrap().iter();
        let row = rows.find(|row| row["kind"] == kind && row["name"] == name);
        row.unwrap_or_else(|| panic!("no {vertex} in {status:#}"))["checks"].as_u64().unwrap()
    }

    /// ^C, and its end; all that it said.
    pub fn stop(self) -> (ExitStatus, String) {
        self.machine.sh(&format!("kill -INT $(cat {PID})"));
        self.agent.end()
    }

    /// As a power cut ends it, but for the disk.
    pub fn kill9(self) {
        self.machine.sh(&format!("kill -9 $(cat {PID})"));
        self.agent.end();
    }
}
