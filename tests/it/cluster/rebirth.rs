//! A cluster begins anew with what is left of another.

use std::path::Path;
use std::time::Duration;

use etcd_client::{Client, LeaseGrantOptions, PutOptions, WatchOptions};
use mgmt::cluster::etcd::backend::Digest;
use mgmt::cluster::etcd::node::Node as _;
use mgmt::cluster::node::{Founder, Past, RebirthError, Reborn, recover, restore};
use mgmt::cluster::store::leap::LEAP;
use mgmt::cluster::store::member::PeerUrls;

use super::exchange::soon;
use super::inside::Inside;
use super::process::{Ctl, Said};
use super::processes::{Cluster, Place};

fn founder(place: &Place, token: &str) -> Founder {
    let urls = PeerUrls::parse([format!("http://127.0.0.1:{}", place.peer)]).unwrap();
    Founder { name: place.name.clone(), peer_urls: urls, token: token.to_owned() }
}

fn recovered(place: &Place, token: &str) -> Result<Reborn, RebirthError> {
    recover(&place.folder, &founder(place, token))
}

/// A client, and the revision at which it is.
async fn at(client: &mut Client) -> i64 {
    client.get("k", None).await.unwrap().header().unwrap().revision()
}

/// What a watch that asks for the past is told: from which revision on there is something.
async fn compacted(client: &mut Client, from: i64) -> i64 {
    let mut watch = client.watch("k", Some(WatchOptions::new().with_start_revision(from))).await.unwrap();
    loop {
        let told = watch.message().await.unwrap().expect("it is told something");
        if told.canceled() {
            return told.compact_revision();
        }
        assert!(told.events().is_empty(), "{told:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_survivor_makes_a_new_cluster_whose_past_is_gone_and_which_the_old_members_do_not_join() {
    let cluster = Cluster::of(3, &[]);
    let nothing = recovered(&cluster.members[0], "anew");
    assert!(matches!(nothing, Err(RebirthError::NoData(_))), "{nothing:?}");
    let mut processes = cluster.start().await;
    let mut client = processes[0].client().await;
    for number in 0..20 {
        client.put("k", format!("{number}"), None).await.unwrap();
    }
    let lease = client.lease_grant(2, None).await.unwrap().id();
    client.put("liveness", "m9", Some(PutOptions::new().with_lease(lease))).await.unwrap();
    let before = at(&mut client).await;
    // Two are gone for good; the third, stopped or killed, has all that was acknowledged.
    let survivor = processes.remove(0);
    let old = processes.remove(0);
    processes.remove(0).kill().await;
    let running = recovered(&cluster.members[0], "anew");
    assert!(running.is_err(), "a member runs there: {running:?}");
    survivor.stop().await;

    let same = recovered(&cluster.members[0], "etcd-cluster");
    assert!(matches!(same, Err(RebirthError::SameIds(_))), "{same:?}");
    let reborn = recovered(&cluster.members[0], "anew").unwrap();
    assert!(reborn.revision.0 >= before + LEAP as i64, "{reborn:?}");
    assert!(reborn.old_files.unwrap().join("wal").is_dir());
    let place = &cluster.members[0];
    let new = place.start(&[]);
    new.ready().await;
    let mut client = new.client().await;
    let kept = client.get("k", None).await.unwrap();
    assert_eq!(kept.kvs()[0].value(), b"19");
    assert_eq!(kept.header().unwrap().cluster_id(), reborn.identity.cluster.0);
    assert_eq!(client.member_list().await.unwrap().members().len(), 1);

    // Who watched the old one is told that the past is gone, wherever it was; and then reads anew.
    for from in [2, before + 1, before + 1_000] {
        assert_eq!(compacted(&mut client, from).await, reborn.revision.0);
    }
    let now = at(&mut client).await;
    let options = WatchOptions::new().with_start_revision(now + 1);
    let mut watch = client.watch("k", Some(options)).await.unwrap();
    client.put("k", "new", None).await.unwrap();
    let event = soon("an event", async || {
        watch.message().await.unwrap().and_then(|told| told.events().first().cloned())
    })
    .await;
    assert_eq!(event.kv().unwrap().mod_revision(), now + 1);

    // A lease whose holder is gone ends.
    soon("the lease's end", async || {
        client.get("liveness", None).await.unwrap().kvs().is_empty().then_some(())
    })
    .await;
    client.lease_grant(60, Some(LeaseGrantOptions::new().with_id(lease))).await.unwrap();

    // The member of the old cluster, which is still there, and the new one refuse each other.
    old.says("a peer cannot be reached; it is tried again").await;
    new.says("a peer is refused").await;
    assert!(new.said().contains("another cluster"), "{}", new.said());
    let mut stranger = old.client().await;
    let put = tokio::time::timeout(Duration::from_secs(2), stranger.put("k", "old", None)).await;
    assert!(!matches!(put, Ok(Ok(_))), "the old cluster has no quorum");
    assert_eq!(client.get("k", None).await.unwrap().kvs()[0].value(), b"new");
    new.stop().await;
}

fn save(place: &Place, to: &Path) {
    let mut command = Ctl::Etcd35.command();
    command.arg(format!("--endpoints=127.0.0.1:{}", place.client)).args(["snapshot", "save"]).arg(to);
    Said::by(&mut command, "").worked();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_makes_a_new_cluster_with_or_without_its_past() {
    let cluster = Cluster::of(1, &[]);
    let place = &cluster.members[0];
    let process = place.start(&[]);
    process.ready().await;
    let mut client = process.client().await;
    for number in 0..20 {
        client.put("k", format!("{number}"), None).await.unwrap();
    }
    let dir = tempfile::tempdir().unwrap();
    let snapshot = dir.path().join("snapshot");
    save(place, &snapshot);
    let before = at(&mut client).await;
    process.stop().await;

    let founder = founder(place, "anew");
    let exists = restore(&snapshot, Digest::Required, &place.folder, &founder, Past::default());
    assert!(matches!(exists, Err(RebirthError::Exists(_))), "{exists:?}");
    for (past, first) in [(Past::GoesOn, before), (Past::Gone(1_000), before + 1_000)] {
        std::fs::remove_dir_all(&place.folder).unwrap();
        let reborn = restore(&snapshot, Digest::Required, &place.folder, &founder, past).unwrap();
        assert_eq!(reborn.revision.0, first);
        let member = Inside::start(place).await;
        assert_eq!(member.node.identity(), reborn.identity);
        let mut client = Client::connect([format!("127.0.0.1:{}", place.client)], None).await.unwrap();
        soon("a leader", async || member.node.standing().leader).await;
        let kept = client.get("k", None).await.unwrap();
        assert_eq!((kept.kvs()[0].value(), kept.header().unwrap().revision()), (&b"19"[..], first));
        if past != Past::GoesOn {
            assert_eq!(compacted(&mut client, before).await, first);
        }
        client.put("k", "new", None).await.unwrap();
        assert_eq!(at(&mut client).await, first + 1);
        member.stop().await;
    }
    // What was damaged on the way is told.
    let mut content = std::fs::read(&snapshot).unwrap();
    content[5_000] ^= 1;
    std::fs::write(&snapshot, content).unwrap();
    std::fs::remove_dir_all(&place.folder).unwrap();
    let damaged = restore(&snapshot, Digest::Required, &place.folder, &founder, Past::default());
    assert!(matches!(damaged, Err(RebirthError::Snapshot(_))), "{damaged:?}");
    assert!(!place.folder.join("member").exists());
}
