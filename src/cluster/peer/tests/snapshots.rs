//! Snapshots arrive whole or not at all.

use futures_util::stream;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use tonic::Code;

use super::*;
use crate::cluster::peer::channel::Channel;
use crate::cluster::peer::pb::{Chunk, SnapshotEnd, SnapshotStart, chunk};

const MIB: usize = 1 << 20;

fn content(bytes: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(5);
    let mut content = vec![0; bytes];
    random.fill(&mut content);
    content
}

fn snap(from: &End, to: &End) -> Message {
    let mut message = message(MessageType::Snap, from, to, 0);
    message.snapshot.metadata.index = 42;
    message
}

#[tokio::test]
async fn a_snapshot_of_five_megabytes_arrives_whole() {
    let (mut one, mut two) = (End::new(1).await, End::new(2).await);
    one.knows(&[&two]);
    let source = one.settings.snapshots.join("source");
    let content = content(5 * MIB + 17);
    std::fs::write(&source, &content).unwrap();
    one.peers.send_snapshot(snap(&one, &two), source.clone());
    one.peers.send_snapshot(snap(&one, &two), source);
    assert_eq!(one.hears().await, Told::Sent(two.id, false), "the second one, at once");
    one.hears_that(Told::Sent(two.id, true)).await;
    let Told::Snapshot(message, file) = two.hears().await else { panic!("a snapshot comes first") };
    assert_eq!(message, snap(&one, &two));
    assert!(std::fs::read(&file).unwrap() == content, "the content differs");
    assert_eq!(two.files(), [file]);
    two.stop().await;
    two.start_again().await;
    assert!(two.files().is_empty(), "what nobody took is removed by the next start");
}

#[tokio::test]
async fn an_empty_snapshot_arrives_too_and_a_missing_one_is_reported() {
    let (mut one, mut two) = (End::new(1).await, End::new(2).await);
    one.knows(&[&two]);
    let source = one.settings.snapshots.join("source");
    one.peers.send_snapshot(snap(&one, &two), source.clone());
    assert_eq!(one.hears().await, Told::Sent(two.id, false));
    std::fs::write(&source, "").unwrap();
    one.peers.send_snapshot(snap(&one, &two), source.clone());
    assert_eq!(one.hears().await, Told::Sent(two.id, true));
    assert!(matches!(two.hears().await, Told::Snapshot(..)));
    one.peers.send_snapshot(Message { to: 99, ..snap(&one, &two) }, source);
    assert_eq!(one.hears().await, Told::Sent(MemberId(99), false));
    one.peers.send(snap(&one, &two));
    assert_eq!(one.hears().await, Told::Sent(two.id, false), "its file is missing");
}

/// Sends these parts as a snapshot, by hand.
async fn send_parts(from: &End, to: &End, parts: Vec<chunk::Part>) -> Result<(), tonic::Status> {
    let channel = Channel::connect(&to.url(), None).await.unwrap();
    let chunks = stream::iter(parts.into_iter().map(|part| Chunk { part: Some(part) }));
    channel.client().snapshot(from.settings.identity.call(to.id, chunks)).await.map(drop)
}

#[tokio::test]
async fn a_snapshot_that_is_not_what_was_sent_is_refused_and_leaves_nothing() {
    let (one, mut two) = (End::new(1).await, End::new(2).await);
    let start = |length| chunk::Part::Start(SnapshotStart { message: Some(snap(&one, &two)), length });
    let data = || chunk::Part::Data(Bytes::from_static(b"12345"));
    let end = |of: &[u8]| chunk::Part::End(SnapshotEnd { sha256: Sha256::digest(of).to_vec().into() });
    let wrong = [
        (vec![start(5), data(), end(b"54321")], "its content is not what was sent: sha256 differs"),
        (vec![start(6), data(), end(b"12345")], "it is cut off: 1 bytes are missing"),
        (vec![start(5), data()], "it is cut off: 0 bytes are missing"),
        (vec![start(4), data(), end(b"12345")], "it is longer than said"),
        (vec![start(5), start(5)], "its parts are out of order"),
        (vec![data()], "its parts are out of order"),
    ];
    for (parts, why) in wrong {
        let status = send_parts(&one, &two, parts).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::DataLoss, why));
        assert!(two.files().is_empty(), "{why}");
    }
    send_parts(&one, &two, vec![start(5), data(), end(b"12345")]).await.unwrap();
    assert!(matches!(two.hears().await, Told::Snapshot(..)));
}

#[tokio::test]
async fn a_snapshot_whose_sender_dies_midway_leaves_nothing() {
    let (one, mut two) = (End::new(1).await, End::new(2).await);
    let channel = Channel::connect(&two.url(), None).await.unwrap();
    let (parts, body) = mpsc::channel(1);
    let body = stream::unfold(body, |mut body| async { body.recv().await.map(|chunk| (chunk, body)) });
    let mut client = channel.client();
    let request = one.settings.identity.call(two.id, body);
    let call = tokio::spawn(async move { client.snapshot(request).await });
    let start = SnapshotStart { message: Some(snap(&one, &two)), length: 100 * MIB as u64 };
    parts.send(Chunk { part: Some(chunk::Part::Start(start)) }).await.unwrap();
    // More than may be on its way: the receiver has written some of it.
    for _ in 0..16 {
        let data = chunk::Part::Data(vec![0; MIB].into());
        parts.send(Chunk { part: Some(data) }).await.unwrap();
    }
    assert_eq!(two.files().len(), 1);
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    drop(channel);
    let cleared = async {
        while !two.files().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, cleared).await.expect("the part is removed");
    assert!(two.told.try_recv().is_err(), "nothing is heard of it");
}

#[tokio::test]
async fn a_snapshot_under_way_is_reported_when_its_member_leaves() {
    let hole = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let (mut one, two) = (End::new(1).await, End::new(2).await);
    let port = hole.local_addr().unwrap().port();
    one.peers.set_members(&[(two.id, vec![PeerUrl { port, ..two.url() }])]);
    let source = one.settings.snapshots.join("source");
    std::fs::write(&source, "content").unwrap();
    one.peers.send_snapshot(snap(&one, &two), source);
    one.peers.set_members(&[]);
    assert_eq!(one.hears().await, Told::Sent(two.id, false));
}
