//! Members as processes of their own: `mgmt etcd` on ports of this host.

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use etcd_client::Client;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use super::process::free_port;

/// How long anything may take. Nothing waits for it to pass.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Members that know one another, and their folders.
pub struct Cluster {
    pub members: Vec<Place>,
    _folder: TempDir,
}

/// Where a member is, whether it runs or not.
#[derive(Clone)]
pub struct Place {
    pub name: String,
    pub client: u16,
    pub peer: u16,
    pub folder: PathBuf,
    pub flags: Vec<String>,
}

/// A member that runs, until this is dropped.
pub struct Process {
    pub client: u16,
    child: Child,
    lines: watch::Receiver<Vec<String>>,
}

impl Cluster {
    /// So many members with these flags beside those that they need; none of them runs.
    pub fn of(count: usize, flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ports: Vec<u16> = (0..2 * count).map(|_| free_port()).collect();
        let names: Vec<String> = (0..count).map(|number| format!("m{number}")).collect();
        let peers: Vec<String> =
            names.iter().zip(&ports).map(|(name, port)| format!("{name}=http://127.0.0.1:{port}")).collect();
        let members = names.iter().zip(ports.iter().zip(&ports[count..])).map(|(name, (peer, client))| {
            let mut own = vec![format!("--initial-cluster={}", peers.join(","))];
            own.extend(flags.iter().map(|flag| (*flag).to_owned()));
            let folder = folder.path().join(name);
            Place { name: name.clone(), client: *client, peer: *peer, folder, flags: own }
        });
        Self { members: members.collect(), _folder: folder }
    }

    /// Starts all, and waits until they serve.
    pub async fn start(&self) -> Vec<Process> {
        let processes: Vec<Process> = self.members.iter().map(|member| member.start(&[])).collect();
        for process in &processes {
            process.ready().await;
        }
        processes
    }
}

impl Place {
    /// What starts it.
    pub fn command_line(&self) -> Vec<String> {
        let (client, peer) = (self.client, self.peer);
        let mut words = vec![env!("CARGO_BIN_EXE_mgmt").to_owned(), "etcd".to_owned()];
        words.push(format!("--name={}", self.name));
        words.push(format!("--data-dir={}", self.folder.display()));
        words.push(format!("--listen-client-urls=http://127.0.0.1:{client}"));
        words.push(format!("--advertise-client-urls=http://127.0.0.1:{client}"));
        words.push(format!("--listen-peer-urls=http://127.0.0.1:{peer}"));
        words.push(format!("--initial-advertise-peer-urls=http://127.0.0.1:{peer}"));
        words.extend(self.flags.iter().cloned());
        words
    }

    /// Starts it, with this in its environment.
    pub fn start(&self, environment: &[(&str, &str)]) -> Process {
        let words = self.command_line();
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).envs(environment.iter().copied());
        Process::of(command, self.client)
    }
}

impl Process {
    /// What a command starts, as soon as it serves at that port.
    pub fn of(mut command: Command, client: u16) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let mut printed = BufReader::new(child.stderr.take().unwrap()).lines();
        let (told, lines) = watch::channel(Vec::new());
        tokio::spawn(async move {
            while let Ok(Some(line)) = printed.next_line().await {
                told.send_modify(|lines| lines.push(line));
            }
        });
        Self { client, child, lines }
    }

    pub fn id(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// Waits until it serves.
    pub async fn ready(&self) {
        self.says("ready to serve client requests").await;
    }

    /// Waits until it says that, and returns the line.
    pub async fn says(&self, text: &str) -> String {
        let mut lines = self.lines.clone();
        let said = |lines: &Vec<String>| lines.iter().any(|line| line.contains(text));
        let waited = tokio::time::timeout(PATIENCE, lines.wait_for(said)).await;
        match waited {
            Ok(Ok(lines)) => lines.iter().find(|line| line.contains(text)).unwrap().clone(),
            _ => panic!("it does not say {text:?}, but:\n{}", self.said()),
        }
    }

    /// All that it has said.
    pub fn said(&self) -> String {
        self.lines.borrow().join("\n")
    }

    /// Waits until it has ended by itself.
    pub async fn ended(&mut self) -> ExitStatus {
        match tokio::time::timeout(PATIENCE, self.child.wait()).await {
            Ok(ended) => {
                // Then it says nothing more.
                let mut lines = self.lines.clone();
                while lines.changed().await.is_ok() {}
                ended.unwrap()
            }
            Err(_) => panic!("it does not end, and said:\n{}", self.said()),
        }
    }

    /// Ends it in order.
    pub async fn stop(mut self) {
        let id = rustix::process::Pid::from_raw(self.id().cast_signed()).unwrap();
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        self.ended().await;
    }

    /// Ends it at once.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    pub async fn client(&self) -> Client {
        Client::connect([format!("127.0.0.1:{}", self.client)], None).await.unwrap()
    }

    /// What it holds in memory, in bytes.
    pub fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    }
}
