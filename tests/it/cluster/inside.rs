//! Members that run in this process, on ports of this host: their handles are at hand.

use std::time::Duration;

use mgmt::cluster::node::{Config, Ended, Founding, Handle};
use mgmt::cluster::server::{Listen, Server, ServerError, ServerTls, Settings};
use mgmt::cluster::store::member::MAX_LEARNERS;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::processes::{PATIENCE, Place};

/// A member of this process, until this is dropped.
pub struct Inside {
    pub node: Handle,
    stop: oneshot::Sender<()>,
    run: JoinHandle<Ended>,
}

impl Inside {
    /// Starts a member of a cluster that may also have members of other processes.
    pub async fn start(place: &Place) -> Self {
        let flag = |name: &str| {
            let prefix = format!("--{name}=");
            place.flags.iter().rev().find_map(|flag| flag.strip_prefix(&prefix).map(str::to_owned))
        };
        let listed = flag("initial-cluster").expect("each place has it");
        let (client, peer) =
            (format!("http://127.0.0.1:{}", place.client), format!("http://127.0.0.1:{}", place.peer));
        let joins = flag("initial-cluster-state").is_some_and(|state| state == "existing");
        let urls = listed.split(',').filter_map(|member| member.split_once('='));
        let others = urls.filter(|(name, _)| *name != place.name).map(|(_, url)| url.parse().unwrap());
        let ask = if joins { others.collect() } else { Vec::new() };
        let founding = Founding::New { members: listed.parse().unwrap(), token: "etcd-cluster".to_owned() };
        let config = Config::mesh(place.name.clone(), place.folder.clone(), founding, vec![client.clone()]);
        let settings = Settings {
            // As those of other processes, which are etcd's.
            node: Config { max_learners: MAX_LEARNERS, learners_serve: false, ..config },
            ask,
            peer_urls: vec![peer.clone()],
            listen_clients: vec![Listen::At(client.parse().unwrap())],
            listen_metrics: Vec::new(),
            listen_peers: vec![peer.parse().unwrap()],
            peers_at_clients: false,
            tls: ServerTls::Files { clients: None, peers: None },
            guard: None,
            self_signed: Vec::new(),
            auto_compaction: None,
            concurrent_streams: u32::MAX,
            connections: 100_000,
            farewell: Duration::from_secs(5),
            limits: mgmt::cluster::etcd::surface::Limits::default(),
        };
        let server = started(settings).await;
        let node = server.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let run = tokio::spawn(server.run(async { drop(stopped.await) }));
        Self { node, stop, run }
    }

    /// Ends it in order.
    pub async fn stop(self) {
        drop(self.stop);
        let ended = tokio::time::timeout(PATIENCE, self.run).await.expect("it does not end").unwrap();
        assert_eq!(ended, Ended::Asked);
    }

    /// Why it ended by itself.
    pub async fn ended(self) -> Ended {
        tokio::time::timeout(PATIENCE, self.run).await.expect("it does not end").unwrap()
    }
}

/// Starts it as soon as the member that it asks knows it: that one may be late.
async fn started(settings: Settings) -> Server {
    let started = async {
        loop {
            match Server::start(settings.clone()).await {
                Err(ServerError::NotAMember { .. }) => tokio::time::sleep(Duration::from_millis(50)).await,
                started => return started.unwrap(),
            }
        }
    };
    tokio::time::timeout(PATIENCE, started).await.expect("nobody knows the new member")
}
