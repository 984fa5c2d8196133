//! A store, and hosts that take part.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mgmt::cluster::link::{Link, LinkSettings};
use mgmt::cluster::world::{Client, ClientSettings};
use mgmt::engine::world::{Deadline, Follow, HostName, Seen};
use tempfile::TempDir;

use crate::cluster::process::{Make, PATIENCE, Process};
use mgmt::cluster::fake::{Fake, Faults};
use tokio::sync::oneshot;

/// Whose store it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stores {
    Fake,
    Ours,
    Etcd,
}

enum Store {
    Fake(Fake, #[allow(dead_code, reason = "it is served until this is dropped")] oneshot::Sender<()>),
    Process(Process),
}

/// A store, and hosts that take part.
pub struct Stage {
    store: Store,
    scratch: TempDir,
}

impl Stage {
    pub async fn over(stores: Stores) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let store = match stores {
            Stores::Fake => {
                let (stop, stopped) = oneshot::channel();
                let at = "http://127.0.0.1:0".parse().unwrap();
                let (fake, _) = Fake::start(&at, async { drop(stopped.await) }).await.unwrap();
                Store::Fake(fake, stop)
            }
            Stores::Ours => Store::Process(Process::start(Make::Ours, scratch.path(), &[])),
            Stores::Etcd => Store::Process(Process::start(Make::Etcd, scratch.path(), &[])),
        };
        Self { store, scratch }
    }

    pub fn endpoint(&self) -> String {
        match &self.store {
            Store::Fake(fake, _) => fake.url.trim_start_matches("http://").to_owned(),
            Store::Process(process) => process.client(),
        }
    }

    /// The process of the store, to be killed and started again.
    pub fn process(&mut self) -> &mut Process {
        match &mut self.store {
            Store::Process(process) => process,
            Store::Fake(..) => panic!("a fake is no process"),
        }
    }

    /// Has the fake misbehave.
    pub fn faults(&self, faults: Faults) {
        match &self.store {
            Store::Fake(fake, _) => fake.knobs.set(faults),
            Store::Process(_) => panic!("a real store does not misbehave when it is asked to"),
        }
    }

    pub fn folder(&self, host: &str) -> PathBuf {
        let folder = self.scratch.path().join(format!("host-{host}"));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    /// A host that takes part.
    pub fn host(&self, host: &str) -> Arc<Client> {
        let link = Link::start(LinkSettings::default());
        // Any store will do.
        link.set_endpoints(vec![format!("etcd://{}", self.endpoint()).parse().unwrap()]);
        let settings =
            ClientSettings { host: name(host), zone: String::new(), folder: Some(self.folder(host)) };
        Client::start(settings, link).unwrap()
    }
}

pub fn name(host: &str) -> HostName {
    host.parse().unwrap()
}

pub fn soon() -> Deadline {
    Deadline::after(PATIENCE)
}

/// Waits until what is followed is as it should be; returns how many states were seen until then.
pub async fn until<T: Clone + std::fmt::Debug>(
    follow: &mut Follow<T>,
    is_so: impl Fn(&Seen<T>) -> bool,
) -> usize {
    let mut states = 0;
    let mut last = None;
    let reached = tokio::time::timeout(PATIENCE, async {
        loop {
            let seen = follow.changed().await.expect("the world goes on");
            states += 1;
            if is_so(&seen) {
                return;
            }
            last = Some(seen);
        }
    });
    assert!(reached.await.is_ok(), "it did not come to that; last seen: {last:?}");
    states
}

/// Long enough that what was to come would have come: for what must not happen.
pub async fn nothing_more<T: Clone + std::fmt::Debug>(follow: &mut Follow<T>) {
    let more = tokio::time::timeout(Duration::from_millis(200), follow.changed()).await;
    assert!(more.is_err(), "something more was told: {more:?}");
}
