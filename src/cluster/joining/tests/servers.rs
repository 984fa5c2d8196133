//! The authority, for those who carry the store; and hosts that carry none.

use tokio::io::duplex;

use super::super::scene::{Guest, HERE, NOW, Scene, mesh, reason, terms};
use super::super::*;
use crate::cluster::identity::{Authority, Certificate, HostKeys};

/// Asks for the authority with a certificate, or without one.
async fn ask(scene: &Scene, peer: Option<&Certificate>) -> Result<Authority, JoinError> {
    let (near, far) = duplex(64 << 10);
    let (known, mesh) = (scene.authority(), mesh());
    let line = Line::new(near, HERE, "db-1:2379");
    let asked = authority(line, &mesh, known.roots());
    tokio::join!(asked, scene.desk.answer(far, &HERE, peer)).0
}

#[tokio::test]
async fn a_host_that_was_asked_to_carry_the_store_gets_the_authority() {
    let scene = Scene::start().await;
    // So is the only member of this store called.
    let peer = scene.certificate("default", true, &HostKeys::generate().unwrap());
    let handed = ask(&scene, Some(&peer)).await.unwrap();
    assert_eq!(handed.key_pem(), scene.authority().key_pem());
    // One that another root is asked of, than it has, gives none.
    let (next, _) = scene.next();
    scene.desk.set_authority(std::sync::Arc::new(next));
    assert!(matches!(ask(&scene, Some(&peer)).await, Err(JoinError::NotTheAuthority { .. })));
}

#[tokio::test]
async fn nobody_else_gets_the_authority() {
    let scene = Scene::start().await;
    let keys = HostKeys::generate().unwrap();
    let cannot_serve = scene.certificate("default", false, &keys);
    let no_member = scene.certificate("web-1", true, &keys);
    let tls = crate::cluster::identity::SubjectKey::of(&keys.tls);
    let grant = crate::cluster::identity::Grant::administrator("default".parse().unwrap());
    let administrator = scene.authority().issue(&tls, &grant, NOW).unwrap();
    for peer in [None, Some(&cannot_serve), Some(&no_member), Some(&administrator)] {
        assert_eq!(reason(ask(&scene, peer).await), Reason::NotAServer);
    }
    let evicted = scene.certificate("default", true, &keys);
    scene.evict("web-9", vec![keys.tls.fingerprint()]).await;
    assert!(matches!(reason(ask(&scene, Some(&evicted)).await), Reason::Evicted { .. }));
}

#[tokio::test]
async fn an_expired_certificate_gets_no_authority() {
    let scene = Scene::start().await;
    let peer = scene.certificate("default", true, &HostKeys::generate().unwrap());
    scene.pass(7 * 86_400 + 1);
    assert_eq!(reason(ask(&scene, Some(&peer)).await), Reason::NotAServer);
}

#[tokio::test]
async fn an_authority_that_follows_none_that_is_known_is_not_taken() {
    let scene = Scene::start().await;
    let peer = scene.certificate("default", true, &HostKeys::generate().unwrap());
    let other = Authority::new(mesh(), NOW).unwrap();
    scene.desk.set_authority(std::sync::Arc::new(other));
    assert!(matches!(ask(&scene, Some(&peer)).await, Err(JoinError::NotTheAuthority { .. })));
}

#[tokio::test]
async fn who_asks_a_host_without_a_store_says_nothing_and_learns_where_to_go() {
    let scene = Scene::start().await;
    let token = scene.token(terms()).await;
    let (near, mut far) = duplex(64 << 10);
    let guest = Guest::new("web-1");
    let line = Line::new(near, HERE, "web-9:2379");
    let applicant = guest.at(NOW);
    let mut seeds: Vec<String> = vec!["db-1:2379".into(), "bad\u{1b}[2J".into(), String::new()];
    seeds.extend((0..40).map(|number| format!("db-{number}:1")));
    let pointed = point_elsewhere(&mut far, seeds[..2].to_vec(), PATIENCE);
    let (asked, pointed) = tokio::join!(join(line, &token, &applicant), pointed);
    pointed.unwrap();
    let error = asked.unwrap_err();
    assert!(matches!(&error, JoinError::CarriesNone { seeds, .. } if seeds == &["db-1:2379"]), "{error:?}");
    assert_eq!(error.hint().unwrap(), "ask one of these: db-1:2379");
    let mut said = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut far, &mut said).await.unwrap();
    assert!(said.is_empty(), "{} bytes", said.len());
}

#[tokio::test]
async fn who_comes_to_a_full_desk_is_told_to_come_again_and_says_nothing() {
    let scene = Scene::with(DeskSettings { seats: 1, ..DeskSettings::default() }).await;
    let token = scene.token(terms()).await;
    let (idle, taken) = duplex(64 << 10);
    let sitting = scene.desk.answer(taken, &HERE, None);
    tokio::pin!(sitting);
    let guest = Guest::new("web-1");
    tokio::select! {
        biased;
        ended = &mut sitting => panic!("{ended:?}"),
        joined = scene.join(&token, &guest) => assert!(matches!(reason(joined), Reason::Busy { .. })),
    }
    drop(idle);
    assert!(matches!(sitting.await, Err(JoinError::Ended)));
    scene.join(&token, &guest).await.unwrap();
}
