//! A world in memory in which hosts export to one another; it has no other part.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use mgmt::engine::world::nowhere::Nowhere;
use mgmt::engine::world::{
    Audience, Blobs, Collected, CollectedId, Collection, Deadline, Deploys, Directory, Export, ExportId,
    Exports, Follow, Followed, HostName, Schedule, Secrets, Seen, Strings, World, WorldError, Written,
    follow,
};

/// The name of a host.
pub fn host(name: &str) -> HostName {
    name.parse().unwrap()
}

/// One host's view of a world.
#[derive(Clone, Debug)]
pub struct FakeWorld {
    host: HostName,
    nowhere: Arc<dyn World>,
    pub store: Arc<Store>,
}

/// What the hosts of a world share.
#[derive(Debug, Default)]
pub struct Store(Mutex<Shared>);

#[derive(Debug, Default)]
struct Shared {
    exports: BTreeMap<(HostName, ExportId), Export>,
    /// What each host was last told of each kind.
    followed: BTreeMap<(HostName, String), Vec<Followed<Collection>>>,
    /// What was done, in order.
    log: Vec<String>,
    refuses: bool,
    is_silent: bool,
}

impl FakeWorld {
    /// A new world with one host.
    pub fn of(name: &str) -> Arc<Self> {
        Self::beside(&Arc::default(), name)
    }

    /// Another host of a world.
    pub fn beside(store: &Arc<Store>, name: &str) -> Arc<Self> {
        let host = host(name);
        Arc::new(Self { nowhere: Nowhere::of(host.clone()), host, store: store.clone() })
    }
}

impl Store {
    /// What was exported and withdrawn, in order.
    pub fn log(&self) -> Vec<String> {
        self.0.lock().unwrap().log.clone()
    }

    /// All exports as `FROM:TO:KIND[NAME]`.
    pub fn exported(&self) -> Vec<String> {
        let shared = self.0.lock().unwrap();
        shared.exports.keys().map(|(from, id)| format!("{from}:{}:{}", id.to, id.label)).collect()
    }

    /// What a host exports under a name, to all.
    pub fn export(&self, name: &str) -> Option<Export> {
        let shared = self.0.lock().unwrap();
        shared.exports.iter().find(|((_, id), _)| &*id.label.name == name).map(|(_, export)| export.clone())
    }

    /// From now on the store refuses, or no longer does.
    pub fn refuse(&self, refuses: bool) {
        self.0.lock().unwrap().refuses = refuses;
    }

    /// Those who follow hear nothing until [`speak`](Self::speak).
    pub fn be_silent(&self) {
        self.0.lock().unwrap().is_silent = true;
    }

    /// Those who follow hear what is there.
    pub fn speak(&self) {
        let mut shared = self.0.lock().unwrap();
        shared.is_silent = false;
        shared.tell();
    }

    /// A host exports something.
    pub fn put(&self, from: &str, export: Export) {
        let mut shared = self.0.lock().unwrap();
        shared.exports.insert((host(from), export.id.clone()), export);
        shared.tell();
    }

    /// A host exports something no more.
    pub fn take(&self, from: &str, name: &str) {
        let mut shared = self.0.lock().unwrap();
        shared.exports.retain(|(host, id), _| host.as_str() != from || &*id.label.name != name);
        shared.tell();
    }
}

impl Shared {
    fn collection(&self, host: &HostName, kind: &str) -> Collection {
        let reaches = |id: &ExportId| match &id.to {
            Audience::All => true,
            Audience::Host(to) => to == host,
        };
        let those = self.exports.iter().filter(|((_, id), _)| &*id.label.kind == kind && reaches(id));
        let collected = those.map(|((from, id), export)| {
            let read = Collected::Read { params: export.params.clone(), meta: export.meta.clone() };
            let (name, from, to) = (id.label.name.clone(), from.clone(), id.to.clone());
            (CollectedId { name, from, to }, Arc::new(read))
        });
        Arc::new(collected.collect())
    }

    fn tell(&self) {
        if self.is_silent {
            return;
        }
        for ((host, kind), followed) in &self.followed {
            let collection = self.collection(host, kind);
            for told in followed {
                told.tell(Seen::fresh(collection.clone()));
            }
        }
    }
}

#[async_trait]
impl Exports for FakeWorld {
    async fn export(&self, export: &Export, _: Deadline) -> Result<Written, WorldError> {
        let mut shared = self.store.0.lock().unwrap();
        if shared.refuses {
            let why = "it was told to".to_owned();
            return Err(WorldError::Refused { operation: "export", why });
        }
        shared.log.push(format!("export {} to {}", export.id.label.name, export.id.to));
        shared.exports.insert((self.host.clone(), export.id.clone()), export.clone());
        shared.tell();
        Ok(Written::Stored)
    }

    fn is_exported(&self, export: &Export) -> bool {
        let shared = self.store.0.lock().unwrap();
        shared.exports.get(&(self.host.clone(), export.id.clone())) == Some(export)
    }

    fn keep_only(&self, ids: BTreeSet<ExportId>) {
        let mut shared = self.store.0.lock().unwrap();
        let leaves = |(host, id): &&(HostName, ExportId)| *host == self.host && !ids.contains(id);
        let leaving: Vec<_> = shared.exports.keys().filter(leaves).cloned().collect();
        for key in leaving {
            shared.log.push(format!("withdraw {} from {}", key.1.label.name, key.1.to));
            shared.exports.remove(&key);
        }
        shared.tell();
    }

    fn collect(&self, kind: &str) -> Follow<Collection> {
        let mut shared = self.store.0.lock().unwrap();
        let (tell, told) = follow();
        if !shared.is_silent {
            tell.tell(Seen::fresh(shared.collection(&self.host, kind)));
        }
        shared.followed.entry((self.host.clone(), kind.to_owned())).or_default().push(tell);
        told
    }
}

impl World for FakeWorld {
    fn host(&self) -> &HostName {
        &self.host
    }

    fn strings(&self) -> Arc<dyn Strings> {
        self.nowhere.strings()
    }

    fn secrets(&self) -> Arc<dyn Secrets> {
        self.nowhere.secrets()
    }

    fn exports(&self) -> Arc<dyn Exports> {
        Arc::new(self.clone())
    }

    fn directory(&self) -> Arc<dyn Directory> {
        self.nowhere.directory()
    }

    fn schedule(&self) -> Arc<dyn Schedule> {
        self.nowhere.schedule()
    }

    fn deploys(&self) -> Arc<dyn Deploys> {
        self.nowhere.deploys()
    }

    fn blobs(&self) -> Arc<dyn Blobs> {
        self.nowhere.blobs()
    }
}
