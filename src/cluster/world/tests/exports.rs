use super::scene::{Host, Scene, mesh, name, soon, until};
use crate::cluster::identity::{Domain, SigningKey};
use crate::cluster::world::export_encoding::encode;
use crate::cluster::world::{Grounds, export_seal, keys};
use crate::engine::id::Label;
use crate::engine::value::Value;
use crate::engine::world::{Audience, Collection, Export, ExportId, Exports as _};

fn export(label: &str, text: &str) -> Export {
    let id = ExportId { to: Audience::All, label: Label::new("file", label) };
    Export { id, params: [("content".into(), Value::str(text))].into(), meta: [].into(), ttl: None }
}

fn names(collection: &Collection) -> Vec<String> {
    let mut names: Vec<String> = collection.keys().map(|id| format!("{}/{}", id.from, id.name)).collect();
    names.sort();
    names
}

async fn exports(host: &Host, label: &str, text: &str) {
    host.client.export(&export(label, text), soon()).await.unwrap();
}

fn key(from: &str, label: &str) -> String {
    keys::export(&name(from), &export(label, "").id)
}

#[tokio::test]
async fn what_a_host_has_signed_reaches_others() {
    let scene = Scene::new().await;
    let (a, b) = (scene.host("a").await, scene.host("b").await);
    let mut collected = b.client.collect("file");
    exports(&a, "/x", "one").await;
    exports(&b, "/y", "two").await;
    until(&mut collected, |now| names(now) == ["a//x", "b//y"]).await;
    exports(&a, "/x", "other").await;
    until(&mut collected, |now| now.values().any(|it| format!("{it:?}").contains("other"))).await;
    assert_eq!(b.client.dropped_exports(), 0);
}

#[tokio::test]
async fn what_a_turned_store_makes_up_moves_or_changes_reaches_nobody() {
    let scene = Scene::new().await;
    let (a, b, c) = (scene.host("a").await, scene.host("b").await, scene.host("c").await);
    exports(&a, "/x", "one").await;
    let signed = scene.read(&key("a", "/x")).await;
    let changed = String::from_utf8(signed.to_vec()).unwrap().replace("one", "two");
    let plain = encode(&export("/x", "mine"));
    let own = Grounds { signing: Some(SigningKey::generate().unwrap().into()), ..scene.grounds("a") };
    let forged = export_seal::seal(&own, key("a", "/made").as_bytes(), &plain).unwrap();
    // Unsigned; signed by a key that is not its host's; under another name, of another host, to another receiver; changed; and of
    // another kind than is collected.
    scene.write(&key("a", "/plain"), plain).await;
    scene.write(&key("a", "/made"), forged).await;
    scene.write(&key("a", "/moved"), signed.clone()).await;
    scene.write(&key("b", "/x"), signed.clone()).await;
    let to_c = ExportId { to: Audience::Host(name("c")), label: Label::new("file", "/x") };
    scene.write(&keys::export(&name("a"), &to_c), signed.clone()).await;
    scene.write(&key("c", "/changed"), changed.clone()).await;
    scene.write(&key("stranger", "/x"), signed.clone()).await;
    let other_kind = ExportId { to: Audience::All, label: Label::new("exec", "/x") };
    scene.write(&keys::export(&name("a"), &other_kind), signed).await;
    exports(&b, "/last", "good").await;
    let mut collected = c.client.collect("file");
    until(&mut collected, |now| names(now) == ["a//x", "b//last"]).await;
    // The stranger's papers may come yet.
    assert_eq!(c.client.dropped_exports(), 6);
    // What was good is gone when it is changed in place, and comes back with what its host has written.
    scene.write(&key("a", "/x"), changed).await;
    until(&mut collected, |now| names(now) == ["b//last"]).await;
    exports(&a, "/x", "three").await;
    until(&mut collected, |now| names(now).contains(&"a//x".to_owned())).await;
}

#[tokio::test]
async fn an_export_of_another_mesh_is_none() {
    let scene = Scene::new().await;
    let (a, b) = (scene.host("a").await, scene.host("b").await);
    let signing = SigningKey::from_pem(&a.keys.signing.to_pem()).unwrap();
    let elsewhere = crate::cluster::identity::MeshId::from_bytes([8; 16]);
    let grounds = Grounds { mesh: elsewhere, signing: Some(signing.into()), ..scene.grounds("a") };
    let sealed = export_seal::seal(&grounds, key("a", "/x").as_bytes(), &encode(&export("/x", "v"))).unwrap();
    scene.write(&key("a", "/x"), sealed).await;
    let mut collected = b.client.collect("file");
    until(&mut collected, |now| names(now).is_empty()).await;
    assert_eq!(b.client.dropped_exports(), 1);
}

#[tokio::test]
async fn an_export_whose_papers_come_later_is_taken_then() {
    let scene = Scene::new().await;
    let (a, b) = (scene.stranger("a"), scene.host("b").await);
    exports(&a, "/x", "one").await;
    let mut collected = b.client.collect("file");
    until(&mut collected, |now| names(now).is_empty()).await;
    scene.enrol(&a).await;
    until(&mut collected, |now| names(now) == ["a//x"]).await;
}

#[tokio::test]
async fn papers_that_no_administrator_signed_and_those_of_another_host_vouch_for_nobody() {
    let scene = Scene::new().await;
    let (a, b, c) = (scene.stranger("a"), scene.host("b").await, scene.stranger("c"));
    let said = a.keys.statement(name("a"), false, super::scene::NOW);
    let papers = crate::cluster::identity::Papers::vouched(&said, &a.keys.signing, &a.keys.signing, &mesh());
    scene.enrol(&c).await;
    let of_c = scene.read(&format!("{}c", keys::ENROLLED)).await;
    let mut forged: serde_json::Value = serde_json::from_slice(&of_c).unwrap();
    forged["papers"] = serde_json::from_str(&papers.unwrap().to_json()).unwrap();
    scene.write(&format!("{}a", keys::ENROLLED), forged.to_string()).await;
    scene.write(&format!("{}d", keys::ENROLLED), of_c).await;
    exports(&a, "/x", "one").await;
    exports(&c, "/x", "one").await;
    let as_d = Grounds {
        signing: Some(SigningKey::from_pem(&c.keys.signing.to_pem()).unwrap().into()),
        ..scene.grounds("d")
    };
    let sealed = export_seal::seal(&as_d, key("d", "/x").as_bytes(), &encode(&export("/x", "v"))).unwrap();
    scene.write(&key("d", "/x"), sealed).await;
    let mut collected = b.client.collect("file");
    until(&mut collected, |now| names(now) == ["c//x"]).await;
    assert_eq!(b.client.dropped_exports(), 2);
}

#[tokio::test]
async fn the_exports_of_a_host_go_when_it_is_evicted() {
    let scene = Scene::new().await;
    let (a, b) = (scene.host("a").await, scene.host("b").await);
    exports(&a, "/x", "one").await;
    exports(&b, "/y", "two").await;
    let mut collected = b.client.collect("file");
    until(&mut collected, |now| names(now) == ["a//x", "b//y"]).await;
    b.client.trust().unwrap().set(scene.without(&a, "b"));
    until(&mut collected, |now| names(now) == ["b//y"]).await;
}

#[tokio::test]
async fn a_statement_for_something_else_is_no_export() {
    let scene = Scene::new().await;
    let (a, b) = (scene.host("a").await, scene.host("b").await);
    exports(&a, "/x", "one").await;
    let text = String::from_utf8(scene.read(&key("a", "/x")).await.to_vec()).unwrap();
    let signature = a.keys.signing.sign(Domain::JoinRequest, &mesh(), text.as_bytes()).unwrap();
    let mut other: serde_json::Value = serde_json::from_str(&text).unwrap();
    other["signature"] = String::from(signature).into();
    scene.write(&key("a", "/x"), other.to_string()).await;
    let mut collected = b.client.collect("file");
    until(&mut collected, |now| names(now).is_empty()).await;
    assert_eq!(b.client.dropped_exports(), 1);
}

#[test]
fn what_follows_the_format_of_a_later_version_says_so() {
    let key = SigningKey::generate().unwrap().verifying_key();
    let id = export("/x", "").id;
    let read = |text: &[u8]| export_seal::open(&mesh(), &key, &name("a"), &id, text).unwrap_err();
    assert_eq!(read(b"{\"v\":3,\"sealed\":1}"), export_seal::SealError::Newer { found: 3 });
    for unsigned in [&b""[..], b"{", b"[]", b"\xff", b"{\"v\":1}", b"{\"v\":2,\"export\":{}}"] {
        assert_eq!(read(unsigned), export_seal::SealError::Unsigned);
    }
}
