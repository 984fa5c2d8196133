use std::collections::BTreeMap;
use std::sync::Arc;

use super::scene::{Scene, name, soon};
use crate::cluster::identity::SigningKey;
use crate::cluster::world::manifest::Manifest;
use crate::cluster::world::{Client, Grounds, keys};
use crate::engine::world::{
    Deploy, DeployId, Deploys as _, Passed, Rollout, RolloutState, Turn, WorldError, rollout,
};

fn deploy(id: u64) -> Deploy {
    Deploy {
        id: DeployId(id),
        parent: None,
        entry: "site.yaml".to_owned(),
        files: Vec::new(),
        author: "ann@desk".to_owned(),
        made_at_s: 1_000 + id,
        message: String::new(),
        unknown: BTreeMap::new(),
    }
}

fn rollout(id: u64, before: Option<u64>) -> Rollout {
    Rollout {
        deploy: DeployId(id),
        before: before.map(DeployId),
        beneath: None,
        percent: 100,
        only: BTreeMap::new(),
        state: RolloutState::Done,
        steps: Vec::new(),
        soak_s: 0,
        gate: None,
        unknown: BTreeMap::new(),
    }
}

fn manifest(id: u64, before: Option<u64>) -> Manifest {
    Manifest { deploy: deploy(id), rollout: rollout(id, before), back_from: None }
}

/// A store with signed deploys up to a number.
async fn deployed(scene: &Scene, upto: u64) -> Arc<Client> {
    let administrator = scene.administrator();
    for id in 1..=upto {
        let before = id.checked_sub(1).filter(|id| *id > 0);
        administrator.add_deploy(manifest(id, before), None, true, soon()).await.unwrap();
    }
    administrator
}

/// What a host makes of a rollout, that went by one before.
async fn turn(host: &Client, rollout: &Rollout, last: Option<u64>) -> Result<Option<Passed>, WorldError> {
    let labels = BTreeMap::new();
    let due = rollout::due(rollout, &name("a"), &labels);
    let last = last.map(|id| Passed { mesh: [7; 16], id: DeployId(id), at_s: 1_000 + id });
    if let Some(due) = due {
        host.get(due, soon()).await?;
    }
    host.permit(Turn { rollout, due, labels: &labels, last }, soon()).await
}

fn refused<T: std::fmt::Debug>(result: Result<T, WorldError>) -> String {
    match result {
        Err(error @ WorldError::Unbelieved { .. }) => error.to_string(),
        other => panic!("it was not refused: {other:?}"),
    }
}

#[tokio::test]
async fn a_signed_deploy_is_run_and_listed() {
    let scene = Scene::new().await;
    deployed(&scene, 2).await;
    let host = scene.host("a").await.client;
    assert_eq!(*host.get(DeployId(2), soon()).await.unwrap(), deploy(2));
    assert_eq!(host.list(soon()).await.unwrap().len(), 2);
    let passed = turn(&host, &rollout(2, Some(1)), Some(1)).await.unwrap();
    assert_eq!(passed, Some(Passed { mesh: [7; 16], id: DeployId(2), at_s: 1_002 }));
}

#[tokio::test]
async fn a_deploy_that_no_administrator_signed_is_refused_and_does_not_hide_the_others() {
    let scene = Scene::new().await;
    deployed(&scene, 1).await;
    let mallory =
        Grounds { administrator: Some(SigningKey::generate().unwrap().into()), ..scene.grounds("m") };
    scene.write(&keys::deploy(DeployId(2)), serde_json::to_vec(&deploy(2)).unwrap()).await;
    scene.write(&keys::deploy(DeployId(3)), manifest(3, Some(1)).sign(&mallory).unwrap()).await;
    let signed = scene.read(&keys::deploy(DeployId(1))).await;
    scene.write(&keys::deploy(DeployId(4)), signed.clone()).await;
    let changed = String::from_utf8(signed.to_vec()).unwrap().replace("site.yaml", "evil.yaml");
    scene.write(&keys::deploy(DeployId(5)), changed).await;
    let host = scene.host("a").await.client;
    for (id, why) in [
        (2, "deploy 2 is refused: it is not signed"),
        (3, "nobody who administers the mesh has the key"),
        (4, "deploy 4 is refused: it was signed as deploy 1"),
        (5, "does not hold"),
    ] {
        let said = refused(turn(&host, &rollout(id, Some(1)), Some(1)).await);
        assert!(said.contains(why), "{said}");
    }
    let stored = host.stored_deploys(soon()).await.unwrap();
    assert_eq!(stored.good.iter().map(|deploy| deploy.id.0).collect::<Vec<_>>(), [1]);
    assert_eq!(stored.refused.iter().map(|(id, _)| id.0).collect::<Vec<_>>(), [2, 3, 4, 5]);
}

#[tokio::test]
async fn a_deploy_passes_for_no_rollback_and_the_other_way_round() {
    let scene = Scene::new().await;
    let administrator = deployed(&scene, 1).await;
    let back = Manifest { back_from: Some(DeployId(9)), ..manifest(2, Some(1)) };
    administrator.add_deploy(back, None, true, soon()).await.unwrap();
    let signed = String::from_utf8(scene.read(&keys::deploy(DeployId(2))).await.to_vec()).unwrap();
    assert!(signed.contains("\"as\":\"rollback\""), "{signed}");
    scene.write(&keys::deploy(DeployId(2)), signed.replace("\"rollback\"", "\"deploy\"")).await;
    let host = scene.host("a").await.client;
    refused(host.get(DeployId(2), soon()).await);
}

#[tokio::test]
async fn an_old_deploy_is_not_run_again_unless_a_signed_rollback_names_it() {
    let scene = Scene::new().await;
    let administrator = deployed(&scene, 3).await;
    let host = scene.host("a").await.client;
    // Replayed: the rollout that was right once, and one that was never signed.
    for (to, before) in [(2, Some(1)), (1, None)] {
        let said = refused(turn(&host, &rollout(to, before), Some(3)).await);
        assert!(said.contains("has gone by deploy 3 already"), "{said}");
    }
    // Back by a rollout of the newest deploy that does not lead there.
    let mut tripped = Rollout { state: RolloutState::Aborted { why: String::new() }, ..rollout(3, Some(1)) };
    let said = refused(turn(&host, &tripped, Some(3)).await);
    assert_eq!(said, "deploy 1 is refused: deploy 3 was not signed to lead there on this host");
    tripped.before = None;
    assert!(refused(turn(&host, &tripped, Some(3)).await).starts_with("to run no deploy is refused"));
    // To where its manifest lets a tripped gate lead, it goes.
    tripped.before = Some(DeployId(2));
    assert_eq!(turn(&host, &tripped, Some(3)).await.unwrap().unwrap().id, DeployId(3));
    // The store has begun anew without deploy 4, by which the host went: only what is signed as a roll-back is below that.
    let last = Some(Passed { mesh: [7; 16], id: DeployId(5), at_s: 1_003 });
    let labels = BTreeMap::new();
    for (back_from, is_taken) in [(None, false), (Some(DeployId(4)), false), (Some(DeployId(5)), true)] {
        let next = Manifest { back_from, ..manifest(4, Some(3)) };
        let record = next.sign(&administrator.trust().unwrap().now().unwrap()).unwrap();
        scene.write(&keys::deploy(DeployId(4)), record).await;
        let to = rollout(4, Some(3));
        let turn = Turn { rollout: &to, due: Some(DeployId(4)), labels: &labels, last };
        assert_eq!(host.permit(turn, soon()).await.is_ok(), is_taken, "{back_from:?}");
    }
    // What it went by in another mesh does not count here.
    let to = rollout(1, None);
    let elsewhere = last.map(|last| Passed { mesh: [8; 16], ..last });
    let turn = Turn { rollout: &to, due: Some(DeployId(1)), labels: &labels, last: elsewhere };
    host.permit(turn, soon()).await.unwrap();
    // That roll-back is not good once the host went by something later.
    let later = Some(Passed { mesh: [7; 16], id: DeployId(5), at_s: 2_000 });
    let to = rollout(4, Some(3));
    let turn = Turn { rollout: &to, due: Some(DeployId(4)), labels: &labels, last: later };
    refused(host.permit(turn, soon()).await);
}

#[tokio::test]
async fn a_deploy_for_some_hosts_is_not_run_by_others_whatever_the_rollout_says() {
    let scene = Scene::new().await;
    let administrator = deployed(&scene, 1).await;
    let mut for_web = manifest(2, Some(1));
    for_web.rollout.only = [("role".to_owned(), "web".to_owned())].into();
    administrator.add_deploy(for_web, None, true, soon()).await.unwrap();
    let host = scene.host("a").await.client;
    assert!(
        refused(turn(&host, &rollout(2, Some(1)), Some(1)).await).contains("was not signed to lead there")
    );
}

#[tokio::test]
async fn a_host_runs_nothing_older_than_its_token_says() {
    let scene = Scene::new().await;
    deployed(&scene, 3).await;
    let host = scene.part(Grounds { lowest_deploy: Some(DeployId(3)), ..scene.grounds("a") });
    let said = refused(turn(&host, &rollout(2, Some(1)), None).await);
    assert!(said.contains("has joined with deploy 3"), "{said}");
    turn(&host, &rollout(3, Some(2)), None).await.unwrap();
}

#[tokio::test]
async fn without_an_administrators_key_nothing_is_deployed() {
    let scene = Scene::new().await;
    let host = scene.host("a").await.client;
    assert!(matches!(host.may_deploy(), Err(WorldError::NoSigner { .. })));
    let refused = host.add(&deploy(1), &rollout(1, None), None, false, soon()).await;
    assert!(matches!(refused, Err(WorldError::NoSigner { .. })));
    scene.administrator().may_deploy().unwrap();
}

#[tokio::test]
async fn a_number_under_which_nobody_signed_a_deploy_is_passed_over() {
    let scene = Scene::new().await;
    let administrator = deployed(&scene, 2).await;
    let forged = administrator.trust().unwrap().now().map(|grounds| Grounds {
        administrator: Some(Arc::new(SigningKey::generate().unwrap())),
        ..Grounds::clone(&grounds)
    });
    let forged = manifest(3, Some(2)).sign(&forged.unwrap()).unwrap();
    scene.write(&keys::deploy(DeployId(3)), forged).await;
    scene.write(&keys::deploy(DeployId(4)), "nonsense").await;
    // What uses up all numbers, and what stands where none does.
    scene.write(&keys::deploy(DeployId(u64::MAX)), "nonsense").await;
    scene.write(&format!("{}5", keys::DEPLOYS), "nonsense").await;
    let latest = administrator.stored_deploys(soon()).await.unwrap().latest();
    assert_eq!((latest.next, latest.passed_over.len()), (DeployId(5), 2));
    assert!(latest.passed_over[0].to_string().starts_with("deploy 3 is refused: nobody who administers"));
    let newest = latest.deploy.unwrap();
    assert_eq!(newest.id, DeployId(2));

    let parent = Some(crate::cluster::world::deploys::hash_of(&newest));
    let mut next = manifest(5, Some(2));
    let wrong = administrator.add_deploy(next.clone(), None, false, soon()).await;
    assert!(matches!(wrong, Err(WorldError::BrokenChain { .. })), "{wrong:?}");
    next.deploy.parent = parent;
    administrator.add_deploy(next, None, false, soon()).await.unwrap();
    let host = scene.host("a").await.client;
    assert_eq!(turn(&host, &rollout(5, Some(2)), Some(2)).await.unwrap().unwrap().id, DeployId(5));
    refused(turn(&host, &rollout(3, Some(2)), Some(2)).await);
    assert_eq!(administrator.stored_deploys(soon()).await.unwrap().latest().next, DeployId(6));
}

#[tokio::test]
async fn what_comes_under_the_next_number_meanwhile_is_named() {
    let scene = Scene::new().await;
    let administrator = deployed(&scene, 1).await;
    scene.write(&keys::deploy(DeployId(2)), "nonsense").await;
    let late = administrator.add_deploy(manifest(2, Some(1)), None, true, soon()).await.unwrap_err();
    assert!(late.to_string().contains("something that is no deploy has come as number 2"), "{late}");
}

#[tokio::test]
async fn what_only_the_store_says_that_hosts_run_is_not_signed_with_the_next_deploy() {
    let scene = Scene::new().await;
    let administrator = deployed(&scene, 3).await;
    let newest = administrator.get(DeployId(3), soon()).await.unwrap();
    let under = Some(Box::new(rollout(1, None)));
    let turned = Rollout {
        beneath: under,
        percent: 40,
        state: RolloutState::Paused,
        only: [("role".to_owned(), "web".to_owned())].into(),
        ..rollout(3, Some(1))
    };
    let stands = administrator.signed_rollout(Some(&newest), Some(turned), soon()).await.unwrap().unwrap();
    let signed = Rollout { percent: 40, state: RolloutState::Paused, ..rollout(3, Some(2)) };
    assert_eq!(stands, signed);
    // One of another deploy says nothing of the newest one.
    let old = administrator.signed_rollout(Some(&newest), Some(rollout(1, None)), soon()).await.unwrap();
    assert_eq!(old, Some(rollout(3, Some(2))));
}
