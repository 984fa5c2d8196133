//! A store of one member in this process, served on a port of its own.

use std::net::SocketAddr;
use std::sync::Arc;

use etcd_client::Client;
use mgmt::cluster::etcd::front::Front;
use mgmt::cluster::etcd::lone::Lone;
use mgmt::cluster::etcd::serve::{Listener, Options, serve};
use mgmt::cluster::etcd::surface::{Limits, Surface};
use mgmt::cluster::store::watch;
use tokio::sync::oneshot;

/// A store that is served until this is dropped.
pub struct Served {
    pub node: Lone,
    pub at: SocketAddr,
    _stop: oneshot::Sender<()>,
}

impl Served {
    pub async fn start() -> Self {
        Self::with(Limits::default(), watch::Limits::default()).await
    }

    pub async fn with(limits: Limits, watches: watch::Limits) -> Self {
        Self::with_options(limits, watches, Options::default()).await
    }

    /// One that keeps so many connections.
    pub async fn with_room(connections: usize) -> Self {
        let options = Options { connections, ..Options::default() };
        Self::with_options(Limits::default(), watch::Limits::default(), options).await
    }

    async fn with_options(limits: Limits, watches: watch::Limits, options: Options) -> Self {
        let node = Lone::start(watches);
        let front = Front::new(Surface { node: Arc::new(node.clone()), limits });
        let listener = Listener::bind(&"http://127.0.0.1:0".parse().unwrap(), None).await.unwrap();
        let at = listener.local().unwrap();
        let (stop, stopped) = oneshot::channel();
        tokio::spawn(serve(front, vec![listener], options, async {
            drop(stopped.await);
        }));
        Self { node, at, _stop: stop }
    }

    pub async fn client(&self) -> Client {
        Client::connect([self.at.to_string()], None).await.unwrap()
    }

    /// The store's answer to `etcdctl`: what it printed, or what it complained about.
    pub async fn etcdctl(&self, arguments: &str) -> Result<String, String> {
        let output = tokio::process::Command::new("etcdctl")
            .env("ETCDCTL_API", "3")
            .arg(format!("--endpoints={}", self.at))
            .args(arguments.split_whitespace())
            .output()
            .await
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
    }
}
