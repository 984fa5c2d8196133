//! Hosts that get what they ask for.

use std::sync::Arc;

use async_trait::async_trait;

use super::super::scene::{Guest, HERE, NOW, Scene, host, mesh, reason, terms};
use super::super::*;
use super::folder;
use crate::cluster::identity::{DenyList, Fingerprint, HOST_VALIDITY, HostKeys, Pin, Principal, key_files};
use crate::engine::world::{DeployId, HostName};

#[tokio::test]
async fn a_host_joins_with_a_token_and_others_can_trust_its_keys() {
    let scene = Scene::start().await;
    let token = scene.token(terms()).await;
    let guest = Guest { names: vec![host("web-1.example.org")], ..Guest::new("web-1") };
    let joined = scene.join(&token, &guest).await.unwrap();
    assert_eq!(*joined.certificate.principal(), Principal::Host(host("web-1")));
    assert_eq!(joined.certificate.not_after(), NOW.later(HOST_VALIDITY));
    assert!(!joined.certificate.may_serve());
    scene.authority().roots().verify(&joined.certificate).unwrap();
    let standing = joined.papers.verify(&scene.administrators(), &mesh(), &DenyList::default()).unwrap();
    assert_eq!((standing.host, standing.zone.as_str()), (host("web-1"), "north"));
    assert_eq!((joined.seeds, joined.lowest_deploy), (vec!["localhost:2379".to_owned()], Some(DeployId(7))));
    let view = scene.registry().look(&host("web-1"), None).await.unwrap();
    let enrolled = view.enrolled.unwrap();
    assert_eq!((&enrolled.serial, enrolled.papers), (joined.certificate.serial(), joined.papers));
    assert_eq!(enrolled.key, guest.keys.signing.fingerprint());
}

#[tokio::test]
async fn who_is_granted_it_and_wants_it_may_serve() {
    let scene = Scene::start().await;
    for (granted, wanted) in [(true, true), (true, false), (false, true)] {
        let token = scene.token(Terms { serve: granted, uses: 1, ..terms() }).await;
        let guest = Guest { serve: wanted, ..Guest::new(&format!("web-{granted}-{wanted}")) };
        let joined = scene.join(&token, &guest).await.unwrap();
        assert_eq!(joined.certificate.may_serve(), granted && wanted);
    }
}

#[tokio::test]
async fn the_same_host_that_comes_again_uses_its_invite_once() {
    let scene = Scene::start().await;
    let token = scene.token(Terms { uses: 1, ..terms() }).await;
    let guest = Guest::new("web-1");
    let first = scene.join(&token, &guest).await.unwrap();
    let again = scene.join(&token, &guest).await.unwrap();
    assert_ne!(first.certificate.serial(), again.certificate.serial());
    let other = scene.join(&token, &Guest::new("web-2")).await;
    assert_eq!(reason(other), Reason::InviteUsedUp { uses: 1 });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_those_who_race_for_the_last_uses_only_as_many_get_in_as_may() {
    let scene = Arc::new(Scene::start().await);
    let token = Arc::new(scene.token(Terms { uses: 3, ..terms() }).await);
    let mut racing = tokio::task::JoinSet::new();
    for number in 0..24 {
        let (scene, token) = (scene.clone(), token.clone());
        racing.spawn(async move { scene.join(&token, &Guest::new(&format!("web-{number}"))).await });
    }
    let (joined, refused): (Vec<_>, Vec<_>) = racing.join_all().await.into_iter().partition(Result::is_ok);
    assert_eq!(joined.len(), 3);
    for error in refused {
        assert_eq!(reason(error), Reason::InviteUsedUp { uses: 3 });
    }
    let by = Use { invite: token.key.fingerprint(), key: Fingerprint::of_spki(b"nobody") };
    assert_eq!(scene.registry().look(&host("web-0"), Some(&by)).await.unwrap().uses, 3);
}

/// A registry that lets others go on after each look.
#[derive(Debug)]
struct Hesitant(NodeRegistry);

#[async_trait]
impl Registry for Hesitant {
    async fn look(&self, host: &HostName, by: Option<&Use>) -> Result<View, JoinError> {
        let view = self.0.look(host, by).await;
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
        view
    }

    async fn know(&self) -> Result<Arc<Known>, JoinError> {
        self.0.know().await
    }

    async fn enrol(
        &self,
        host: &HostName,
        enrolled: &Enrolled,
        by: Option<&Use>,
        view: &View,
    ) -> Result<bool, JoinError> {
        self.0.enrol(host, enrolled, by, view).await
    }

    fn carries(&self, host: &HostName) -> bool {
        self.0.carries(host)
    }

    fn seeds(&self) -> Vec<String> {
        self.0.seeds()
    }
}

#[tokio::test]
async fn of_two_who_saw_the_last_use_at_once_exactly_one_gets_in() {
    let scene = Scene::start().await;
    let token = scene.token(Terms { uses: 1, ..terms() }).await;
    let clock: Clock = Arc::new(|| NOW);
    let settings = DeskSettings::default();
    let guests = [Guest::new("web-1"), Guest::new("web-2")];
    // At two desks, as on two servers.
    let conversations = guests.iter().map(|guest| {
        let registry = Arc::new(Hesitant(scene.registry()));
        let desk = Desk::new(registry, scene.authority(), clock.clone(), settings);
        let (near, far) = tokio::io::duplex(64 << 10);
        let (token, applicant) = (&token, guest.at(NOW));
        async move {
            let asked = join(Line::new(near, HERE, "db-1:2379"), token, &applicant);
            tokio::join!(asked, desk.answer(far, &HERE, None)).0
        }
    });
    let results = futures_util::future::join_all(conversations).await;
    let (joined, mut refused): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert_eq!(joined.len(), 1);
    assert_eq!(reason(refused.remove(0)), Reason::InviteUsedUp { uses: 1 });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_get_through_who_come_at_once_and_may() {
    let scene = Arc::new(Scene::start().await);
    let token = Arc::new(scene.token(Terms { uses: 60, ..terms() }).await);
    let mut racing = tokio::task::JoinSet::new();
    for number in 0..60 {
        let (scene, token) = (scene.clone(), token.clone());
        racing.spawn(async move { scene.join(&token, &Guest::new(&format!("web-{number}"))).await });
    }
    for joined in racing.join_all().await {
        joined.unwrap();
    }
}

#[tokio::test]
async fn a_mesh_that_was_just_made_takes_its_first_guest() {
    let (_prefix, folder) = folder();
    let (name, ann) = (host("db-1"), "ann".parse().unwrap());
    let founder = Founder {
        host: &name,
        administrator: &ann,
        names: &[],
        addresses: &[],
        validity: HOST_VALIDITY,
        now: NOW,
    };
    let made = found(&folder, &founder).unwrap();
    let scene = Scene::start().await;
    for (key, value) in &made.first_writes {
        scene.put(key, value).await;
    }
    let (administrator, _) = folder.load_admin().unwrap().unwrap();
    let by = Inviting {
        mesh: &made.mesh,
        administrator: &administrator,
        administrators: &made.administrators,
        roots: made.authority.roots(),
        seeds: &["db-1:2379".to_owned()],
        lowest_deploy: DeployId(0),
    };
    let invited = invite(&by, terms()).unwrap();
    scene.put(&invited.key, &invited.value).await;
    let pin = Pin { first: Some(administrator.fingerprint()), known: Some(*made.administrators.head()) };
    let registry = Arc::new(NodeRegistry::new(Arc::new(scene.lone.clone()), made.mesh, pin));
    let authority = Arc::new(made.authority);
    let desk = Desk::new(registry, authority.clone(), Arc::new(|| NOW), DeskSettings::default());
    let guest = Guest::new("web-1");
    let (near, far) = tokio::io::duplex(64 << 10);
    let applicant = guest.at(NOW);
    let asked = join(Line::new(near, HERE, "db-1:2379"), &invited.token, &applicant);
    let joined = tokio::join!(asked, desk.answer(far, &HERE, None)).0.unwrap();
    assert_eq!(joined.mesh, made.mesh);
    // The first host renews like any other.
    let first = Guest { keys: made.keys, serve: true, ..Guest::new("db-1") };
    let (near, far) = tokio::io::duplex(64 << 10);
    let held = Held { mesh: &made.mesh, papers: &made.papers, roots_seq: 1, pin };
    let applicant = first.at(NOW);
    let asked = renew(Line::new(near, HERE, "db-1:2379"), &held, &applicant);
    let renewed = tokio::join!(asked, desk.answer(far, &HERE, None)).0.unwrap();
    assert!(renewed.certificate.may_serve());
    renewed.keep(&folder).unwrap();
    assert_eq!(has_identity(&folder).unwrap(), Some(made.mesh));
}

#[tokio::test]
async fn a_name_is_free_when_its_host_is_gone_or_evicted() {
    let scene = Scene::start().await;
    let token = scene.token(Terms {
        uses: 9,
        expires: NOW.later(std::time::Duration::from_secs(1 << 30)),
        ..terms()
    });
    let token = token.await;
    let (first, second, third) = (Guest::new("web-1"), Guest::new("web-1"), Guest::new("web-1"));
    let joined = scene.join(&token, &first).await.unwrap();
    let until = joined.certificate.not_after();
    assert_eq!(reason(scene.join(&token, &second).await), Reason::NameTaken { until });
    scene.pass(7 * 86_400 + 1);
    scene.join(&token, &second).await.unwrap();
    assert!(matches!(reason(scene.join(&token, &third).await), Reason::NameTaken { .. }));
    // By name alone: no certificate that it had until then counts any more.
    scene.evict("web-1", Vec::new()).await;
    scene.pass(1);
    let replaced = scene.join(&token, &third).await.unwrap();
    let denied = scene.registry().look(&host("web-1"), None).await.unwrap();
    assert!(denied.known.denied.denies(&replaced.certificate).is_none());
    assert_eq!(denied.enrolled.unwrap().key, third.keys.signing.fingerprint());
}

#[tokio::test]
async fn who_joins_in_the_second_of_an_eviction_of_that_name_is_told_to_come_again() {
    let scene = Scene::start().await;
    let token = scene.token(terms()).await;
    scene.evict("web-1", Vec::new()).await;
    let guest = Guest::new("web-1");
    assert!(matches!(reason(scene.join(&token, &guest).await), Reason::Busy { .. }));
    scene.pass(1);
    scene.join(&token, &guest).await.unwrap();
}

#[tokio::test]
async fn an_expired_certificate_is_renewed_with_the_old_key() {
    let scene = Scene::start().await;
    let token = scene.token(terms()).await;
    let guest = Guest::new("web-1");
    let joined = scene.join(&token, &guest).await.unwrap();
    scene.pass(30 * 86_400);
    let renewed = scene.renew(&joined, &guest).await.unwrap();
    assert_eq!(renewed.certificate.key(), joined.certificate.key());
    assert!(renewed.certificate.not_after() > scene.now());
    assert_eq!((renewed.papers, renewed.lowest_deploy), (joined.papers, None));
    let enrolled = scene.registry().look(&host("web-1"), None).await.unwrap().enrolled.unwrap();
    assert_eq!(enrolled.serial, *renewed.certificate.serial());
}

#[tokio::test]
async fn certificates_live_as_long_as_the_desk_says() {
    let validity = std::time::Duration::from_secs(90);
    let scene = Scene::with(DeskSettings { validity, ..DeskSettings::default() }).await;
    let token = scene.token(terms()).await;
    let joined = scene.join(&token, &Guest::new("web-1")).await.unwrap();
    assert_eq!(joined.certificate.not_after(), NOW.later(validity));
}

#[tokio::test]
async fn what_is_kept_is_an_identity_only_when_all_of_it_is_there() {
    let scene = Scene::start().await;
    let token = scene.token(terms()).await;
    let (_prefix, folder) = folder();
    let keys = own_keys(&folder).unwrap();
    assert_eq!(own_keys(&folder).unwrap().tls.fingerprint(), keys.tls.fingerprint());
    let guest = Guest { keys, ..Guest::new("web-1") };
    let joined = scene.join(&token, &guest).await.unwrap();
    assert_eq!(has_identity(&folder).unwrap(), None);
    joined.keep(&folder).unwrap();
    assert_eq!(has_identity(&folder).unwrap(), Some(mesh()));
    assert_eq!(folder.load_host_certificate(&mesh()).unwrap().as_ref(), Some(&joined.certificate));
    assert_eq!(folder.load_papers().unwrap().as_ref(), Some(&joined.papers));
    // Who is known to be out stays out, though a server leaves it out.
    let key = Fingerprint::of_spki(b"out");
    scene.evict("web-9", vec![key]).await;
    scene.renew(&joined, &guest).await.unwrap().keep(&folder).unwrap();
    joined.keep(&folder).unwrap();
    let mut denied = DenyList::default();
    denied.merge(folder.load_denied().unwrap(), &scene.administrators(), &mesh());
    assert!(denied.denies_key(&key).is_some());
    let pin = Pin { first: Some(scene.ann.fingerprint()), known: None };
    folder.load_administrators().unwrap().unwrap().replay(&mesh(), &pin).unwrap();
    folder.store_host_keys(&HostKeys::generate().unwrap()).unwrap();
    assert!(matches!(joined.keep(&folder), Err(JoinError::OtherKeys { .. })));
}

#[tokio::test]
async fn a_host_that_was_interrupted_while_it_kept_its_identity_has_none_and_joins_again() {
    let scene = Scene::start().await;
    let token = scene.token(Terms { uses: 1, ..terms() }).await;
    let (_prefix, whole) = folder();
    let guest = Guest { keys: own_keys(&whole).unwrap(), ..Guest::new("web-1") };
    let joined = scene.join(&token, &guest).await.unwrap();
    joined.keep(&whole).unwrap();
    assert_eq!(whole.load_lowest_deploy().unwrap(), joined.lowest_deploy);
    let files = [
        key_files::HOST_TLS_KEY,
        key_files::HOST_RECIPIENT,
        key_files::HOST_SIGNING_KEY,
        key_files::ROOTS,
        key_files::ROOT_LIST,
        key_files::ADMINISTRATORS,
        key_files::DENIED,
        key_files::HOST_PAPERS,
        key_files::HOST_CERTIFICATE,
        key_files::LOWEST_DEPLOY,
        key_files::MESH,
    ];
    assert_eq!(std::fs::read_dir(whole.path()).unwrap().count(), files.len());
    for written in 3..files.len() {
        let (_prefix, part) = folder();
        for name in &files[..written] {
            std::fs::copy(whole.path_of(name), part.path_of(name)).unwrap();
        }
        assert_eq!(has_identity(&part).unwrap(), None);
        let again = Guest { keys: own_keys(&part).unwrap(), ..Guest::new("web-1") };
        scene.join(&token, &again).await.unwrap().keep(&part).unwrap();
        assert_eq!(has_identity(&part).unwrap(), Some(mesh()));
    }
    // Who makes a mesh of its own instead begins from nothing but the keys.
    let (_prefix, part) = folder();
    for name in &files[..files.len() - 1] {
        std::fs::copy(whole.path_of(name), part.path_of(name)).unwrap();
    }
    let (name, ann) = (host("web-1"), "ann".parse().unwrap());
    let (names, addresses, validity) = (&[][..], &[][..], HOST_VALIDITY);
    let founder = Founder { host: &name, administrator: &ann, names, addresses, validity, now: NOW };
    let made = found(&part, &founder).unwrap();
    assert_eq!(made.administrators.iter().count(), 1);
    made.papers.verify(&made.administrators, &made.mesh, &DenyList::default()).unwrap();
    // Who has joined makes none, whatever it has lost.
    std::fs::remove_file(whole.path_of(key_files::HOST_CERTIFICATE)).unwrap();
    assert!(matches!(found(&whole, &founder), Err(JoinError::NotFounder { .. })));
}
