//! People who administer the mesh.

use std::sync::{Arc, Mutex};

use tokio::io::duplex;

use super::super::scene::{HERE, NOW, Scene, mesh};
use super::super::*;
use crate::cluster::identity::{
    CertificateKey, Domain, Eviction, Pin, Principal, Signed, SigningKey, UnixSeconds,
};

async fn ask(scene: &Scene, name: &str, signing: &SigningKey) -> Result<Certified, JoinError> {
    let (name, tls) = (name.parse().unwrap(), CertificateKey::generate().unwrap());
    let (authority, administrators) = (scene.authority(), scene.administrators());
    let person = Person {
        mesh: &mesh(),
        name: &name,
        signing,
        tls: &tls,
        roots: authority.roots(),
        pin: Pin { first: Some(*administrators.first()), known: Some(*administrators.head()) },
        now: scene.now(),
    };
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
struct Listener(Mutex<Vec<Signed<Eviction>>>);

impl Denying for Listener {
    fn deny(&self, list: Vec<Signed<Eviction>>) -> usize {
        let mut heard = self.0.lock().unwrap();
        heard.extend(list);
        heard.len()
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
    let clock: Clock = Arc::new(|| NOW);
    let registry = Arc::new(scene.registry());
    let desk =
        Desk::new(registry, scene.authority(), clock, DeskSettings::default()).denying(listener.clone());
    let (near, far) = duplex(64 << 10);
    let told = deny(Line::new(near, HERE, "db-1:2379"), vec![signed.clone()]);
    let (held, answered) = tokio::join!(told, desk.answer(far, &HERE, None));
    assert_eq!((held.unwrap(), answered.unwrap()), (1, Answered::Denied(1)));
    assert_eq!(*listener.0.lock().unwrap(), [signed]);
}
