//! Both sides of a connection, over a pipe.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

use super::*;
use crate::cluster::identity::{
    AdministratorChain, Authority, Certificate, CertificateKey, Change, DenyList, Domain, Eviction, Grant,
    MeshId, Pin, Signed, SigningKey, SubjectKey,
};

const PATIENCE: Duration = Duration::from_secs(20);

struct Scene {
    mesh: MeshId,
    authority: Authority,
    ann: SigningKey,
}

impl Scene {
    fn new() -> Self {
        let mesh = MeshId::from_bytes([7; 16]);
        let authority = Authority::new(mesh, now()).unwrap();
        Self { mesh, authority, ann: SigningKey::generate().unwrap() }
    }

    fn passport(&self, host: &str) -> Passport {
        self.passport_for(Grant::host(host.parse().unwrap(), true))
    }

    fn passport_for(&self, grant: Grant) -> Passport {
        let key = CertificateKey::generate().unwrap();
        let certificate = self.authority.issue(&SubjectKey::of(&key), &grant, now()).unwrap();
        let roots = self.authority.roots().clone();
        Passport::new(self.mesh, roots, certificate, &key, DenyList::default()).unwrap()
    }

    fn host(&self, name: &str) -> Arc<MeshTls> {
        MeshTls::new(self.passport(name)).unwrap()
    }

    /// A list on which a certificate is.
    fn denying(&self, certificate: &Certificate) -> DenyList {
        let chain = AdministratorChain::begin(&self.mesh, "ann".parse().unwrap(), &self.ann, now()).unwrap();
        let administrators = chain.replay(&self.mesh, &Pin::default()).unwrap();
        let eviction = Eviction {
            seq: 1,
            host: "other".parse().unwrap(),
            serials: vec![certificate.serial().clone()],
            keys: Vec::new(),
            at: now(),
        };
        let mut list = DenyList::default();
        let signed = Signed::new(&eviction, Domain::Eviction, &self.mesh, &self.ann).unwrap();
        list.take(signed, &administrators, &self.mesh).unwrap();
        list
    }

    fn joining(&self) -> Result<JoinTls, TlsError> {
        JoinTls::new(self.mesh, vec![*self.authority.roots().newest().fingerprint()])
    }
}

#[test]
fn an_administrator_who_was_removed_is_believed_no_more() {
    let scene = Scene::new();
    let name = |name: &str| name.parse().unwrap();
    let mut chain = AdministratorChain::begin(&scene.mesh, name("ann"), &scene.ann, now()).unwrap();
    let bob = SigningKey::generate().unwrap();
    let add = Change::Add { name: name("bob"), key: bob.verifying_key() };
    let both = chain.append(&scene.mesh, add, &scene.ann, now()).unwrap();
    let shown = scene.passport_for(Grant::administrator(name("bob"))).certificate;
    let passport = scene.passport("a");
    assert!(passport.believes(&shown, now()).is_ok(), "it does not know who administers");
    assert!(passport.administered_by(both).believes(&shown, now()).is_ok());
    let remove = Change::Remove { name: name("bob"), keep: Vec::new() };
    let ann = chain.append(&scene.mesh, remove, &scene.ann, now()).unwrap();
    let refused = passport.administered_by(ann).believes(&shown, now()).unwrap_err();
    assert_eq!(refused.to_string(), "bob administers this mesh no more");
    // Nobody else is called so later.
    let again = Change::Add { name: name("bob"), key: SigningKey::generate().unwrap().verifying_key() };
    assert!(chain.append(&scene.mesh, again, &scene.ann, now()).is_err());
}

/// What each side has of a connection: of the caller, whom it sees; of the called, likewise.
async fn meet(caller: &MeshTls, called: &MeshTls) -> (Result<String, String>, Result<String, String>) {
    let (here, there) = tokio::io::duplex(64 << 10);
    let calling = async {
        let (mut stream, shown) = caller.connect(here).await.map_err(|error| error.to_string())?;
        // Only what comes tells whether one is believed: the called side answers last.
        stream.read_u8().await.map_err(|error| error.to_string())?;
        Ok(shown.principal().to_string())
    };
    let called = async {
        match called.accept(there).await.map_err(|error| error.to_string())? {
            Accepted::Member(mut stream, shown) => {
                stream.write_u8(1).await.map_err(|error| error.to_string())?;
                stream.shutdown().await.map_err(|error| error.to_string())?;
                Ok(shown.principal().to_string())
            }
            Accepted::Joins(_) => Err("it wants to join".to_owned()),
        }
    };
    tokio::join!(calling, called)
}

#[tokio::test]
async fn two_of_a_mesh_know_one_another() {
    let scene = Scene::new();
    let (one, two) = (scene.host("one"), scene.host("two"));
    for _ in 0..2 {
        let (seen, shown) = meet(&one, &two).await;
        assert_eq!((seen, shown), (Ok("host two".to_owned()), Ok("host one".to_owned())));
    }
}

#[tokio::test]
async fn one_of_another_authority_is_not_believed_and_does_not_believe() {
    let (scene, other) = (Scene::new(), Scene::new());
    let (seen, shown) = meet(&other.host("one"), &scene.host("two")).await;
    assert!(seen.is_err() && shown.is_err(), "{seen:?} {shown:?}");
}

#[tokio::test]
async fn who_is_of_another_mesh_with_the_same_name_is_not_believed() {
    let scene = Scene::new();
    let mesh = MeshId::from_bytes([8; 16]);
    let other =
        Scene { authority: Authority::new(mesh, now()).unwrap(), mesh, ann: SigningKey::generate().unwrap() };
    let (seen, shown) = meet(&other.host("one"), &scene.host("two")).await;
    assert!(seen.is_err() && shown.is_err(), "{seen:?} {shown:?}");
}

#[tokio::test]
async fn a_certificate_whose_time_is_over_is_not_believed() {
    let scene = Scene::new();
    let two = scene.host("two");
    let brief = Grant { validity: Duration::from_secs(1), ..Grant::host("one".parse().unwrap(), true) };
    let one = MeshTls::new(scene.passport_for(brief)).unwrap();
    let certificate = one.passport().certificate;
    let over = tokio::time::timeout(PATIENCE, two.disbelieved(&certificate)).await.unwrap();
    assert!(matches!(over, TlsError::Expired { .. }), "{over}");
    let (seen, shown) = meet(&one, &two).await;
    assert!(seen.is_err(), "{seen:?}");
    assert!(shown.unwrap_err().to_lowercase().contains("expired"));
}

#[tokio::test]
async fn who_was_evicted_is_not_believed_also_with_an_older_session() {
    let scene = Scene::new();
    let (one, two) = (scene.host("one"), scene.host("two"));
    // So that there is a session to go on with.
    meet(&one, &two).await.0.unwrap();
    let certificate = one.passport().certificate;
    two.replace(two.passport().denying(scene.denying(&certificate))).unwrap();
    let (seen, shown) = meet(&one, &two).await;
    assert!(seen.is_err() && shown.is_err(), "{seen:?} {shown:?}");
    // The other way round, too.
    let (seen, shown) = meet(&two, &one).await;
    assert!(seen.is_err() && shown.is_err(), "{seen:?} {shown:?}");
}

/// What who calls is told of whether it is believed.
async fn greeted(caller: &MeshTls, called: &MeshTls) -> Result<(), String> {
    let (here, there) = tokio::io::duplex(64 << 10);
    let greets = async {
        if let Ok(Accepted::Member(mut stream, _)) = called.accept(there).await {
            // Who does not believe this side has hung up.
            let _ = stream.write_u8(1).await;
            let _ = stream.shutdown().await;
        }
    };
    tokio::join!(caller.is_greeted(here), greets).0.map_err(|error| error.to_string())
}

#[tokio::test]
async fn who_is_not_believed_is_told_why() {
    let scene = Scene::new();
    let (one, two) = (scene.host("one"), scene.host("two"));
    assert_eq!(greeted(&one, &two).await, Ok(()));
    let certificate = one.passport().certificate;
    two.replace(two.passport().denying(scene.denying(&certificate))).unwrap();
    let told = |why: &str| Err(why.to_owned());
    assert_eq!(greeted(&one, &two).await, told("it says that this host was evicted from the mesh"));
    assert_eq!(greeted(&two, &one).await, told("the host there was evicted from the mesh"));

    let ann = AdministratorChain::begin(&scene.mesh, "ann".parse().unwrap(), &scene.ann, now()).unwrap();
    let known = ann.replay(&scene.mesh, &Pin::default()).unwrap();
    two.replace(two.passport().administered_by(known)).unwrap();
    let person =
        |name: &str| MeshTls::new(scene.passport_for(Grant::administrator(name.parse().unwrap()))).unwrap();
    assert_eq!(greeted(&person("ann"), &two).await, Ok(()));
    let dismissed = "it says that whose keys these are administers the mesh no more";
    assert_eq!(greeted(&person("bob"), &two).await, told(dismissed));
}

#[tokio::test]
async fn an_open_connection_ends_with_the_eviction_and_not_with_a_renewal() {
    let scene = Scene::new();
    let (one, two) = (scene.host("one"), scene.host("two"));
    let certificate = one.passport().certificate;
    let ends = two.disbelieved(&certificate);
    tokio::pin!(ends);
    two.replace(scene.passport("two")).unwrap();
    assert!(futures_util::poll!(&mut ends).is_pending());
    two.replace(two.passport().denying(scene.denying(&certificate))).unwrap();
    assert!(matches!(ends.await, TlsError::Evicted { .. }));
}

#[tokio::test]
async fn who_shows_nothing_is_refused_by_name() {
    let scene = Scene::new();
    let two = scene.host("two");
    let (here, there) = tokio::io::duplex(64 << 10);
    // It believes whom it should, shows nothing, and does not ask to join.
    let mut config = rustls::ClientConfig::builder_with_provider(passport::provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(belief::Belief::of(&two.passport(), true)))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let asks = async {
        let mut stream = connector.connect(mesh_tls::nowhere(), here).await?;
        stream.read_u8().await
    };
    let (asked, accepted) = tokio::join!(asks, two.accept(there));
    assert!(asked.unwrap_err().to_string().contains("CertificateRequired"));
    assert!(accepted.is_err());
}

/// Serves one who joins.
async fn serve(called: &MeshTls, there: DuplexStream) {
    if let Ok(Accepted::Joins(joins)) = called.accept(there).await {
        called.answer(joins).await;
    }
}

/// A desk that answers with what it knows of the connection.
#[derive(Default)]
struct Mirror(Mutex<Option<([u8; 32], Option<String>)>>);

impl Desk for Mirror {
    fn answer(
        &self,
        mut stream: Box<dyn JoinStream>,
        binding: [u8; 32],
        shown: Option<Certificate>,
    ) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            *self.0.lock().unwrap() = Some((binding, shown.map(|shown| shown.principal().to_string())));
            stream.write_all(b"done").await.unwrap();
            stream.shutdown().await.unwrap();
        })
    }
}

/// Joins over a pipe: what was read, and the binding on this side.
async fn join(tls: &JoinTls, called: &MeshTls) -> Result<(String, [u8; 32]), String> {
    let (here, there) = tokio::io::duplex(64 << 10);
    let asks = async {
        let (mut stream, binding, _): (_, _, Certificate) =
            tls.connect::<DuplexStream>(here).await.map_err(|error| error.to_string())?;
        let mut said = String::new();
        stream.read_to_string(&mut said).await.map_err(|error| error.to_string())?;
        Ok((said, binding))
    };
    let (asked, _) = tokio::join!(asks, serve(called, there));
    asked
}

#[tokio::test]
async fn who_joins_shows_nothing_and_meets_the_desk_over_a_connection_of_its_own() {
    let scene = Scene::new();
    let (two, desk) = (scene.host("two"), Arc::new(Mirror::default()));
    two.set_desk(Some(desk.clone()));
    let tls = scene.joining().unwrap();
    let (said, binding) = join(&tls, &two).await.unwrap();
    assert_eq!((said.as_str(), desk.0.lock().unwrap().take()), ("done", Some((binding, None))));
    let (_, other) = join(&tls, &two).await.unwrap();
    assert_ne!(binding, other, "what is signed over one connection is of no use over another");
}

#[tokio::test]
async fn one_who_is_of_the_mesh_is_known_at_the_desk() {
    let scene = Scene::new();
    let (one, two, desk) = (scene.host("one"), scene.host("two"), Arc::new(Mirror::default()));
    two.set_desk(Some(desk.clone()));
    let (here, there) = tokio::io::duplex(64 << 10);
    let (asked, _) = tokio::join!(one.connect_to_join(here), serve(&two, there));
    let (_, binding, shown) = asked.unwrap();
    assert_eq!(shown.principal().to_string(), "host two");
    assert_eq!(desk.0.lock().unwrap().take(), Some((binding, Some("host one".to_owned()))));
}

#[tokio::test]
async fn a_token_believes_only_the_authorities_that_it_names() {
    let (scene, other) = (Scene::new(), Scene::new());
    let two = scene.host("two");
    two.set_desk(Some(Arc::new(Mirror::default())));
    let refused = join(&other.joining().unwrap(), &two).await;
    assert!(refused.is_err(), "{refused:?}");
}

#[tokio::test]
async fn without_a_desk_whoever_joins_is_hung_up_on() {
    let scene = Scene::new();
    let refused = join(&scene.joining().unwrap(), &scene.host("two")).await;
    assert!(refused.is_err() || refused.unwrap().0.is_empty());
}
