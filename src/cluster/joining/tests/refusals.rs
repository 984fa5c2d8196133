//! Each reason to refuse somebody, by itself.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::duplex;

use super::super::frame::{self, MOST_ANSWERED, MOST_ASKED};
use super::super::message::{Answer, Call, Greeting, Join, Renew, Request};
use super::super::scene::{Guest, HERE, NOW, Scene, host, mesh, reason, terms};
use super::super::*;
use crate::cluster::identity::{
    CertificateKey, Change, Domain, Fingerprint, HostKeys, IdentityError, Invite, JoinToken, MeshId, Signed,
    SigningKey, UnixSeconds,
};
use crate::cluster::world::keys;

/// What the desk says to a request, however wrong.
async fn answer(scene: &Scene, request: &Request, by: Option<&SigningKey>) -> Answer {
    let (mut near, far) = duplex(64 << 10);
    let mesh = mesh();
    let call = Call::new(request, &HERE, by.map(|key| (&mesh, key))).unwrap();
    let ask = async {
        let hello = frame::read(&mut near, MOST_ASKED).await.unwrap();
        assert!(matches!(frame::decode(&hello, "").unwrap(), Greeting::Hello(_)));
        frame::write(&mut near, &frame::encode(&call, MOST_ASKED).unwrap()).await.unwrap();
        let body = frame::read(&mut near, MOST_ANSWERED).await.unwrap();
        frame::decode(&body, "").unwrap()
    };
    tokio::join!(ask, scene.desk.answer(far, &HERE, None)).0
}

fn why(answer: Answer) -> Reason {
    let Answer::Refused(refusal) = answer else { panic!("{answer:?}") };
    refusal.reason
}

/// A request to join as the asking side makes it.
fn request(token: &JoinToken, guest: &Guest) -> Join {
    let statement = guest.keys.statement(guest.host.clone(), guest.serve, NOW);
    let host_key = Signed::new(&statement, Domain::HostKey, &mesh(), &token.key).unwrap();
    let possession = guest.keys.signing.sign(Domain::JoinRequest, &mesh(), host_key.statement().as_bytes());
    Join {
        mesh: mesh(),
        invite_key: token.key.verifying_key(),
        host_key,
        possession: possession.unwrap(),
        request: STANDARD.encode(guest.keys.tls.request().unwrap()),
        names: Vec::new(),
        addresses: Vec::new(),
    }
}

async fn ask(scene: &Scene, token: &JoinToken, join: Join) -> Reason {
    why(answer(scene, &Request::Join(Box::new(join)), Some(&token.key)).await)
}

#[tokio::test]
async fn an_invite_that_the_store_has_not_is_unknown() {
    let scene = Scene::start().await;
    let token = Scene::start().await.token(terms()).await;
    let made_here = scene.token(terms()).await;
    let strange = JoinToken { key: token.key, ..made_here };
    assert_eq!(reason(scene.join(&strange, &Guest::new("web-1")).await), Reason::InviteUnknown);
}

#[tokio::test]
async fn an_invite_that_nobody_who_administers_signed_is_unknown() {
    let scene = Scene::start().await;
    let token = scene.token(terms()).await;
    let invite = Invite {
        key: token.key.verifying_key(),
        hosts: "*".parse().unwrap(),
        uses: 9,
        expires: UnixSeconds(u64::MAX),
        zone: String::new(),
        labels: Default::default(),
        serve: true,
    };
    let signed = Signed::new(&invite, Domain::Invite, &mesh(), &token.key).unwrap();
    scene.put(&keys::invite(&invite.id()), &signed.to_json()).await;
    assert_eq!(reason(scene.join(&token, &Guest::new("web-1")).await), Reason::InviteUnknown);
    // Nor does another's invite count under its name.
    let other = Invite { key: SigningKey::generate().unwrap().verifying_key(), ..invite.clone() };
    let signed = Signed::new(&other, Domain::Invite, &mesh(), &scene.ann).unwrap();
    scene.put(&keys::invite(&invite.id()), &signed.to_json()).await;
    assert_eq!(reason(scene.join(&token, &Guest::new("web-1")).await), Reason::InviteUnknown);
}

#[tokio::test]
async fn an_invite_is_over_when_its_time_is() {
    let scene = Scene::start().await;
    let token = scene.token(terms()).await;
    scene.pass(3_601);
    let refused = reason(scene.join(&token, &Guest::new("web-1")).await);
    assert_eq!(refused, Reason::InviteExpired { since: terms().expires });
}

#[tokio::test]
async fn an_invite_is_for_some_names_only() {
    let scene = Scene::start().await;
    let token = scene.token(terms()).await;
    let refused = reason(scene.join(&token, &Guest::new("db-1")).await);
    assert_eq!(refused, Reason::OtherName { pattern: "web-*".parse().unwrap() });
}

#[tokio::test]
async fn an_evicted_host_neither_joins_nor_renews_with_the_same_keys() {
    for by_key in [true, false] {
        let scene = Scene::start().await;
        let token = scene.token(terms()).await;
        let guest = Guest::new("web-1");
        let joined = scene.join(&token, &guest).await.unwrap();
        scene.pass(1);
        let named = if by_key { vec![guest.keys.signing.fingerprint()] } else { Vec::new() };
        scene.evict("web-1", named).await;
        let at = scene.now();
        scene.pass(1);
        assert_eq!(reason(scene.renew(&joined, &guest).await), Reason::Evicted { at });
        assert_eq!(reason(scene.join(&token, &guest).await), Reason::Evicted { at });
    }
}

#[tokio::test]
async fn an_evicted_invite_lets_nobody_in() {
    let scene = Scene::start().await;
    let token = scene.token(terms()).await;
    scene.evict("web-0", vec![token.key.fingerprint()]).await;
    assert!(matches!(reason(scene.join(&token, &Guest::new("web-1")).await), Reason::Evicted { .. }));
}

#[tokio::test]
async fn who_has_not_the_invites_key_is_refused() {
    let scene = Scene::start().await;
    let token = scene.token(terms()).await;
    let guest = Guest::new("web-1");
    let whole = || Request::Join(Box::new(request(&token, &guest)));
    let stranger = SigningKey::generate().unwrap();
    assert_eq!(why(answer(&scene, &whole(), Some(&stranger)).await), Reason::WrongProof);
    assert_eq!(why(answer(&scene, &whole(), None).await), Reason::WrongProof);
    // With an own key, and another's statement.
    let own = Join { invite_key: stranger.verifying_key(), ..request(&token, &guest) };
    let own = Request::Join(Box::new(own));
    assert_eq!(why(answer(&scene, &own, Some(&stranger)).await), Reason::WrongProof);
    // With another host's key that it does not have.
    let thief = Guest::new("web-2");
    let possession = request(&token, &thief).possession;
    assert_eq!(ask(&scene, &token, Join { possession, ..request(&token, &guest) }).await, Reason::WrongProof);
}

#[tokio::test]
async fn who_speaks_of_another_mesh_is_told_so() {
    let scene = Scene::start().await;
    let token = scene.token(terms()).await;
    let other = MeshId::from_bytes([9; 16]);
    let guest = Guest::new("web-1");
    assert_eq!(ask(&scene, &token, Join { mesh: other, ..request(&token, &guest) }).await, Reason::OtherMesh);
    assert_eq!(why(answer(&scene, &Request::Authority { mesh: other }, None).await), Reason::OtherMesh);
}

#[tokio::test]
async fn a_certificate_is_for_the_keys_that_the_papers_name() {
    let scene = Scene::start().await;
    let token = scene.token(terms()).await;
    let guest = Guest::new("web-1");
    let other = STANDARD.encode(CertificateKey::generate().unwrap().request().unwrap());
    let join = Join { request: other, ..request(&token, &guest) };
    assert_eq!(ask(&scene, &token, join).await, Reason::OtherKey);
}

#[tokio::test]
async fn only_the_host_itself_renews_and_only_its_own_key() {
    let scene = Scene::start().await;
    let token = scene.token(terms()).await;
    let guest = Guest::new("web-1");
    let joined = scene.join(&token, &guest).await.unwrap();
    let nobody = Guest { host: host("web-2"), ..Guest::new("web-2") };
    assert_eq!(reason(scene.renew(&joined, &nobody).await), Reason::NotEnrolled);
    assert_eq!(reason(scene.renew(&joined, &Guest::new("web-1")).await), Reason::WrongProof);
    let HostKeys { signing, .. } = guest.keys;
    let keys = HostKeys { signing, ..HostKeys::generate().unwrap() };
    let moved = Guest { keys, ..Guest::new("web-1") };
    assert_eq!(reason(scene.renew(&joined, &moved).await), Reason::OtherKey);
    let renew = Renew {
        mesh: MeshId::from_bytes([9; 16]),
        host: host("web-1"),
        request: String::new(),
        names: Vec::new(),
        addresses: Vec::new(),
    };
    let said = answer(&scene, &Request::Renew(Box::new(renew)), Some(&moved.keys.signing)).await;
    assert_eq!(why(said), Reason::OtherMesh);
}

#[tokio::test]
async fn a_host_for_whom_nobody_stands_any_more_does_not_renew() {
    let scene = Scene::start().await;
    let token = scene.token(terms()).await;
    let guest = Guest::new("web-1");
    let joined = scene.join(&token, &guest).await.unwrap();
    // Ann goes, and none of her invites is kept. Bob signs the roots.
    let bob = SigningKey::generate().unwrap();
    let mut chain = scene.chain().clone();
    let add = Change::Add { name: "bob".parse().unwrap(), key: bob.verifying_key() };
    chain.append(&mesh(), add, &scene.ann, NOW).unwrap();
    let remove = Change::Remove { name: "ann".parse().unwrap(), keep: Vec::new() };
    chain.append(&mesh(), remove, &bob, NOW).unwrap();
    scene.put(keys::ADMINISTRATORS, &chain.to_json()).await;
    let roots = scene.authority().roots().clone();
    let list = crate::cluster::identity::RootList::sign(roots, 2, &mesh(), &bob).unwrap();
    scene.put(keys::ROOTS, &list.signed().to_json()).await;
    assert_eq!(reason(scene.renew(&joined, &guest).await), Reason::NotEnrolled);
    assert_eq!(reason(scene.join(&token, &guest).await), Reason::InviteUnknown);
}

#[tokio::test]
async fn a_store_without_a_leader_decides_nothing() {
    let scene = Scene::start().await;
    let token = scene.token(terms()).await;
    scene.lone.lose_leader(true);
    let refused = scene.join(&token, &Guest::new("web-1")).await.unwrap_err();
    assert_eq!(refused.retry_after(), Some(std::time::Duration::from_secs(1)));
    assert!(matches!(reason::<()>(Err(refused)), Reason::NoQuorum { .. }));
}

#[tokio::test]
async fn a_server_that_does_not_know_the_administrators_is_no_use() {
    let scene = Scene::start().await;
    let token = scene.token(terms()).await;
    scene.put(keys::ADMINISTRATORS, "nonsense").await;
    assert!(matches!(reason(scene.join(&token, &Guest::new("web-1")).await), Reason::Busy { .. }));
}

#[tokio::test]
async fn claims_out_of_bounds_are_refused() {
    let scene = Scene::start().await;
    let token = scene.token(terms()).await;
    let guest = Guest { names: vec![host("db-1")], ..Guest::new("web-1") };
    assert_eq!(reason(scene.join(&token, &guest).await), Reason::BadRequest);
    let guest = Guest { addresses: vec!["192.0.2.1".parse().unwrap(); 17], ..Guest::new("web-1") };
    let refused = scene.join(&token, &guest).await.unwrap_err();
    assert!(refused.to_string().contains("at most 16"), "{refused}");
}

#[tokio::test]
async fn a_certificate_of_an_authority_that_the_mesh_has_no_more_is_not_issued() {
    let scene = Scene::start().await;
    let token = scene.token(terms()).await;
    let (after, roots) = scene.next();
    scene.list(roots.without_old(), 2).await;
    assert!(matches!(reason(scene.join(&token, &Guest::new("web-1")).await), Reason::Busy { .. }));
    // Once this server has the new one, tokens of before are as good as ever.
    scene.desk.set_authority(std::sync::Arc::new(after));
    scene.join(&token, &Guest::new("web-1")).await.unwrap();
}

#[tokio::test]
async fn papers_name_nothing_that_is_evicted() {
    let scene = Scene::start().await;
    let token = scene.token(terms()).await;
    let guest = Guest::new("web-1");
    scene.evict("web-7", vec![guest.keys.tls.fingerprint()]).await;
    assert!(matches!(reason(scene.join(&token, &guest).await), Reason::Evicted { .. }));
}

#[test]
fn errors_of_identity_have_reasons() {
    let by = Fingerprint::of_spki(b"x");
    let error = IdentityError::BadSignature { domain: Domain::HostKey, by };
    assert_eq!(Refusal::from(error).reason, Reason::WrongProof);
    assert_eq!(Refusal::from(IdentityError::NoText).reason, Reason::BadRequest);
}
