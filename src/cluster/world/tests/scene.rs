//! A mesh with one administrator, over a store without rules.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::cluster::etcd::pb::etcdserverpb as pb;
use crate::cluster::etcd::pb::etcdserverpb::request_op::Request;
use crate::cluster::fake::Fake;
use crate::cluster::identity::{
    AdministratorChain, AdministratorName, Administrators, DenyList, Domain, Eviction, HostKeys, MeshId,
    Papers, Pin, Signed, SigningKey, UnixSeconds,
};
use crate::cluster::joining::Enrolled;
use crate::cluster::link::{Endpoint, Line, Link, LinkSettings};
use crate::cluster::world::{Client, ClientSettings, Grounds, Trust, keys};
use crate::engine::world::{Deadline, Follow, HostName, Seen};

pub const NOW: UnixSeconds = UnixSeconds(1_800_000_000);
const PATIENCE: Duration = Duration::from_secs(20);

pub fn mesh() -> MeshId {
    MeshId::from_bytes([7; 16])
}

pub fn name(host: &str) -> HostName {
    host.parse().unwrap()
}

pub fn soon() -> Deadline {
    Deadline::after(PATIENCE)
}

pub struct Scene {
    pub ann: Arc<SigningKey>,
    pub administrators: Administrators,
    fake: Fake,
    _stop: oneshot::Sender<()>,
}

/// A host: what it takes part with, and its keys.
pub struct Host {
    pub client: Arc<Client>,
    pub keys: HostKeys,
    pub name: HostName,
}

impl Scene {
    pub async fn new() -> Self {
        let ann = SigningKey::generate().unwrap();
        let called: AdministratorName = "ann".parse().unwrap();
        let chain = AdministratorChain::begin(&mesh(), called, &ann, NOW).unwrap();
        let administrators = chain.replay(&mesh(), &Pin::default()).unwrap();
        let (stop, stopped) = oneshot::channel();
        let at = "http://127.0.0.1:0".parse().unwrap();
        let (fake, _) = Fake::start(&at, async { drop(stopped.await) }).await.unwrap();
        Self { ann: Arc::new(ann), administrators, fake, _stop: stop }
    }

    fn link(&self) -> Link {
        let link = Link::start(LinkSettings::default());
        link.set_endpoints(vec![self.endpoint()]);
        link
    }

    /// Where the store is.
    pub fn endpoint(&self) -> Endpoint {
        format!("etcd://{}", self.fake.url.trim_start_matches("http://")).parse().unwrap()
    }

    pub fn grounds(&self, host: &str) -> Grounds {
        Grounds {
            mesh: mesh(),
            host: name(host),
            signing: None,
            recipient: None,
            administrator: None,
            administrators: self.administrators.clone(),
            denied: DenyList::default(),
            lowest_deploy: None,
        }
    }

    pub fn part(&self, grounds: Grounds) -> Arc<Client> {
        let settings = ClientSettings { host: grounds.host.clone(), zone: String::new(), folder: None };
        let trust = Trust::default();
        trust.set(grounds);
        Client::start_signed(settings, self.link(), trust).unwrap()
    }

    /// A host that has keys, and no papers yet.
    pub fn stranger(&self, host: &str) -> Host {
        let keys = HostKeys::generate().unwrap();
        let signing = SigningKey::from_pem(&keys.signing.to_pem()).unwrap();
        let client = self.part(Grounds { signing: Some(Arc::new(signing)), ..self.grounds(host) });
        Host { client, keys, name: name(host) }
    }

    /// One that is of the mesh.
    pub async fn host(&self, host: &str) -> Host {
        let host = self.stranger(host);
        self.enrol(&host).await;
        host
    }

    pub async fn enrol(&self, host: &Host) {
        let statement = host.keys.statement(host.name.clone(), false, NOW);
        let papers = Papers::vouched(&statement, &host.keys.signing, &self.ann, &mesh()).unwrap();
        let enrolled = Enrolled {
            papers,
            key: host.keys.signing.fingerprint(),
            tls: host.keys.tls.fingerprint(),
            serial: "01".parse().unwrap(),
            not_before: NOW,
            not_after: NOW.later(Duration::from_secs(600)),
            root: host.keys.tls.fingerprint(),
        };
        self.write(&format!("{}{}", keys::ENROLLED, host.name), enrolled.to_json()).await;
    }

    pub fn administrator(&self) -> Arc<Client> {
        self.part(Grounds { administrator: Some(self.ann.clone()), ..self.grounds("desk") })
    }

    /// With this host out.
    pub fn without(&self, evicted: &Host, host: &str) -> Grounds {
        let eviction = Eviction {
            seq: 1,
            host: evicted.name.clone(),
            serials: Vec::new(),
            keys: vec![evicted.keys.signing.fingerprint()],
            at: NOW,
        };
        let mut denied = DenyList::default();
        let signed = Signed::new(&eviction, Domain::Eviction, &mesh(), &self.ann).unwrap();
        denied.take(signed, &self.administrators, &mesh()).unwrap();
        Grounds { denied, ..self.grounds(host) }
    }

    /// Writes as somebody whom no rule stops.
    pub async fn write(&self, key: &str, value: impl Into<Bytes>) {
        let put = pb::PutRequest { key: key.to_owned().into(), value: value.into(), ..Default::default() };
        let op = pb::RequestOp { request: Some(Request::RequestPut(put)) };
        let txn = pb::TxnRequest { success: vec![op], ..Default::default() };
        let link = self.link();
        let written = link.ask("write", soon(), |line: Line, by| {
            let txn = txn.clone();
            async move { line.txn(txn, by).await }
        });
        written.await.unwrap();
    }

    /// What stands there.
    pub async fn read(&self, key: &str) -> Bytes {
        let request = pb::RangeRequest { key: key.to_owned().into(), ..Default::default() };
        let link = self.link();
        let read = link.ask("read", soon(), |line: Line, by| {
            let request = request.clone();
            async move { line.range(request, by).await }
        });
        read.await.unwrap().kvs.into_iter().next().unwrap().value
    }
}

/// Waits until what is followed is as it should be.
pub async fn until<T: Clone + std::fmt::Debug>(follow: &mut Follow<T>, is_so: impl Fn(&T) -> bool) -> T {
    let reached = tokio::time::timeout(PATIENCE, async {
        loop {
            if let Some(Seen { value, .. }) = follow.now().filter(|seen| is_so(&seen.value)) {
                return value;
            }
            follow.changed().await.expect("the world goes on");
        }
    });
    reached.await.unwrap_or_else(|_| panic!("it did not come to that: {:?}", follow.now()))
}
