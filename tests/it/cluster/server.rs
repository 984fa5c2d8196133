//! An etcd server started by a test, whichever program it is.

use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A server that does not listen after this long has failed.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks whether it listens.
const LOOK: Duration = Duration::from_millis(10);

/// A program of etcd 3.5, which `make etcd35` unpacks.
pub fn etcd35(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/etcd35/usr/bin").join(name);
    assert!(path.exists(), "no {}; get it with: make etcd35", path.display());
    path
}

/// The real server.
pub fn reference() -> Vec<String> {
    vec![etcd35("etcd").display().to_string()]
}

/// The server under test: a command in `MGMT_STORE_SERVER`, or else ours.
pub fn under_test() -> Vec<String> {
    match std::env::var("MGMT_STORE_SERVER") {
        Ok(command) => command.split_whitespace().map(str::to_owned).collect(),
        Err(_) => vec![env!("CARGO_BIN_EXE_mgmt").to_owned(), "etcd".to_owned()],
    }
}

/// A member on its own, with its data in a scratch folder.
pub struct Server {
    child: Child,
    pub client: String,
    pub peer: String,
    pub folder: TempDir,
}

/// A loopback address that nobody listens on now.
pub fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

/// In memory where that is possible: what is compared is not the disk.
pub fn scratch() -> TempDir {
    if Path::new("/dev/shm").is_dir() {
        tempfile::tempdir_in("/dev/shm").unwrap()
    } else {
        tempfile::tempdir().unwrap()
    }
}

impl Server {
    /// Starts a fresh one and waits until it listens.
    pub fn start(command: &[String], flags: &[&str]) -> Server {
        Server::start_on(command, flags, scratch())
    }

    /// Starts one on data that may be there already, in `data` of this folder.
    pub fn start_on(command: &[String], flags: &[&str], folder: TempDir) -> Server {
        let (client, peer) = (free_address(), free_address());
        let (client_url, peer_url) = (format!("http://{client}"), format!("http://{peer}"));
        let log = File::create(folder.path().join("log")).unwrap();
        let child = Command::new(&command[0])
            .args(&command[1..])
            .args(["--name", "m0", "--data-dir"])
            .arg(folder.path().join("data"))
            .args(["--listen-client-urls", &client_url, "--advertise-client-urls", &client_url])
            .args(["--listen-peer-urls", &peer_url, "--initial-advertise-peer-urls", &peer_url])
            .args(["--initial-cluster", &format!("m0={peer_url}"), "--log-level", "error"])
            .args(flags)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", command[0]));
        let mut server = Server { child, client, peer, folder };
        server.wait_until_it_listens();
        server
    }

    /// Its output so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn wait_until_it_listens(&mut self) {
        let start = Instant::now();
        while TcpStream::connect(&self.client).is_err() {
            let ended = self.child.try_wait().unwrap();
            assert!(
                ended.is_none() && start.elapsed() < PATIENCE,
                "the server does not listen ({ended:?}): {}",
                self.log()
            );
            std::thread::sleep(LOOK);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
