//! Agents, each on a host of its own.

use std::cell::{Cell, OnceCell};
use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::cluster::hosts::net::Net;
use crate::control::host::{Agent, without_settings};
use crate::mesh::{ask, files};

/// Hosts h0, h1, …, each with folders and an address of its own; on each may run an agent.
pub struct Fleet {
    // They end before their network does.
    agents: Vec<Option<Agent>>,
    pub net: Net,
    scratch: TempDir,
    /// How many graphs were saved.
    saved: Cell<usize>,
    token: OnceCell<String>,
    insecure: bool,
}

impl Fleet {
    /// None of them runs yet. `None`, and a word about it, where namespaces are not to be had.
    pub fn new(count: usize) -> Option<Self> {
        let net = Net::with_hosts(count)?;
        let agents = (0..count).map(|_| None).collect();
        Some(Self {
            agents,
            net,
            scratch: tempfile::tempdir().unwrap(),
            saved: Cell::new(0),
            token: OnceCell::new(),
            insecure: false,
        })
    }

    /// One whose agents and commands do without TLS.
    pub fn insecure(count: usize) -> Option<Self> {
        let mut fleet = Self::new(count)?;
        fleet.insecure = true;
        Some(fleet)
    }

    pub fn name(host: usize) -> String {
        format!("h{host}")
    }

    /// Something of a host's.
    pub fn path(&self, host: usize, name: &str) -> PathBuf {
        self.scratch.path().join(Self::name(host)).join(name)
    }

    /// Where a host's agent listens, and others find it.
    pub fn address(host: usize) -> String {
        format!("{}:2379", Net::address(host))
    }

    /// Any command of a host's user.
    pub fn command(&self, host: usize) -> Command {
        let mut command = without_settings(self.net.command(host, env!("CARGO_BIN_EXE_mgmt")));
        command.env("RUNTIME_DIRECTORY", self.path(host, "run"));
        command.env("STATE_DIRECTORY", self.path(host, "state"));
        if self.insecure {
            command.env("MGMT_INSECURE", "true");
        }
        // Whoever sits there is the administrator, on whichever host.
        let keys = self.path(0, "state/h0/pki");
        if keys.join("admin.key").exists() {
            command.env("MGMT_KEYS", keys);
        }
        command
    }

    /// Saves a host's graph: it keeps the file `own`, exports these files, and collects all, everything in `files`.
    /// Returns its name, which no other has.
    pub fn save(&self, host: usize, exports: &[(&str, &str)]) -> String {
        self.saved.set(self.saved.get() + 1);
        let name = format!("g{}", self.saved.get());
        let folder = self.path(host, "files");
        fs::create_dir_all(&folder).unwrap();
        let folder = folder.display();
        let mut text =
            format!("graph: {name}\nresources:\n  file:\n  - name: {folder}/own\n    content: as declared\n");
        for (file, content) in exports {
            text.push_str(&format!("  - name: \"@@{folder}/{file}\"\n    content: \"{content}\"\n"));
        }
        text.push_str(&format!("collect:\n- kind: file\n  pattern: {folder}/\n"));
        let path = self.path(host, "site.yaml");
        fs::write(path.with_extension("new"), text).unwrap();
        fs::rename(path.with_extension("new"), path).unwrap();
        name
    }

    /// `mgmt run` of a host's graph, at its address.
    pub fn run(&self, host: usize, flags: &[impl AsRef<OsStr>]) -> Command {
        let mut command = self.command(host);
        command.arg("run").arg("--file").arg(self.path(host, "site.yaml"));
        command.args(["--hostname", &Self::name(host), "--listen", &Self::address(host)]).args(flags);
        command
    }

    /// Starts it.
    pub fn start(&mut self, host: usize, flags: &[impl AsRef<OsStr>]) -> &mut Agent {
        let command = self.run(host, flags);
        self.agents[host].insert(Agent::start(command))
    }

    /// All of them, each exporting a file `from-<its name>`; h0 founds the mesh, and is the others' seed.
    pub fn start_all(&mut self, voters: usize) {
        for host in 0..self.agents.len() {
            self.save(host, &[(&format!("from-h{host}"), "first")]);
            self.start_again(host);
            if host == 0 {
                self.wait_for(0, "from-h0", "first");
                self.say(0, &["mesh", "set", &format!("voters={voters}")]);
            }
        }
    }

    /// One of them, with the same flags as at first.
    pub fn start_again(&mut self, host: usize) -> &mut Agent {
        let join: Vec<String> = match (host, self.insecure) {
            (0, _) => Vec::new(),
            (_, true) => vec![format!("--seeds={}", Net::address(0))],
            (_, false) => vec![format!("--join={}", self.token())],
        };
        self.start(host, &join)
    }

    /// A token with which any host may join and carry the store; h0 makes it, once.
    pub fn token(&self) -> String {
        let make = || self.say(0, &["mesh", "invite", "--serve", "--uses=1000"]).trim().to_owned();
        self.token.get_or_init(make).clone()
    }

    /// Waits until a host's agent has logged a line with this in it.
    pub fn says(&mut self, host: usize, what: &str) -> String {
        self.agents[host].as_mut().expect("it runs").says(what)
    }

    pub fn kill(&mut self, host: usize) {
        self.agents[host].take().expect("it runs").kill();
    }

    /// What a command on a host prints; it must work.
    pub fn say(&self, host: usize, words: &[&str]) -> String {
        let output = self.command(host).args(words).args(["--hostname", &Self::name(host)]).output().unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {complaint}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Asks on a host over and over, until it is told something.
    pub fn told(&self, host: usize, words: &[&str], what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let name = Self::name(host);
        let words: Vec<&str> = words.iter().copied().chain(["--hostname", &name]).collect();
        ask::until(what, || self.command(host), &words, is_so)
    }

    /// Waits until so many hosts vote and so many follow, and all of them are well.
    pub fn settled(&self, host: usize, votes: usize, follow: usize) -> Duties {
        let what = format!("that {votes} vote and {follow} follow");
        let told = self.told(host, &["mesh", "status"], &what, |told| {
            let rows = told["members"].as_array().into_iter().flatten();
            let duties = Duties::told(told);
            rows.clone().all(|row| row["well"] == true)
                && rows.count() == votes + follow
                && (duties.voters.len(), duties.followers.len()) == (votes, follow)
        });
        Duties::told(&told)
    }

    /// Waits until a host has a file that holds this.
    pub fn wait_for(&self, host: usize, name: &str, text: &str) {
        files::wait_for(&self.path(host, "files").join(name), text, |found| found == text);
    }

    /// Waits until these hosts have a file that holds this.
    pub fn all_have(&self, hosts: &[usize], name: &str, text: &str) {
        hosts.iter().for_each(|host| self.wait_for(*host, name, text));
    }

    /// Waits until all have what each exports at first.
    pub fn all_have_all(&self) {
        let hosts: Vec<usize> = (0..self.agents.len()).collect();
        hosts.iter().for_each(|from| self.all_have(&hosts, &format!("from-h{from}"), "first"));
    }

    /// A host's own file is changed by somebody: it is put right.
    pub fn assert_repairs(&self, host: usize) {
        fs::write(self.path(host, "files/own"), "by somebody").unwrap();
        self.wait_for(host, "own", "as declared");
    }
}

/// Who carries the store.
#[derive(Debug)]
pub struct Duties {
    /// The leader is the first.
    pub voters: Vec<usize>,
    pub followers: Vec<usize>,
}

impl Duties {
    /// As `mgmt mesh status` tells it.
    pub fn told(told: &Value) -> Self {
        let mut rows: Vec<&Value> = told["members"].as_array().into_iter().flatten().collect();
        rows.sort_by_key(|row| row["leads"] != true);
        let number = |row: &Value| row["host"].as_str()?.strip_prefix('h')?.parse().ok();
        let those = |votes: bool| {
            rows.iter().filter(|row| row["votes"] == votes).filter_map(|row| number(row)).collect()
        };
        Self { voters: those(true), followers: those(false) }
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for (host, agent) in self.agents.iter_mut().enumerate() {
                let said = agent.as_mut().map(Agent::said).unwrap_or_default();
                eprintln!("--- h{host} said:\n{said}");
            }
        }
    }
}
