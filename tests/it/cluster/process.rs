//! An etcd server as a process of its own, and `etcdctl` to talk to it.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long anything may take before the test fails.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Ports that a test of this process has. Below those that the system gives to outgoing connections.
static TAKEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

pub fn free_port() -> u16 {
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    // Another run of these tests begins elsewhere.
    let first = 10_000 + u16::try_from(std::process::id() % 1000).unwrap() * 20;
    let port = (first..32_000)
        .find(|port| !taken.contains(port) && TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a port is free");
    taken.insert(port);
    port
}

/// Where a program of etcd 3.5 is.
pub fn etcd35(program: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/etcd35/usr/bin").join(program);
    assert!(path.exists(), "{} is missing: run `make etcd35`", path.display());
    path
}

/// Whose server it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Make {
    Ours,
    Etcd,
}

/// Whose `etcdctl` it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ctl {
    Debian,
    Etcd35,
}

impl Ctl {
    pub fn command(self) -> Command {
        let mut command = match self {
            Self::Debian => Command::new("etcdctl"),
            Self::Etcd35 => Command::new(etcd35("etcdctl")),
        };
        command.env("ETCDCTL_API", "3");
        command
    }
}

/// What a command said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub out: String,
    /// What went to stderr, without the lines of its log.
    pub complaint: String,
    pub code: Option<i32>,
}

impl Said {
    /// Runs a command with something to read.
    pub fn by(command: &mut Command, input: &str) -> Self {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the command is there: make test installs it");
        // It may end without having read.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        Self {
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            complaint: complaint
                .lines()
                .filter(|line| !is_log(line))
                .map(|line| format!("{line}\n"))
                .collect(),
            code: output.status.code(),
        }
    }

    /// What it printed; it must have worked.
    pub fn worked(self) -> String {
        assert_eq!(self.code, Some(0), "{}{}", self.out, self.complaint);
        self.out
    }

    /// What it complained about; it must have failed.
    pub fn failed(self) -> String {
        assert_ne!(self.code, Some(0), "{}{}", self.out, self.complaint);
        self.complaint
    }
}

/// Both versions log JSON in between; 3.5 its retries, with the time.
fn is_log(line: &str) -> bool {
    line.starts_with("{\"level\"")
}

/// A server that runs until this is dropped.
pub struct Process {
    make: Make,
    child: Child,
    pub name: String,
    pub dir: PathBuf,
    flags: Vec<String>,
    client_port: u16,
    peer_port: u16,
}

impl Process {
    /// A cluster of one, with these flags too.
    pub fn start(make: Make, dir: &Path, flags: &[&str]) -> Self {
        Self::member(make, dir, "default", flags)
    }

    /// A member of a name; its data is in a folder of that name.
    pub fn member(make: Make, dir: &Path, name: &str, flags: &[&str]) -> Self {
        let (client_port, peer_port) = (free_port(), free_port());
        Self::member_at(make, dir, name, flags, client_port, peer_port)
    }

    pub fn member_at(
        make: Make,
        dir: &Path,
        name: &str,
        flags: &[&str],
        client_port: u16,
        peer_port: u16,
    ) -> Self {
        let flags: Vec<String> = flags.iter().map(ToString::to_string).collect();
        let dir = dir.join(name);
        let child = spawn(make, &dir, name, &flags, client_port, peer_port);
        Self { make, child, name: name.to_owned(), dir, flags, client_port, peer_port }
    }

    pub fn client(&self) -> String {
        format!("127.0.0.1:{}", self.client_port)
    }

    pub fn peer(&self) -> String {
        format!("127.0.0.1:{}", self.peer_port)
    }

    /// Ends it as a crash does.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again where it was.
    pub fn start_again(&mut self) {
        self.child = spawn(self.make, &self.dir, &self.name, &self.flags, self.client_port, self.peer_port);
    }

    /// `etcdctl` to this server.
    pub fn ctl(&self, ctl: Ctl) -> Command {
        let mut command = ctl.command();
        command.arg(format!("--endpoints={}", self.client()));
        command
    }

    /// What Debian's `etcdctl` says.
    pub fn say(&self, line: &str) -> Said {
        Said::by(self.ctl(Ctl::Debian).args(words(line)), "")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(make: Make, dir: &Path, name: &str, flags: &[String], client_port: u16, peer_port: u16) -> Child {
    let mut command = match make {
        Make::Ours => Command::new(env!("CARGO_BIN_EXE_mgmt")),
        Make::Etcd => Command::new(etcd35("etcd")),
    };
    if make == Make::Ours {
        command.arg("etcd");
    }
    let has = |flag: &str| flags.iter().any(|given| given.starts_with(flag));
    let tls = |has: bool| if has { "https" } else { "http" };
    let client = format!("{}://127.0.0.1:{client_port}", tls(has("--auto-tls") || has("--cert-file")));
    let peer = format!("{}://127.0.0.1:{peer_port}", tls(has("--peer-auto-tls")));
    command.args([format!("--name={name}"), format!("--data-dir={}", dir.display())]);
    command.args([format!("--listen-client-urls={client}"), format!("--advertise-client-urls={client}")]);
    command.args([format!("--listen-peer-urls={peer}"), format!("--initial-advertise-peer-urls={peer}")]);
    if !flags.iter().any(|flag| flag.starts_with("--initial-cluster=")) {
        command.arg(format!("--initial-cluster={name}={peer}"));
    }
    command.args(flags).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let lines = lines(child.stderr.take().unwrap());
    let mut log = Vec::new();
    loop {
        let Ok(line) = lines.recv_timeout(PATIENCE) else {
            let _ = child.kill();
            let _ = child.wait();
            panic!("{make:?} does not serve:\n{}", log.join("\n"));
        };
        let serves = line.contains("ready to serve client requests");
        log.push(line);
        if serves {
            return child;
        }
    }
}

/// Lines as they come; read to the end whether or not anybody listens.
pub fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    let (out, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines() {
            let Ok(line) = line else { return };
            let _ = out.send(line);
        }
    });
    lines
}

/// The words of a line, as a shell has them: quoted ones may have spaces in them.
pub fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    for letter in line.chars() {
        match letter {
            '\'' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' if !quoted => words.extend(word.take()),
            letter => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}
