//! A scratch folder with a graph, and an agent that runs it.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

/// Nothing here takes long; who waits so long waits in vain.
pub const LONG: Duration = Duration::from_secs(60);

/// A graph in which all goes well.
pub const WELL: &str = "graph: well\nresources:\n  file:\n  - name: a\n    path: DIR/a\n    content: hello\n";
/// A graph in which one fails, and another waits for it in vain. The parent of `bad` is a file.
pub const ILL: &str = "graph: ill\nresources:\n  file:\n  - name: a\n    path: DIR/a\n    content: hello\n  \
    - name: bad\n    path: DIR/site.yaml/x\n    content: x\n  - name: after\n    path: DIR/after\n    content: x\n\
    edges:\n- name: e\n  from: {kind: file, name: bad}\n  to: {kind: file, name: after}\n";
/// The same, but the failure is tried again after an hour.
pub const RETRIED: &str = "graph: retried\nresources:\n  file:\n  - name: bad\n    path: DIR/site.yaml/x\n    \
    content: x\n    meta: {retry: 3, delay: 3600000}\n";

/// A scratch host.
pub struct Host {
    pub folder: TempDir,
    pub prefix: PathBuf,
}

/// A running agent; it is killed at the end if it still runs.
pub struct Agent {
    pub child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

/// The program, without what the environment of the tests may hold.
pub fn mgmt() -> Command {
    without_settings(Command::new(env!("CARGO_BIN_EXE_mgmt")))
}

/// A copy of the program, which another user can run. Another program makes it: what this process writes, a child that another test
/// starts at that very moment has open for a while, and what is open for writing cannot be run.
pub fn copy_of_mgmt(to: &Path) {
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_mgmt")).arg(to).status().unwrap();
    assert!(copied.success());
}

/// A command that starts the program somehow, without what the environment of the tests may hold.
pub fn without_settings(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("MGMT_") {
            command.env_remove(name);
        }
    }
    for name in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "JOURNAL_STREAM", "STATE_DIRECTORY", "RUNTIME_DIRECTORY"] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

impl Host {
    pub fn new(graph: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let prefix = folder.path().join("prefix");
        let host = Self { folder, prefix };
        host.save(graph);
        host
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn save(&self, graph: &str) {
        let text = graph.replace("DIR", self.folder.path().to_str().unwrap());
        fs::write(self.path("new"), text).unwrap();
        fs::rename(self.path("new"), self.path("site.yaml")).unwrap();
    }

    pub fn socket(&self) -> PathBuf {
        self.prefix.join("mgmt.sock")
    }

    /// `mgmt run` of the graph, ready to be changed.
    pub fn command(&self, flags: &[&str]) -> Command {
        let mut command = mgmt();
        command.arg("run").arg("--prefix").arg(&self.prefix).args(flags).arg(self.path("site.yaml"));
        command
    }

    /// Starts an agent whose graph runs.
    pub fn run(&self, flags: &[&str]) -> Agent {
        let mut agent = Agent::start(self.command(flags));
        agent.says("the graph runs");
        agent
    }

    pub fn ask(&self, command: &str, flags: &[&str]) -> Output {
        mgmt().arg(command).arg("--prefix").arg(&self.prefix).args(flags).output().unwrap()
    }

    /// The status once the graph has settled: no sleeping, the agent says it.
    pub fn settled(&self) -> Value {
        let mut watch = mgmt();
        watch.args(["status", "--watch", "--json", "--prefix"]).arg(&self.prefix).stdout(Stdio::piped());
        let mut watch = watch.spawn().unwrap();
        for line in BufReader::new(watch.stdout.take().unwrap()).lines() {
            let status: Value = serde_json::from_str(&line.unwrap()).unwrap();
            if status["settled"] == true {
                watch.kill().unwrap();
                watch.wait().unwrap();
                return status;
            }
        }
        panic!("the agent has gone: {:?}", watch.wait());
    }
}

impl Agent {
    pub fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let (send, lines) = channel();
        let stderr = child.stderr.take().unwrap();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines, seen: Vec::new() }
    }

    /// Waits until the agent has logged a line with this in it, and returns that line.
    pub fn says(&mut self, what: &str) -> String {
        if let Some(line) = self.seen.iter().find(|line| line.contains(what)) {
            return line.clone();
        }
        loop {
            match self.lines.recv_timeout(LONG) {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if line.contains(what) {
                        return line;
                    }
                }
                Err(error) => panic!("{what:?} was never said ({error}):\n{}", self.seen.join("\n")),
            }
        }
    }

    /// Where it carries the store, as a URL, once it does.
    pub fn serves(&mut self) -> String {
        let line = self.says("ready to serve");
        line.split("at=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    }

    /// All that it has logged until now.
    pub fn said(&mut self) -> String {
        self.seen.extend(self.lines.try_iter());
        self.seen.join("\n")
    }

    /// As a power cut ends it, but for the disk.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Has it dump its core, if it does such a thing.
    pub fn abort(mut self) -> ExitStatus {
        abort(&mut self.child)
    }

    /// ^C, and its end.
    pub fn stop(mut self) -> ExitStatus {
        self.signal(rustix::process::Signal::INT);
        self.child.wait().unwrap()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Ends a process so that it dumps its core, of whatever size, if it does such a thing.
pub fn abort(child: &mut Child) -> ExitStatus {
    use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
    let pid = Pid::from_child(child);
    prlimit(Some(pid), Resource::Core, Rlimit { current: None, maximum: None }).unwrap();
    kill_process(pid, Signal::ABORT).unwrap();
    child.wait().unwrap()
}

/// Everything until the other side closes.
pub fn rest(from: &mut impl Read) -> String {
    let mut text = String::new();
    from.read_to_string(&mut text).unwrap();
    text
}

pub fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}
