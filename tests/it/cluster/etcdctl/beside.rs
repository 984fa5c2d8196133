//! Our server and the real etcd 3.5, asked the same.

use std::process::{Child, Stdio};
use std::sync::mpsc::Receiver;

use tempfile::TempDir;

use crate::cluster::process::{Ctl, Make, PATIENCE, Process, Said, lines, words};

/// One of the two, and what its own things are called in commands and answers: `{client}` for its address.
pub struct Side {
    pub process: Process,
    names: Vec<(String, String)>,
}

/// Both, empty at first.
pub struct Beside {
    pub ours: Side,
    pub etcd: Side,
    pub ctl: Ctl,
    pub dir: TempDir,
}

impl Side {
    pub fn start(make: Make, dir: &TempDir, flags: &[&str]) -> Self {
        let process = Process::member(make, &dir.path().join(format!("{make:?}")), "default", flags);
        let mut side = Self { names: Vec::new(), process };
        side.learn_ids();
        side
    }

    fn learn_ids(&mut self) {
        let said =
            Said::by(self.process.ctl(Ctl::Debian).args(["member", "list", "-w", "json"]), "").worked();
        let list: serde_json::Value = serde_json::from_str(&said).unwrap();
        let cluster = list["header"]["cluster_id"].as_u64().unwrap();
        let member = list["header"]["member_id"].as_u64().unwrap();
        let (client, peer) = (self.process.client(), self.process.peer());
        self.call("client", &client);
        self.call("peer", &peer);
        self.call("cluster", &format!("{cluster:x}"));
        self.call("cluster-number", &cluster.to_string());
        self.call("member", &format!("{member:x}"));
        self.call("member-number", &member.to_string());
        let dir = self.process.dir.display().to_string();
        self.call("dir", &dir);
    }

    /// From now on, `{name}` stands for this.
    pub fn call(&mut self, name: &str, what: &str) {
        self.names.push((format!("{{{name}}}"), what.to_owned()));
    }

    /// With its own things for their names.
    pub fn spelt(&self, line: &str) -> String {
        self.names.iter().fold(line.to_owned(), |line, (name, what)| line.replace(name, what))
    }

    /// With names for its own things.
    pub fn named(&self, text: &str) -> String {
        let text = self.names.iter().fold(text.to_owned(), |text, (name, what)| text.replace(what, name));
        // Ids are 16 digits wide, and may be shorter; tables are as wide as what is in them.
        let narrowed = |line: &str| match line.as_bytes().first() {
            Some(b'+' | b'|') => squeezed(line, &['-', ' ']),
            _ => line.replace("  {", " {"),
        };
        text.split_inclusive('\n').map(narrowed).collect()
    }

    /// What `etcdctl` says of it.
    pub fn say(&self, ctl: Ctl, line: &str, input: &str) -> Said {
        let said = Said::by(self.process.ctl(ctl).args(words(&self.spelt(line))), &self.spelt(input));
        Said { out: self.named(&said.out), complaint: self.named(&said.complaint), code: said.code }
    }

    /// Starts a command that goes on.
    pub fn follow(&self, ctl: Ctl, line: &str) -> Following {
        let mut command = self.process.ctl(ctl);
        command.args(words(&self.spelt(line)));
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (out, complaints) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        Following { child, out: lines(out), complaints: lines(complaints) }
    }
}

/// A text in which each of some characters stands only once in a row.
fn squeezed(text: &str, what: &[char]) -> String {
    let mut last = None;
    text.chars().filter(|letter| last.replace(*letter) != Some(*letter) || !what.contains(letter)).collect()
}

impl Beside {
    pub fn start() -> Self {
        Self::with(Ctl::Debian, &[])
    }

    pub fn with(ctl: Ctl, flags: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let ours = Side::start(Make::Ours, &dir, flags);
        let etcd = Side::start(Make::Etcd, &dir, flags);
        Self { ours, etcd, ctl, dir }
    }

    /// Both must say the same, which is returned.
    #[track_caller]
    pub fn same(&self, line: &str) -> Said {
        self.same_with(line, "")
    }

    /// Both must say the same about an input.
    #[track_caller]
    pub fn same_with(&self, line: &str, input: &str) -> Said {
        let (ours, etcd) = (self.ours.say(self.ctl, line, input), self.etcd.say(self.ctl, line, input));
        assert_eq!(ours, etcd, "{:?} {line}: ours beside etcd's", self.ctl);
        ours
    }

    /// Both must say the same to each line.
    #[track_caller]
    pub fn all_same(&self, lines: &str) {
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            self.same(line);
        }
    }

    /// Both, each with what it says; for answers that differ by nature.
    pub fn each(&mut self, line: &str, mut look: impl FnMut(&mut Side, Said)) {
        for side in [&mut self.ours, &mut self.etcd] {
            let said = side.say(self.ctl, line, "");
            look(side, said);
        }
    }

    /// A lease in both, which is `{name}` from now on.
    pub fn grant(&mut self, name: &str, ttl_s: u32) {
        self.each(&format!("lease grant {ttl_s}"), |side, said| {
            let id = said.worked().split_whitespace().nth(1).unwrap().to_owned();
            side.call(name, &id);
            side.call(&format!("{name}-number"), &i64::from_str_radix(&id, 16).unwrap().to_string());
        });
    }
}

/// A command that goes on until this is dropped.
pub struct Following {
    child: Child,
    out: Receiver<String>,
    pub complaints: Receiver<String>,
}

impl Following {
    /// Its next lines.
    #[track_caller]
    pub fn next(&self, count: usize) -> Vec<String> {
        let mut lines = Vec::new();
        while lines.len() < count {
            match self.out.recv_timeout(PATIENCE) {
                Ok(line) => lines.push(line),
                Err(_) => {
                    let complaints: Vec<String> = self.complaints.try_iter().collect();
                    panic!("nothing more came after {lines:?}: {complaints:?}");
                }
            }
        }
        lines
    }

    /// The rest of it, once it has ended by itself.
    #[track_caller]
    pub fn rest(mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Ok(line) = self.out.recv_timeout(PATIENCE) {
            lines.push(line);
        }
        assert!(self.child.try_wait().unwrap().is_some() || self.child.wait().is_ok());
        lines
    }

    /// Asks it to end, as Ctrl-C does.
    pub fn interrupt(&self) {
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
