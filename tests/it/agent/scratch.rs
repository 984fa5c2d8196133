//! A scratch folder with an agent in it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// What must happen, happens within this, or the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder that goes away with the test.
pub struct Scratch(tempfile::TempDir);

impl Scratch {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file of the user's; `DIR` in it is this folder.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text.replace("DIR", self.0.path().to_str().unwrap())).unwrap();
        path
    }

    /// Saves as editors do: a new file, renamed over the old.
    pub fn save(&self, name: &str, text: &str) {
        let beside = self.write(&format!("{name}.swp"), text);
        fs::rename(beside, self.path(name)).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// `mgmt` with a clean environment and this folder's own prefix.
    pub fn mgmt(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mgmt"));
        command.args(args).current_dir(self.0.path()).env_clear().stdin(Stdio::null());
        command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command.env("MGMT_PREFIX", self.path("prefix"));
        command
    }

    /// Runs `mgmt` to its end.
    pub fn output(&self, args: &[&str]) -> Output {
        self.mgmt(args).output().unwrap()
    }

    /// Runs a graph once, to its end.
    pub fn once(&self, graph: &str) -> Output {
        self.write("graph.yaml", graph);
        self.output(&["run", "--converged-timeout", "0", "graph.yaml"])
    }

    /// Starts an agent, and waits until its graph has settled for the first time.
    pub fn agent(&self, graph: &str, args: &[&str]) -> Agent {
        self.write("graph.yaml", graph);
        let status = self.path("converged");
        let mut all = vec!["run", "--converger-timeout", "0", "--converged-status-file", "converged"];
        all.extend(args);
        all.push("graph.yaml");
        let agent = Agent::start(self.mgmt(&all));
        agent.until("it has converged", || {
            fs::read_to_string(&status).is_ok_and(|lines| lines.contains("true"))
        });
        agent
    }
}

/// A running agent; killed with the test.
pub struct Agent {
    child: Child,
    log: Arc<Mutex<String>>,
    reader: Option<thread::JoinHandle<()>>,
}

impl Agent {
    pub fn start(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let copy = log.clone();
        let reader = thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let mut log = copy.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        Self { child, log, reader: Some(reader) }
    }

    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for something that must happen.
    pub fn until(&self, what: &str, condition: impl Fn() -> bool) {
        let started = Instant::now();
        while !condition() {
            assert!(
                started.elapsed() < PATIENCE,
                "{what}: it did not happen; the agent said:\n{}",
                self.log()
            );
            thread::park_timeout(Duration::from_millis(1));
        }
    }

    /// Waits until the log holds a text so many times.
    pub fn until_said(&self, text: &str, times: usize) {
        self.until(&format!("{text:?} is said"), || self.log().matches(text).count() >= times);
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Waits for its end; all that it said.
    pub fn end(mut self) -> (ExitStatus, String) {
        let started = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(started.elapsed() < PATIENCE, "it does not end; it said:\n{}", self.log());
            thread::park_timeout(Duration::from_millis(1));
        };
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        (status, self.log())
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}
