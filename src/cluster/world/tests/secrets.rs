use std::sync::Arc;

use super::scene::{Host, Scene, soon};
use crate::cluster::identity::{AdministratorChain, Change, RecipientKey, SigningKey};
use crate::cluster::world::secrets::opened;
use crate::cluster::world::{Grounds, keys};
use crate::engine::world::WorldError;

/// What a host reads of a secret.
async fn reads(scene: &Scene, host: &Host, name: &str) -> String {
    let stored = scene.read(&keys::secret(name, &host.name)).await;
    let grounds = scene.grounds(host.name.as_str());
    let key = host.keys.recipient.as_ref().unwrap();
    let (_, value) = opened(&grounds, (name, host.name.as_str()), &stored, key).unwrap();
    String::from_utf8(value.to_vec()).unwrap()
}

fn hosts(names: &[&str]) -> Vec<crate::engine::world::HostName> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

#[tokio::test]
async fn who_has_put_a_secret_renews_it_for_those_who_have_joined_since() {
    let scene = Scene::new().await;
    let (ann, own) = (scene.administrator(), RecipientKey::generate().unwrap());
    let web_1 = scene.host("web-1").await;
    let all = "web-*".parse().unwrap();
    ann.put_secret("db/x", &all, b"hunter2", Some(&own), soon()).await.unwrap();
    let (web_2, _db) = (scene.host("web-2").await, scene.host("db").await);
    let card = ann.list_secrets(soon()).await.unwrap().remove(0);
    assert_eq!((card.hosts, card.missing, card.renewable), (hosts(&["web-1"]), hosts(&["web-2"]), true));

    let renewed = ann.renew_secret("db/x", &own, false, soon()).await.unwrap();
    assert_eq!(renewed.hosts, hosts(&["web-2"]));
    assert_eq!(
        (reads(&scene, &web_1, "db/x").await, reads(&scene, &web_2, "db/x").await),
        ("hunter2".into(), "hunter2".into())
    );
    let card = ann.list_secrets(soon()).await.unwrap().remove(0);
    assert_eq!((card.hosts, card.missing), (hosts(&["web-1", "web-2"]), hosts(&[])));
    assert_eq!(ann.renew_secret("db/x", &own, false, soon()).await.unwrap().hosts, hosts(&[]));
    assert_eq!(ann.renew_secret("db/x", &own, true, soon()).await.unwrap().hosts, hosts(&["web-1", "web-2"]));
    // Put again without that key, nobody can renew it; what was there of it is gone.
    ann.put_secret("db/x", &all, b"next", None, soon()).await.unwrap();
    assert!(!ann.list_secrets(soon()).await.unwrap()[0].renewable);
    let refused = ann.renew_secret("db/x", &own, true, soon()).await.unwrap_err();
    assert!(
        matches!(&refused, WorldError::Missing { what } if what.contains("that ann can read")),
        "{refused}"
    );
    assert_eq!(reads(&scene, &web_2, "db/x").await, "next");
}

#[tokio::test]
async fn nobody_else_renews_a_secret_and_an_old_copy_of_it_is_not_taken_for_it() {
    let scene = Scene::new().await;
    let (ann, own) = (scene.administrator(), RecipientKey::generate().unwrap());
    let _web = scene.host("web").await;
    let all = "*".parse().unwrap();
    ann.put_secret("db", &all, b"old", Some(&own), soon()).await.unwrap();
    let place = keys::secret_of_administrator("db", &"ann".parse().unwrap());
    let old = scene.read(&place).await;
    ann.put_secret("db", &all, b"new", Some(&own), soon()).await.unwrap();

    let bob = Arc::new(SigningKey::generate().unwrap());
    let mut chain = AdministratorChain::begin(
        &super::scene::mesh(),
        "ann".parse().unwrap(),
        &scene.ann,
        super::scene::NOW,
    )
    .unwrap();
    let add = Change::Add { name: "bob".parse().unwrap(), key: bob.verifying_key() };
    let both = chain.append(&super::scene::mesh(), add, &scene.ann, super::scene::NOW).unwrap();
    let grounds = Grounds { administrator: Some(bob), administrators: both, ..scene.grounds("desk") };
    let as_bob = scene.part(grounds);
    assert!(!as_bob.list_secrets(soon()).await.unwrap()[0].renewable);
    let refused = as_bob.renew_secret("db", &own, false, soon()).await.unwrap_err();
    assert!(
        matches!(&refused, WorldError::Missing { what } if what.contains("that bob can read")),
        "{refused}"
    );

    // A voter that was turned puts back what was replaced, or what it has made up.
    for planted in [old, "nonsense".into()] {
        scene.write(&place, planted).await;
        let refused = ann.renew_secret("db", &own, true, soon()).await.unwrap_err();
        assert!(matches!(refused, WorldError::Unreadable { .. }), "{refused}");
    }
    let other = RecipientKey::generate().unwrap();
    ann.put_secret("db", &all, b"newest", Some(&own), soon()).await.unwrap();
    let refused = ann.renew_secret("db", &other, true, soon()).await.unwrap_err();
    assert!(refused.to_string().contains("cannot be decrypted with the key"), "{refused}");
    let refused = ann.renew_secret("none", &own, true, soon()).await.unwrap_err();
    assert_eq!(refused.to_string(), "there is no secret \"none\"");
}
