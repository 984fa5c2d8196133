//! What holds over every store.

use std::collections::BTreeSet;
use std::sync::Arc;

use mgmt::cluster::world::deploys::hash_of;
use mgmt::engine::Class;
use mgmt::engine::id::Label;
use mgmt::engine::value::Value;
use mgmt::engine::world::{
    Audience, Candidacy, Collected, ContentHash, Deploy, DeployFile, DeployId, Export, ExportId, HostName,
    Rollout, RolloutState, Slot, Strategy, World as _, WorldError, Written,
};

use super::stage::{Stage, name, nothing_more, soon, until};

fn shared(key: &str) -> Slot {
    Slot::Shared { key: key.into() }
}

fn of(key: &str, host: &str) -> Slot {
    Slot::OfHost { key: key.into(), host: name(host) }
}

pub async fn a_string_is_set_read_followed_and_removed(stage: &mut Stage) {
    let (a, b) = (stage.host("a"), stage.host("b"));
    let key = shared("x/y z");
    let mut seen = b.strings().follow(&key);
    until(&mut seen, |seen| seen.value.is_none() && seen.stale.is_none()).await;
    assert_eq!(a.strings().set(&key, Some("1"), soon()).await, Ok(Written::Stored));
    until(&mut seen, |seen| seen.value.as_deref() == Some("1")).await;
    assert_eq!(b.strings().get(&key, soon()).await.unwrap().value.as_deref(), Some("1"));
    assert_eq!(a.strings().list("x/", soon()).await.unwrap(), [(Arc::from("x/y z"), Arc::from("1"))]);
    assert_eq!(a.strings().set(&key, None, soon()).await, Ok(Written::Stored));
    until(&mut seen, |seen| seen.value.is_none()).await;
    assert_eq!(a.strings().get(&key, soon()).await.unwrap().value, None);
}

pub async fn a_long_string_is_written_whole(stage: &mut Stage) {
    let a = stage.host("a");
    for bytes in [600_000, 1_400_000] {
        let text = "x".repeat(bytes);
        a.strings().set(&shared("k"), Some(&text), soon()).await.unwrap();
        assert_eq!(a.strings().get(&shared("k"), soon()).await.unwrap().value.as_deref(), Some(&*text));
    }
    let too_long = a.strings().set(&shared("k"), Some(&"x".repeat(1_400_001)), soon()).await.unwrap_err();
    assert_eq!(too_long.class(), Class::User, "{too_long}");
}

pub async fn a_string_that_is_so_already_is_not_written(stage: &mut Stage) {
    let (a, b) = (stage.host("a"), stage.host("b"));
    let key = shared("k");
    assert_eq!(a.strings().set(&key, None, soon()).await, Ok(Written::Same));
    assert_eq!(a.strings().set(&key, Some("1"), soon()).await, Ok(Written::Stored));
    let mut seen = b.strings().follow(&key);
    until(&mut seen, |seen| seen.value.as_deref() == Some("1")).await;
    assert_eq!(b.strings().set(&key, Some("1"), soon()).await, Ok(Written::Same));
    assert_eq!(a.strings().set(&key, Some("1"), soon()).await, Ok(Written::Same));
    nothing_more(&mut seen).await;
}

pub async fn a_string_is_replaced_only_if_it_is_what_it_was_taken_for(stage: &mut Stage) {
    let a = stage.host("a");
    let key = shared("k");
    assert_eq!(a.strings().replace(&key, Some("0"), Some("1"), soon()).await, Ok(false));
    assert_eq!(a.strings().replace(&key, None, Some("1"), soon()).await, Ok(true));
    assert_eq!(a.strings().replace(&key, None, Some("2"), soon()).await, Ok(false));
    assert_eq!(a.strings().replace(&key, Some("1"), Some("2"), soon()).await, Ok(true));
    assert_eq!(a.strings().replace(&key, Some("2"), None, soon()).await, Ok(true));
    assert_eq!(a.strings().get(&key, soon()).await.unwrap().value, None);
}

pub async fn each_host_has_its_own_text_under_a_name(stage: &mut Stage) {
    let (a, b) = (stage.host("a"), stage.host("b"));
    let mut all = a.strings().follow_hosts("n/1");
    a.strings().set(&of("n/1", "a"), Some("A"), soon()).await.unwrap();
    b.strings().set(&of("n/1", "b"), Some("B"), soon()).await.unwrap();
    // Neither another name nor the shared text of this one is among them.
    b.strings().set(&of("n", "b"), Some("no"), soon()).await.unwrap();
    b.strings().set(&shared("n/1"), Some("no"), soon()).await.unwrap();
    until(&mut all, |seen| seen.value.len() == 2).await;
    let texts = all.now().unwrap().value;
    assert_eq!(texts.get(&name("a")).map(|text| &**text), Some("A"));
    assert_eq!(texts.get(&name("b")).map(|text| &**text), Some("B"));
    b.strings().set(&of("n/1", "b"), None, soon()).await.unwrap();
    until(&mut all, |seen| seen.value.len() == 1).await;
}

fn export(to: Audience, kind: &str, label: &str, content: &str) -> Export {
    Export {
        id: ExportId { to, label: Label::new(kind, label) },
        params: [("content".into(), Value::str(content))].into(),
        meta: [].into(),
        ttl: None,
    }
}

fn content(collected: &Collected) -> &str {
    let Collected::Read { params, .. } = collected else { panic!("{collected:?}") };
    params["content"].as_str().unwrap()
}

pub async fn an_export_reaches_those_it_is_for_and_no_others(stage: &mut Stage) {
    let (a, b, c) = (stage.host("a"), stage.host("b"), stage.host("c"));
    let (mut at_a, mut at_b, mut at_c) =
        (a.exports().collect("file"), b.exports().collect("file"), c.exports().collect("file"));
    let all = export(Audience::All, "file", "/etc/motd", "all");
    let only_b = export(Audience::Host(name("b")), "file", "/etc/b", "b");
    let other = export(Audience::All, "exec", "x", "exec");
    assert!(!a.exports().is_exported(&all));
    for one in [&other, &only_b, &all] {
        assert_eq!(a.exports().export(one, soon()).await, Ok(Written::Stored));
        assert!(a.exports().is_exported(one));
        assert_eq!(a.exports().export(one, soon()).await, Ok(Written::Same));
    }
    let names = |seen: &mgmt::engine::world::Seen<mgmt::engine::world::Collection>| -> Vec<(String, String)> {
        let named = seen.value.iter().map(|(id, one)| (id.name.to_string(), content(one).to_owned()));
        named.collect()
    };
    let told = |all: &[(&str, &str)]| -> Vec<(String, String)> {
        all.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    };
    until(&mut at_a, |seen| names(seen) == told(&[("/etc/motd", "all")])).await;
    until(&mut at_b, |seen| names(seen) == told(&[("/etc/b", "b"), ("/etc/motd", "all")])).await;
    until(&mut at_c, |seen| names(seen) == told(&[("/etc/motd", "all")])).await;
}

pub async fn a_changed_export_is_told_as_one_change(stage: &mut Stage) {
    let (a, b) = (stage.host("a"), stage.host("b"));
    let first = export(Audience::All, "file", "/a", "1");
    let second = export(Audience::All, "file", "/a", "2");
    let other = export(Audience::All, "file", "/b", "1");
    for one in [&first, &other] {
        a.exports().export(one, soon()).await.unwrap();
    }
    let mut seen = b.exports().collect("file");
    until(&mut seen, |seen| seen.value.len() == 2).await;
    let before = seen.now().unwrap().value;
    assert!(!a.exports().is_exported(&second));
    a.exports().export(&second, soon()).await.unwrap();
    assert!(a.exports().is_exported(&second) && !a.exports().is_exported(&first));
    assert_eq!(until(&mut seen, |seen| seen.value.values().any(|one| content(one) == "2")).await, 1);
    // What did not change is the very same.
    let after = seen.now().unwrap().value;
    let same = before.iter().filter(|(id, one)| after.get(*id).is_some_and(|now| Arc::ptr_eq(now, one)));
    assert_eq!(same.count(), 1);
    nothing_more(&mut seen).await;
}

pub async fn what_is_no_longer_exported_is_withdrawn_also_by_a_later_run(stage: &mut Stage) {
    let b = stage.host("b");
    let mut seen = b.exports().collect("file");
    let ids: Vec<ExportId> = {
        let a = stage.host("a");
        let mut ids = Vec::new();
        for label in ["/1", "/2", "/3"] {
            let one = export(Audience::All, "file", label, label);
            a.exports().export(&one, soon()).await.unwrap();
            ids.push(one.id);
        }
        until(&mut seen, |seen| seen.value.len() == 3).await;
        a.exports().keep_only(BTreeSet::from([ids[0].clone(), ids[1].clone()]));
        until(&mut seen, |seen| seen.value.len() == 2).await;
        ids
    };
    // The agent has ended, or was killed; the next one of this host knows what it has left.
    let a = stage.host("a");
    a.exports().keep_only(BTreeSet::from([ids[1].clone()]));
    until(&mut seen, |seen| seen.value.len() == 1).await;
    assert_eq!(&*seen.now().unwrap().value.keys().next().unwrap().name, "/2");
}

pub async fn what_cannot_be_read_is_told_as_such(stage: &mut Stage) {
    let b = stage.host("b");
    let mut seen = b.exports().collect("file");
    let mut client = etcd_client::Client::connect([stage.endpoint()], None).await.unwrap();
    client.put("/_mgmt/export/*/file/z//etc/x", "{\"v\":9}", None).await.unwrap();
    until(&mut seen, |seen| !seen.value.is_empty()).await;
    let one = seen.now().unwrap().value.values().next().unwrap().clone();
    let Collected::Unreadable { why } = &*one else { panic!("{one:?}") };
    assert!(why.contains("newer version"), "{why}");
}

pub async fn a_thousand_exports_are_stored_in_few_batches(stage: &mut Stage) {
    let (a, b) = (stage.host("a"), stage.host("b"));
    let mut seen = b.exports().collect("file");
    let exports: Vec<Export> =
        (0..1000).map(|at| export(Audience::All, "file", &format!("/{at}"), "x")).collect();
    let (by, all) = (soon(), a.exports());
    let done = futures_util::future::join_all(exports.iter().map(|one| all.export(one, by))).await;
    assert!(done.iter().all(|done| *done == Ok(Written::Stored)), "{done:?}");
    until(&mut seen, |seen| seen.value.len() == 1000).await;
    let mut client = etcd_client::Client::connect([stage.endpoint()], None).await.unwrap();
    let seq = client.get("/_mgmt/host/a/seq", None).await.unwrap();
    let batches: usize = seq.kvs()[0].value_str().unwrap().parse().unwrap();
    assert!((9..100).contains(&batches), "{batches} batches");
}

fn candidacy(max: u32) -> Candidacy {
    Candidacy { strategy: Strategy::Rr, max, persist: false, ttl_s: 10 }
}

fn chosen(hosts: &[&str]) -> Vec<HostName> {
    hosts.iter().map(|host| name(host)).collect()
}

pub async fn candidates_choose_who_is_to_do_it(stage: &mut Stage) {
    let (a, b, c) = (stage.host("a"), stage.host("b"), stage.host("c"));
    let mut seen = c.schedule().chosen("db/x");
    let _b = b.schedule().stand("db/x", &candidacy(2), soon()).await.unwrap();
    until(&mut seen, |seen| *seen.value == *chosen(&["b"])).await;
    let _c = c.schedule().stand("db/x", &candidacy(2), soon()).await.unwrap();
    until(&mut seen, |seen| *seen.value == *chosen(&["b", "c"])).await;
    let _a = a.schedule().stand("db/x", &candidacy(2), soon()).await.unwrap();
    assert_eq!(a.schedule().standing("db/x", soon()).await.unwrap(), Some(candidacy(2)));
    nothing_more(&mut seen).await;
}

pub async fn a_candidate_that_goes_makes_room(stage: &mut Stage) {
    let (a, b) = (stage.host("a"), stage.host("b"));
    let mut seen = b.schedule().chosen("n");
    let stand = a.schedule().stand("n", &candidacy(1), soon()).await.unwrap();
    until(&mut seen, |seen| *seen.value == *chosen(&["a"])).await;
    let _b = b.schedule().stand("n", &candidacy(1), soon()).await.unwrap();
    drop(stand);
    until(&mut seen, |seen| *seen.value == *chosen(&["b"])).await;
    assert_eq!(a.schedule().standing("n", soon()).await.unwrap(), None);
}

fn deploy(id: u64, parent: Option<ContentHash>, chunks: Vec<ContentHash>) -> Deploy {
    let file = DeployFile { path: "site.yaml".into(), mode: 0o644, size: 3, chunks };
    Deploy {
        id: DeployId(id),
        parent,
        entry: "site.yaml".into(),
        files: vec![file],
        author: "a".into(),
        made_at_s: 1,
        message: String::new(),
        unknown: [].into(),
    }
}

fn rollout(id: u64) -> Rollout {
    Rollout {
        deploy: DeployId(id),
        before: None,
        beneath: None,
        percent: 100,
        only: [].into(),
        state: RolloutState::Done,
        steps: Vec::new(),
        soak_s: 0,
        gate: None,
        unknown: [].into(),
    }
}

pub async fn deploys_form_a_chain(stage: &mut Stage) {
    let (a, b) = (stage.host("a"), stage.host("b"));
    let mut seen = b.deploys().rollout();
    let first = deploy(1, None, Vec::new());
    a.deploys().add(&first, &rollout(1), None, false, soon()).await.unwrap();
    until(&mut seen, |seen| seen.value.as_ref().is_some_and(|it| it.deploy == DeployId(1))).await;
    let strange = deploy(2, None, Vec::new());
    let refused = a.deploys().add(&strange, &rollout(2), None, false, soon()).await.unwrap_err();
    assert!(matches!(refused, WorldError::BrokenChain { .. }), "{refused}");
    let second = deploy(2, Some(hash_of(&first)), Vec::new());
    a.deploys().add(&second, &rollout(2), None, false, soon()).await.unwrap();
    let taken = deploy(2, Some(hash_of(&first)), vec![ContentHash::of(b"x")]);
    assert!(a.deploys().add(&taken, &rollout(2), None, false, soon()).await.is_err());
    assert!(
        a.deploys().add(&deploy(9, None, Vec::new()), &rollout(9), None, true, soon()).await.is_err(),
        "8 is not there"
    );
    a.deploys().add(&deploy(3, None, Vec::new()), &rollout(3), None, true, soon()).await.unwrap();
    let ids: Vec<u64> = b.deploys().list(soon()).await.unwrap().iter().map(|deploy| deploy.id.0).collect();
    assert_eq!(ids, [1, 2, 3]);
    let paused = Rollout { state: RolloutState::Paused, ..rollout(3) };
    assert_eq!(a.deploys().roll(&rollout(2), &paused, soon()).await, Ok(false));
    assert_eq!(a.deploys().roll(&rollout(3), &paused, soon()).await, Ok(true));
    until(&mut seen, |seen| seen.value.as_ref().is_some_and(|it| it.state == RolloutState::Paused)).await;
}

pub async fn blobs_are_found_by_their_hash_and_unnamed_ones_are_removed(stage: &mut Stage) {
    let a = stage.host("a");
    let (named, unnamed) = (vec![1; a.blobs().chunk_bytes()], b"unnamed".to_vec());
    let hashes = [ContentHash::of(&named), ContentHash::of(&unnamed)];
    assert_eq!(a.blobs().missing(&hashes, soon()).await.unwrap(), hashes);
    for content in [&named, &unnamed] {
        a.blobs().put(content.clone().into(), soon()).await.unwrap();
    }
    assert_eq!(a.blobs().missing(&hashes, soon()).await.unwrap(), []);
    a.deploys().add(&deploy(1, None, vec![hashes[0]]), &rollout(1), None, false, soon()).await.unwrap();
    assert_eq!(a.blobs().collect_garbage(soon()).await, Ok(1));
    assert_eq!(a.blobs().missing(&hashes, soon()).await.unwrap(), [hashes[1]]);
    assert_eq!(a.blobs().get(&hashes[0], soon()).await.unwrap(), named);
    let missing = a.blobs().get(&hashes[1], soon()).await.unwrap_err();
    assert_eq!(missing, WorldError::Missing { what: format!("blob {}", hashes[1]) });
    assert!(matches!(a.blobs().put(vec![0; 1 << 20].into(), soon()).await, Err(WorldError::TooLarge { .. })));
}

pub async fn what_is_being_uploaded_is_not_removed(stage: &mut Stage) {
    let (a, b) = (stage.host("a"), stage.host("b"));
    let content = b"of a deploy to come".to_vec();
    let hash = ContentHash::of(&content);
    let upload = a.blobs().begin_upload(soon()).await.unwrap();
    a.blobs().put(content.into(), soon()).await.unwrap();
    assert_eq!(b.blobs().collect_garbage(soon()).await, Ok(0));
    a.deploys().add(&deploy(1, None, vec![hash]), &rollout(1), Some(&upload), false, soon()).await.unwrap();
    b.blobs().put(b"of nobody".to_vec().into(), soon()).await.unwrap();
    assert_eq!(b.blobs().collect_garbage(soon()).await, Ok(1), "the upload has ended with its deploy");
    assert_eq!(a.blobs().missing(&[hash], soon()).await.unwrap(), []);
    // Whoever has lost its mark may have lost its chunks.
    let next = Deploy {
        message: "again".into(),
        ..deploy(2, Some(hash_of(&deploy(1, None, vec![hash]))), vec![hash])
    };
    let refused = a.deploys().add(&next, &rollout(2), Some(&upload), false, soon()).await.unwrap_err();
    assert!(refused.to_string().contains("its upload"), "{refused}");
}
