//! A member as a process.

use std::fs::{self, File};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::Duration;

use etcd_client::{Client, ConnectOptions};
use rustix::event::{PollFd, PollFlags, poll};
use tempfile::TempDir;

use super::net::Net;

/// What must happen, happens within this, or the test fails.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A member on a host of the same number.
pub struct Member {
    net: Arc<Net>,
    pub host: usize,
    folder: TempDir,
    child: Option<Child>,
    /// Further flags.
    flags: Vec<String>,
}

/// How a member comes to its cluster.
#[derive(Clone, Copy, Debug)]
pub enum State {
    New,
    Existing,
}

impl Member {
    /// Not yet started.
    pub fn new(net: &Arc<Net>, host: usize, flags: &[&str]) -> Self {
        let flags = flags.iter().map(ToString::to_string).collect();
        Self { net: net.clone(), host, folder: tempfile::tempdir().unwrap(), child: None, flags }
    }

    /// Starts it; `hosts` are those of the cluster's members.
    pub fn start(&mut self, hosts: &[usize], state: State) {
        let log = File::options().create(true).append(true).open(self.folder.path().join("log")).unwrap();
        let (client, peer) = (client_url(self.host), peer_url(self.host));
        let cluster: Vec<String> = hosts.iter().map(|host| format!("m{host}={}", peer_url(*host))).collect();
        let mut command = self.net.command(self.host, env!("CARGO_BIN_EXE_mgmt"));
        command
            .args(["etcd", "--name", &format!("m{}", self.host)])
            .arg("--data-dir")
            .arg(self.folder.path().join("data"));
        command.args(["--listen-client-urls", "http://0.0.0.0:2379", "--advertise-client-urls", &client]);
        command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
        command.args(["--initial-cluster", &cluster.join(",")]);
        let state = match state {
            State::New => "new",
            State::Existing => "existing",
        };
        command.args(["--initial-cluster-state", state]).args(&self.flags);
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.child = Some(command.spawn().unwrap());
    }

    /// As a power cut ends it, but for the disk.
    pub fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Asks it to end, and waits until it has.
    pub fn terminate(&mut self) -> std::process::ExitStatus {
        let mut child = self.child.take().unwrap();
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        child.wait().unwrap()
    }

    /// Waits until it has ended by itself.
    pub fn ended(&mut self) {
        let child = self.child.as_mut().unwrap();
        let pid = rustix::process::Pid::from_child(child);
        let end = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).unwrap();
        let patience = rustix::time::Timespec { tv_sec: PATIENCE.as_secs().cast_signed(), tv_nsec: 0 };
        let mut ended = [PollFd::new(&end, PollFlags::IN)];
        assert_eq!(poll(&mut ended, Some(&patience)).unwrap(), 1, "it goes on");
        child.wait().unwrap();
    }

    pub fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_none())
    }

    /// All that it has said.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            eprintln!("--- m{} said:\n{}", self.host, self.log());
        }
    }
}

/// Fresh members on hosts 0.., started.
pub fn founded(net: &Arc<Net>, count: usize, flags: &[&str]) -> Vec<Member> {
    let hosts: Vec<usize> = (0..count).collect();
    let mut members: Vec<Member> = hosts.iter().map(|host| Member::new(net, *host, flags)).collect();
    members.iter_mut().for_each(|member| member.start(&hosts, State::New));
    members
}

pub fn client_url(host: usize) -> String {
    format!("http://{}:2379", Net::address(host))
}

pub fn peer_url(host: usize) -> String {
    format!("http://{}:2380", Net::address(host))
}

/// A client of one member, as soon as it answers.
pub async fn client(url: &str) -> Client {
    let options = ConnectOptions::new().with_connect_timeout(Duration::from_secs(1));
    let connect = async {
        loop {
            if let Ok(client) = Client::connect([url], Some(options.clone())).await {
                return client;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, connect).await.unwrap_or_else(|_| panic!("nobody listens at {url}"))
}

/// Which of these hosts leads, once one does and all of them say so.
pub async fn leader_of(hosts: &[usize]) -> usize {
    let agreed = async {
        loop {
            let mut said = Vec::new();
            for host in hosts {
                let mut client = client(&client_url(*host)).await;
                let status = tokio::time::timeout(Duration::from_secs(1), client.status()).await;
                let Ok(Ok(status)) = status else { continue };
                said.push((*host, status.header().unwrap().member_id(), status.leader()));
            }
            let leader = said.first().map_or(0, |first| first.2);
            let agreed = leader != 0 && said.len() == hosts.len() && said.iter().all(|it| it.2 == leader);
            if let Some(leads) = said.iter().find(|it| agreed && it.1 == leader) {
                return leads.0;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, agreed).await.expect("no leader was agreed upon")
}
