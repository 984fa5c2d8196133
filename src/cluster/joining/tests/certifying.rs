//! People who administer the mesh.

use std::sync::{Arc, LazyLock, Mutex};

use tokio::io::duplex;

use super::super::scene::{HERE, NOW, Scene, mesh};
use super::super::*;
use crate::cluster::identity::{
    AdministratorName, Authority, CertificateKey, Domain, Eviction, Fingerprint, IdentityError, MeshId,
    Principal, Signed, SigningKey, UnixSeconds,
};

/// Who asks, as somebody who knows what the mesh began with.
fn person<'a>(
    scene: &Scene,
    name: &'a AdministratorName,
    keys: (&'a SigningKey, &'a CertificateKey),
) -> Person<'a> {
    static MESH: LazyLock<MeshId> = LazyLock::new(mesh);
    let (signing, tls) = keys;
    let pin = scene.administrators().pin();
    Person { mesh: &MESH, name, signing, tls, roots_seq: 1, pin, now: scene.now() }
}

async fn ask(scene: &Scene, name: &str, signing: &SigningKey) -> Result<Certified, JoinError> {
    let (name, tls) = (name.parse().unwrap(), CertificateKey::generate().unwrap());
    let person = person(scene, &name, (signing, &tls));
    let (line, answered) = scene.line();
    let (got, _) = tokio::join!(certify(line, &person), answered);
    if let Ok(got) = &got {
        assert_eq!(*got.certificate.key(), tls.fingerprint());
    }
    got
}

fn refused(result: Result<Certified, JoinError>) -> Reason {
    match result {
        Err(JoinError::CertificateRefused { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn who_administers_gets_a_certificate_for_a_year_as_often_as_they_ask() {
    let scene = Scene::start().await;
    for _ in 0..2 {
        let got = ask(&scene, "ann", &scene.ann).await.unwrap();
        assert_eq!(*got.certificate.principal(), Principal::Administrator("ann".parse().unwrap()));
        assert!(!got.certificate.may_serve());
        assert!(got.certificate.not_after() > UnixSeconds(scene.now().0 + 364 * 86_400));
        scene.pass(400 * 86_400);
    }
}

#[tokio::test]
async fn nobody_else_does() {
    let scene = Scene::start().await;
    let other = SigningKey::generate().unwrap();
    assert_eq!(refused(ask(&scene, "ann", &other).await), Reason::WrongProof);
    assert_eq!(refused(ask(&scene, "bob", &other).await), Reason::NotEnrolled);
    assert_eq!(refused(ask(&scene, "bob", &scene.ann).await), Reason::NotEnrolled);
}

/// Keeps what it is told.
#[derive(Default)]
struct Listener(Mutex<Vec<Signed<Eviction>>>, Mutex<Option<Fingerprint>>);

impl Keeper for Listener {
    fn prepare(&self, next: &Authority) -> Result<(), IdentityError> {
        *self.1.lock().unwrap() = Some(*next.roots().newest().fingerprint());
        Ok(())
    }

    fn deny(&self, list: Vec<Signed<Eviction>>) -> usize {
        let mut heard = self.0.lock().unwrap();
        heard.extend(list);
        heard.len()
    }
}

impl Listener {
    /// A desk of whose conversations it is told.
    fn desk(self: &Arc<Self>, scene: &Scene) -> Desk {
        let clock: Clock = Arc::new(|| NOW);
        let desk = Desk::new(Arc::new(scene.registry()), scene.authority(), clock, DeskSettings::default());
        desk.with_keeper(self.clone())
    }
}

#[tokio::test]
async fn who_is_out_is_told_a_server_directly_also_without_a_quorum() {
    let scene = Scene::start().await;
    let eviction =
        Eviction { seq: 1, host: "web-1".parse().unwrap(), serials: Vec::new(), keys: Vec::new(), at: NOW };
    let signed = Signed::new(&eviction, Domain::Eviction, &mesh(), &scene.ann).unwrap();
    let (line, answered) = scene.line();
    let (held, _) = tokio::join!(deny(line, vec![signed.clone()]), answered);
    assert_eq!(held.unwrap(), 0, "nobody listens there");

    let listener = Arc::new(Listener::default());
    // A store that nobody leads: nothing of it is asked.
    scene.lone.lose_leader(true);
    let desk = listener.desk(&scene);
    let (near, far) = duplex(64 << 10);
    let told = deny(Line::new(near, HERE, "db-1:2379"), vec![signed.clone()]);
    let (held, answered) = tokio::join!(told, desk.answer(far, &HERE, None));
    assert_eq!((held.unwrap(), answered.unwrap()), (1, Answered::Denied(1)));
    assert_eq!(*listener.0.lock().unwrap(), [signed]);
}

#[tokio::test]
async fn a_server_makes_the_next_authority_for_who_administers_and_keeps_it_first() {
    let scene = Scene::start().await;
    let listener = Arc::new(Listener::default());
    let desk = listener.desk(&scene);
    let (name, tls) = ("ann".parse().unwrap(), CertificateKey::generate().unwrap());
    let eve = SigningKey::generate().unwrap();
    for signing in [&eve, &scene.ann] {
        let person = person(&scene, &name, (signing, &tls));
        let (near, far) = duplex(64 << 10);
        let asked = rotate(Line::new(near, HERE, "db-1:2379"), &person);
        let (made, _) = tokio::join!(asked, desk.answer(far, &HERE, None));
        if std::ptr::eq(signing, &eve) {
            let refused = made.unwrap_err();
            assert!(matches!(refused, JoinError::CertificateRefused { reason: Reason::WrongProof, .. }));
            assert!(listener.1.lock().unwrap().is_none());
            continue;
        }
        let NextRoot { root, link } = made.unwrap();
        assert_eq!(*listener.1.lock().unwrap(), Some(*root.fingerprint()));
        scene.authority().roots().followed_by(root, link).unwrap();
        assert_eq!(desk.authority().roots(), scene.authority().roots(), "nobody goes by it yet");
    }
}
