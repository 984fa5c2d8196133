//! Test hosts: real systemd and D-Bus, in namespaces over an overlay of this machine. Nothing that they do reaches it.

mod agent;
mod boot;

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use boot::{Init, Turn};

pub use agent::Agent;

use crate::cluster::hosts::net::{self, Net};

/// What must happen, happens within this, or the test fails.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A host of its own. It ends with the value, and all that runs on it.
pub struct Machine {
    /// `unshare`, the parent of the host's first process.
    starter: Child,
    /// The host's first process, as this machine counts.
    pid: u32,
    /// Where its first process's files are mounted, in a namespace that nobody else sees.
    _folder: tempfile::TempDir,
    _turn: Turn,
}

impl Machine {
    /// A host with systemd and D-Bus, booted, and with no network but itself. `None`, and a word about it, where
    /// namespaces are not to be had; not under CI.
    pub fn boot() -> Option<Self> {
        net::is_possible().then(|| Self::start(Init::Systemd, Command::new("unshare"), true))
    }

    /// A host on which nothing runs: quick to make.
    pub fn bare() -> Option<Self> {
        net::is_possible().then(|| Self::start(Init::Bare, Command::new("unshare"), true))
    }

    /// A booted host at a place of a network, from which it can be cut off ([`Net::cut`]).
    pub fn boot_on(net: &Net, host: usize) -> Self {
        Self::start(Init::Systemd, net.command(host, "unshare"), false)
    }

    fn start(init: Init, unshare: Command, own_net: bool) -> Self {
        let turn = Turn::take(init);
        let folder = tempfile::tempdir().unwrap();
        let (starter, pid) = boot::boot(init, unshare, own_net, folder.path());
        let machine = Self { starter, pid, _folder: folder, _turn: turn };
        machine.until("it has booted", || machine.has_booted(init));
        machine
    }

    fn has_booted(&self, init: Init) -> bool {
        match init {
            // Its own /dev is there, and it has come to its last program.
            Init::Bare => {
                fs::read_to_string(format!("/proc/{}/comm", self.pid)).is_ok_and(|comm| comm == "sh\n")
            }
            Init::Systemd => {
                let comm = fs::read_to_string(format!("/proc/{}/comm", self.pid));
                // `degraded`: some unit of this machine did not start, which no test asks for.
                comm.is_ok_and(|comm| comm == "systemd\n") && {
                    let state = self.try_sh("systemctl is-system-running --wait").stdout;
                    state.starts_with(b"running") || state.starts_with(b"degraded")
                }
            }
        }
    }

    /// A command that will run on the host, as root.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.pid.to_string(), "-m", "-p", "-u", "-i", "-n", "-C", "-r", "-w", "--"]);
        command.arg(program).env_clear().stdin(Stdio::null());
        command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command.envs([("HOME", "/root"), ("LANG", "C.UTF-8"), ("container", "other")]);
        command
    }

    /// Runs a shell script on the host, whatever comes of it.
    pub fn try_sh(&self, script: &str) -> Output {
        self.command("sh").args(["-ec", script]).output().unwrap()
    }

    /// Runs a shell script on the host, which must succeed; what it prints, without the last line end.
    pub fn sh(&self, script: &str) -> String {
        let output = self.try_sh(script);
        let printed = String::from_utf8_lossy(&output.stdout).trim_end_matches('\n').to_owned();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{script}\n{}\n{printed}\n{complaint}", output.status);
        printed
    }

    /// A file of the host as this machine sees it, without a process: for quick looks. Absolute links on the way lead to
    /// this machine's files.
    pub fn path(&self, path: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{path}", self.pid))
    }

    /// What a file of the host holds.
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Writes a file of the host, with the directories above it.
    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let there = self.path(path);
        fs::create_dir_all(there.parent().unwrap()).unwrap();
        fs::write(there, text).unwrap();
    }

    /// Waits for something that must happen.
    pub fn until(&self, what: &str, condition: impl Fn() -> bool) {
        let started = Instant::now();
        while !condition() {
            assert!(started.elapsed() < PATIENCE, "{what}: it did not happen");
            thread::park_timeout(Duration::from_millis(2));
        }
    }

    /// Waits until a shell script succeeds on the host.
    pub fn until_sh(&self, script: &str) {
        self.until(script, || self.try_sh(script).status.success());
    }

    /// Runs a graph once, to its end.
    pub fn once(&self, graph: &str) -> Output {
        self.write(agent::GRAPH, graph);
        self.command("mgmt").args(["run", "--converged-timeout", "0", agent::GRAPH]).output().unwrap()
    }

    /// The same; an error is what it said.
    pub fn try_once(&self, graph: &str) -> Result<(), String> {
        let output = self.once(graph);
        output
            .status
            .success()
            .then_some(())
            .ok_or_else(|| String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Starts an agent, and waits until its graph has settled for the first time.
    pub fn agent(&self, graph: &str) -> Agent<'_> {
        Agent::start(self, graph)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // The kernel ends with it all that runs in its namespaces.
        let pid = i32::try_from(self.pid).ok().and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
        let _ = self.starter.wait();
    }
}
