//! Servers that lie: what the asking side does not believe.

use std::sync::Arc;

use tokio::io::{AsyncWriteExt as _, DuplexStream, duplex};

use super::super::frame::{self, MOST_ANSWERED, MOST_ASKED};
use super::super::message::{Answer, Greeting, Hello, Issued};
use super::super::scene::{Guest, HERE, NOW, Scene, mesh, terms};
use super::super::*;
use crate::cluster::identity::{
    AdministratorChain, Authority, HostKeys, IdentityError, JoinToken, MeshId, RootList, SigningKey,
};

/// Says hello as asked, and then this answer, whatever was asked.
async fn lie(mut stream: DuplexStream, version: u32, answer: &Answer) {
    let hello = Greeting::Hello(Hello { version, serves: true, seeds: Vec::new() });
    frame::write(&mut stream, &frame::encode(&hello, MOST_ASKED).unwrap()).await.unwrap();
    if frame::read(&mut stream, MOST_ASKED).await.is_ok() {
        frame::write(&mut stream, &frame::encode(answer, MOST_ANSWERED).unwrap()).await.unwrap();
    }
    let _ = stream.shutdown().await;
}

async fn told(token: &JoinToken, guest: &Guest, answer: Answer) -> Result<Enrolment, JoinError> {
    let (near, far) = duplex(1 << 20);
    let applicant = guest.at(NOW);
    tokio::join!(join(Line::new(near, HERE, "db-1:2379"), token, &applicant), lie(far, 1, &answer)).0
}

/// What a good server has answered.
async fn good(scene: &Scene, token: &JoinToken, guest: &Guest) -> Issued {
    let (_, answered) = scene.taped(token, guest).await;
    let mut answered = &answered[..];
    frame::read(&mut answered, MOST_ANSWERED).await.unwrap();
    let body = frame::read(&mut answered, MOST_ANSWERED).await.unwrap();
    match frame::decode(&body, "").unwrap() {
        Answer::Joined(issued) => *issued,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn nothing_is_believed_because_a_server_says_it() {
    let scene = Scene::start().await;
    let token = scene.token(terms()).await;
    let guest = Guest::new("web-1");
    let issued = good(&scene, &token, &guest).await;
    let joined = |issued: Issued| Answer::Joined(Box::new(issued));
    told(&token, &guest, joined(issued.clone())).await.unwrap();

    let others = scene.certificate("web-1", false, &HostKeys::generate().unwrap()).to_pem();
    let error = told(&token, &guest, joined(Issued { certificate: others, ..issued.clone() })).await;
    assert!(matches!(error, Err(JoinError::OtherCertificate { what: "for this host's key", .. })));

    let other_name = scene.certificate("web-2", false, &guest.keys).to_pem();
    let error = told(&token, &guest, joined(Issued { certificate: other_name, ..issued.clone() })).await;
    assert!(matches!(error, Err(JoinError::OtherCertificate { what: "for this host's name", .. })));

    let stranger = Authority::new(mesh(), NOW).unwrap();
    let planted = RootList::sign(stranger.roots().clone(), 9, &mesh(), &SigningKey::generate().unwrap());
    let roots = planted.unwrap().signed().clone();
    let error = told(&token, &guest, joined(Issued { roots, ..issued.clone() })).await.unwrap_err();
    let is_it = matches!(&error, JoinError::Identity(IdentityError::NotAdministrator { .. }));
    assert!(is_it, "roots that no administrator has signed: {error:?}");

    let eve = SigningKey::generate().unwrap();
    let chain = AdministratorChain::begin(&mesh(), "ann".parse().unwrap(), &eve, NOW).unwrap();
    let error = told(&token, &guest, joined(Issued { administrators: Arc::new(chain), ..issued.clone() }));
    assert!(matches!(error.await, Err(JoinError::Identity(IdentityError::OtherFounder { .. }))));

    let error = told(&token, &guest, joined(Issued { invite: None, ..issued.clone() })).await;
    assert!(matches!(error, Err(JoinError::OtherAnswer { .. })));
    let other = scene.token(terms()).await;
    let invite = good(&scene, &other, &Guest::new("web-5")).await.invite;
    let error = told(&token, &guest, joined(Issued { invite, ..issued.clone() })).await;
    assert!(matches!(error, Err(JoinError::Identity(IdentityError::WrongSigner { .. }))), "{error:?}");

    let error = told(&token, &guest, Answer::Renewed(Box::new(issued))).await;
    assert!(matches!(error, Err(JoinError::OtherAnswer { .. })));
}

#[tokio::test]
async fn a_certificate_that_no_root_of_the_answer_signed_is_refused() {
    let scene = Scene::start().await;
    let token = scene.token(terms()).await;
    let guest = Guest::new("web-1");
    let issued = good(&scene, &token, &guest).await;
    let stranger = Authority::new(mesh(), NOW).unwrap();
    let subject = crate::cluster::identity::SubjectKey::of(&guest.keys.tls);
    let grant = crate::cluster::identity::Grant::host(guest.host.clone(), true);
    let certificate = stranger.issue(&subject, &grant, NOW).unwrap().to_pem();
    let error =
        told(&token, &guest, Answer::Joined(Box::new(Issued { certificate, ..issued.clone() }))).await;
    assert!(matches!(error, Err(JoinError::Identity(IdentityError::OtherIssuer { .. }))));
    let elsewhere = Authority::new(MeshId::from_bytes([9; 16]), NOW).unwrap();
    let certificate = elsewhere.issue(&subject, &grant, NOW).unwrap().to_pem();
    let error = told(&token, &guest, Answer::Joined(Box::new(Issued { certificate, ..issued }))).await;
    assert!(matches!(error, Err(JoinError::Identity(IdentityError::OtherMesh { .. }))), "{error:?}");
}

#[tokio::test]
async fn roots_are_those_that_an_administrator_has_signed_last() {
    let scene = Scene::start().await;
    let token = scene.token(terms()).await;
    let before = scene.join(&token, &Guest::new("web-2")).await.unwrap();
    let (next, roots) = scene.next();
    let alone = roots.without_old();
    scene.list(roots, 2).await;
    scene.desk.set_authority(Arc::new(next));
    let guest = Guest::new("web-1");
    let joined = scene.join(&token, &guest).await.unwrap();
    assert_eq!(joined.roots.roots().newest(), scene.desk.authority().roots().newest());
    scene.list(alone.clone(), 3).await;
    // Who was away since before knows none of these roots by itself.
    let renewed = scene.renew(&joined, &guest).await.unwrap();
    assert_eq!((renewed.roots.roots(), renewed.roots.seq()), (&alone, 3));
    before.roots.roots().verify(&before.certificate).unwrap();
    // A server that is behind, or that would take the mesh back to a root that is gone, is not believed.
    scene.list(before.roots.roots().clone(), 2).await;
    let error = scene.renew(&renewed, &guest).await;
    assert!(
        matches!(error, Err(JoinError::OldRoots { found: 2, known: 3, .. }) | Err(JoinError::Refused { .. })),
        "{error:?}"
    );
}

#[tokio::test]
async fn another_version_is_told_before_anything_is_said() {
    let scene = Scene::start().await;
    let token = scene.token(terms()).await;
    let (near, far) = duplex(1 << 20);
    let guest = Guest::new("web-1");
    let applicant = guest.at(NOW);
    let refused = Answer::Refused(Reason::WrongProof.into());
    let line = Line::new(near, HERE, "db-1:2379");
    let (joined, ()) = tokio::join!(join(line, &token, &applicant), lie(far, 2, &refused));
    assert!(matches!(joined, Err(JoinError::OtherVersion { found: 2, .. })), "{joined:?}");
}
