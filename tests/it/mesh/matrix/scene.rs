//! A mesh, and all who may want something of it: those who are of it, those who were, and those who never were.

use std::net::SocketAddr;
use std::time::Duration;

use mgmt::cluster::etcd::pb::etcdserverpb as pb;
use mgmt::cluster::identity::{
    Authority, Certificate, CertificateKey, Grant, HOST_VALIDITY, KeyFolder, MeshId, Principal, Roots,
    SubjectKey, UnixSeconds,
};
use mgmt::cluster::tls::now;
use tonic::transport::Channel;

use super::caller::{Caller, first};
use crate::control::host::Agent;
use crate::mesh::village::{Village, until};

/// Somebody who is of the mesh.
pub struct Heard {
    pub caller: Caller,
    pub channel: Channel,
    /// A name under which they may write.
    pub own: &'static str,
    pub lease: i64,
}

/// A mesh whose host `a` carries the store.
pub struct Scene {
    pub village: Village,
    _first: Agent,
    /// The host `web-1`, invited without `serve`; the host `db-1`, with it; the administrator `root`.
    pub web: Heard,
    pub db: Heard,
    pub root: Heard,
    pub unheard: Unheard,
}

/// Those who are not of the mesh, or not any more.
pub struct Unheard {
    /// Who tries everything on every row.
    pub whole: Vec<Caller>,
    /// Who tries everything on one row, and every row by one operation.
    pub once: Vec<Caller>,
}

/// A key, and its certificate.
pub type Pair = (Certificate, CertificateKey);

/// What an authority says of somebody: for a week from then on.
pub fn issued(authority: &Authority, grant: &Grant, from: UnixSeconds) -> Pair {
    let key = CertificateKey::generate().unwrap();
    (authority.issue(&SubjectKey::of(&key), grant, from).unwrap(), key)
}

/// What lies in a host's folder.
pub fn of_host(village: &Village, host: &str) -> Pair {
    let folder = KeyFolder::open(&village.path(&format!("state/{host}"))).unwrap();
    let mesh = folder.load_mesh().unwrap().unwrap();
    let certificate = folder.load_host_certificate(&mesh).unwrap().unwrap();
    (certificate, folder.load_host_keys().unwrap().unwrap().tls)
}

/// What lies in a folder of an administrator's keys.
pub fn of_administrator(folder: &KeyFolder) -> Pair {
    let mesh = folder.load_mesh().unwrap().unwrap();
    let certificate = folder.load_admin_certificate(&mesh).unwrap().unwrap();
    (certificate, folder.load_admin().unwrap().unwrap().1)
}

/// The mesh's authority, and its roots.
pub fn authority(village: &Village) -> (Authority, Roots) {
    let folder = KeyFolder::open(&village.path("state/a")).unwrap();
    let mesh = folder.load_mesh().unwrap().unwrap();
    (folder.load_authority(&mesh).unwrap().unwrap(), folder.roots(&mesh).unwrap().roots().clone())
}

/// A host joins with a token for it, and goes again.
pub fn joined(village: &Village, host: &str) -> Pair {
    let token = village.say(&["mesh", "invite", "--hostname", "a", "--host", host]);
    let mut agent = village.run(host, &["--no-join", "--no-server", &format!("--join={}", token.trim())]);
    agent.says("has joined the mesh");
    village.wait_for(host, "f4a");
    assert!(agent.stop().success());
    of_host(village, host)
}

/// One who is of the mesh, with a lease.
pub async fn heard(caller: Caller, own: &'static str) -> Heard {
    let channel = caller.channel();
    let asked = pb::LeaseGrantRequest { ttl: 600, id: 0 };
    let granted: pb::LeaseGrantResponse =
        first(&channel, "etcdserverpb.Lease/LeaseGrant", asked).await.unwrap();
    Heard { caller, channel, own, lease: granted.id }
}

/// Where an agent listens.
pub fn listens(agent: &mut Agent) -> SocketAddr {
    agent.serves().trim_start_matches("https://").parse().unwrap()
}

impl Scene {
    pub fn new(runtime: &tokio::runtime::Runtime) -> Self {
        let village = Village::new();
        let mut agent = village.run("a", &["--no-join", "--listen", "127.0.0.1:0"]);
        let at = listens(&mut agent);
        village.wait_for("a", "f4a");
        let (authority, roots) = authority(&village);
        let caller =
            |name, (certificate, key): &Pair| Caller::new(name, (at, "a"), &roots, Some((certificate, key)));
        let host = |name: &str, serve| Grant::host(name.parse().unwrap(), serve);

        let unheard =
            Self::unheard(&village, &authority, caller, Caller::new("nobody", (at, "a"), &roots, None));
        let web = joined(&village, "web-1");
        assert!(!web.0.may_serve(), "it was invited without");
        let db = issued(&authority, &host("db-1", true), now());
        assert!(db.0.may_serve());
        let root = of_administrator(&KeyFolder::open(&village.path("state/a")).unwrap());
        assert_eq!(*root.0.principal(), Principal::Administrator("root".parse().unwrap()));
        village.say(&["mesh", "allow", "kv", "web/", "--host", "web-*", "--hostname", "a"]);
        let (web, db, root) = runtime.block_on(async {
            let web = heard(caller("web-1", &web), "/_mgmt/host/web-1/own").await;
            let db = heard(caller("db-1", &db), "/_mgmt/host/db-1/own").await;
            (web, db, heard(caller("root", &root), "/own").await)
        });
        let scene = Self { village, _first: agent, web, db, root, unheard };
        until("the grant counts", || {
            let key = "/_mgmt/strings/shared/web/granted".into();
            let put = pb::PutRequest { key, ..pb::PutRequest::default() };
            let done = first(&scene.web.channel, "etcdserverpb.KV/Put", put);
            runtime.block_on(done).map(|_: pb::PutResponse| ()).map_err(|status| status.message().to_owned())
        });
        scene
    }

    /// Those who are not of the mesh, or not any more.
    fn unheard(
        village: &Village,
        authority: &Authority,
        caller: impl Fn(&'static str, &Pair) -> Caller,
        nobody: Caller,
    ) -> Unheard {
        let mesh = *authority.mesh();
        let host = |name: &str| Grant::host(name.parse().unwrap(), true);
        let administrator = Grant::administrator("root".parse().unwrap());
        let past = now().earlier(HOST_VALIDITY + Duration::from_secs(60));
        let future = now().later(Duration::from_secs(2 * 3_600));
        let another = Authority::new(mesh, now()).unwrap();
        let elsewhere = Authority::new(MeshId::random().unwrap(), now()).unwrap();

        let evicted = joined(village, "bad");
        village.say(&["mesh", "evict", "bad", "--hostname", "a"]);
        let keys = village.path("bob");
        village.say(&["mesh", "admin", "add", "bob", "--to", keys.to_str().unwrap(), "--hostname", "a"]);
        let dismissed = of_administrator(&KeyFolder::at(&keys).unwrap());
        village.say(&["mesh", "admin", "remove", "bob", "--hostname", "a"]);
        let whole = vec![
            nobody,
            caller("a host whose certificate is over", &issued(authority, &host("web-1"), past)),
            caller("a host of another authority", &issued(&another, &host("web-1"), now())),
            caller("a host that was evicted", &evicted),
        ];
        let once = vec![
            caller("a host whose certificate is for later", &issued(authority, &host("web-1"), future)),
            caller("an administrator of another authority", &issued(&another, &administrator, now())),
            caller("a host of another mesh", &issued(&elsewhere, &host("web-1"), now())),
            caller("an administrator of another mesh", &issued(&elsewhere, &administrator, now())),
            caller("an administrator who was dismissed", &dismissed),
        ];
        Unheard { whole, once }
    }
}
