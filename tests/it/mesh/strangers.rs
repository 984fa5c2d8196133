//! Strangers at a mesh's port, and hosts of it that send what nobody would: they cost little memory, and whoever else is there is
//! served.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use mgmt::cluster::etcd::pb::etcdserverpb as pb;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::transport::Channel;
use tonic::{Code, Status};

use super::matrix::scene::{authority, issued, listens};
use super::matrix::{Caller, first};
use super::village::Village;
use crate::control::host::Agent;

/// Several times as many as are kept of one address.
const STRANGERS: usize = 1_000;
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The beginning of a greeting of TLS.
const HALF: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
/// By so many bytes the agent may grow meanwhile.
const BOUND: u64 = 64 << 20;
const PATIENCE: Duration = Duration::from_secs(30);

/// A mesh of one host, and a host that may speak with it.
struct Scene {
    _village: Village,
    agent: Agent,
    at: SocketAddr,
    host: Caller,
    channel: Channel,
}

impl Scene {
    async fn new() -> Self {
        let village = Village::new();
        let mut agent = village.run("a", &["--no-join", "--listen", "127.0.0.1:0"]);
        let at = listens(&mut agent);
        let (authority, roots) = authority(&village);
        let grant = mgmt::cluster::identity::Grant::host("web-1".parse().unwrap(), false);
        let (certificate, key) = issued(&authority, &grant, mgmt::cluster::tls::now());
        let host = Caller::new("web-1", (at, "a"), &roots, Some((&certificate, &key)));
        let scene = Self { _village: village, agent, at, channel: host.channel(), host };
        scene.is_served().await;
        scene
    }

    /// The host is served, over the connection that it has, and over a new one.
    async fn is_served(&self) {
        for channel in [self.channel.clone(), self.host.channel()] {
            let key = "/_mgmt/host/web-1/x".into();
            let put = pb::PutRequest { key, value: "x".into(), ..pb::PutRequest::default() };
            let _: pb::PutResponse = first(&channel, "etcdserverpb.KV/Put", put).await.unwrap();
        }
    }

    /// What the agent holds in memory, in bytes.
    fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.agent.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    }

    fn has_not_grown(&self, since: u64, what: &str) {
        let grown = self.memory().saturating_sub(since);
        println!("{what}: {} KiB more", grown >> 10);
        assert!(grown < BOUND, "{what}: {} MiB more", grown >> 20);
    }
}

/// Waits until the other side has closed it; how does not matter.
async fn closed(mut stream: impl AsyncRead + Unpin) {
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "it is kept");
}

/// Writes until that ends, or the other side has enough; returns how many bytes it took.
async fn pour(stream: &mut (impl AsyncWrite + Unpin), most: u64) -> u64 {
    let piece = vec![b'x'; 64 << 10];
    let mut poured = 0;
    while poured < most {
        match tokio::time::timeout(PATIENCE, stream.write(&piece)).await {
            Ok(Ok(some)) if some > 0 => poured += some as u64,
            _ => return poured,
        }
    }
    poured
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handshakes_that_never_end_and_noise_in_their_place_cost_little_and_keep_nobody_out() {
    let scene = Scene::new().await;
    let before = scene.memory();
    let mut half_open = Vec::new();
    for number in 0..STRANGERS {
        let mut stream = TcpStream::connect(scene.at).await.unwrap();
        // Some say nothing at all.
        if number % 2 == 0 {
            let _ = stream.write_all(HALF).await;
        }
        half_open.push(stream);
    }
    scene.is_served().await;
    scene.has_not_grown(before, "half-open handshakes");
    for stream in half_open {
        closed(stream).await;
    }
    let mut random = fastrand::Rng::with_seed(11);
    for _ in 0..STRANGERS {
        let noise: Vec<u8> = (0..random.usize(1..8_192)).map(|_| random.u8(..)).collect();
        let mut stream = TcpStream::connect(scene.at).await.unwrap();
        // It may be closed before all is written.
        let _ = stream.write_all(&noise).await;
        let _ = stream.shutdown().await;
        closed(stream).await;
    }
    scene.is_served().await;
    scene.has_not_grown(before, "noise in place of a handshake");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn noise_after_the_handshake_ends_its_connection_only() {
    let scene = Scene::new().await;
    let before = scene.memory();
    let mut random = fastrand::Rng::with_seed(12);
    for round in 0..200 {
        let noise: Vec<u8> = (0..random.usize(1..8_192)).map(|_| random.u8(..)).collect();
        let noise = if round % 2 == 0 { noise } else { [PREFACE, &noise].concat() };
        let mut stream = scene.host.h2().await.unwrap();
        let _ = stream.write_all(&noise).await;
        let _ = stream.shutdown().await;
        closed(stream).await;
    }
    scene.is_served().await;
    scene.has_not_grown(before, "noise after the handshake");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_writes_slowly_is_let_go_before_it_has_begun_and_keeps_little_afterwards() {
    let scene = Scene::new().await;
    let before = scene.memory();
    let mut slow = Vec::new();
    for said in 0..16 {
        let mut stream = scene.host.h2().await.unwrap();
        stream.write_all(&PREFACE[..said]).await.unwrap();
        slow.push(stream);
    }
    for stream in slow {
        closed(stream).await;
    }
    // Calls that announce a long message each, and then take their time.
    let (mut sender, connection) = h2::client::handshake(scene.host.h2().await.unwrap()).await.unwrap();
    let connection = tokio::spawn(connection);
    let mut kept = Vec::new();
    for _ in 0..100 {
        sender = sender.ready().await.unwrap();
        let (answer, mut stream) = sender.send_request(call("etcdserverpb.KV/Put"), false).unwrap();
        // 1,500,000 bytes, of which one comes.
        stream.send_data([0, 0x00, 0x16, 0xe3, 0x60, 0x0a].to_vec().into(), false).unwrap();
        kept.push((answer, stream));
    }
    scene.is_served().await;
    scene.has_not_grown(before, "messages that are announced and do not come");
    drop((kept, sender));
    connection.abort();
}

/// A call, without its message.
fn call(method: &str) -> http::Request<()> {
    http::Request::post(format!("http://mesh/{method}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())
        .unwrap()
}

/// Announces a message of so many bytes, and returns what is said to that before any of them has come.
async fn announced(host: &Caller, method: &str, bytes: u32) -> Status {
    let (sender, connection) = h2::client::handshake(host.h2().await.unwrap()).await.unwrap();
    let connection = tokio::spawn(connection);
    let mut sender = sender.ready().await.unwrap();
    let (answer, mut stream) = sender.send_request(call(method), false).unwrap();
    let head = [&[0][..], &bytes.to_be_bytes()].concat();
    // Who may not call at all may have been told so by now.
    let _ = stream.send_data(head.into(), false);
    let answer = tokio::time::timeout(PATIENCE, answer).await.expect("it is not waited for").unwrap();
    connection.abort();
    Status::from_header_map(answer.headers()).expect("it is refused at once")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gigabyte_is_refused_when_it_is_announced_and_no_room_is_made_for_it() {
    let scene = Scene::new().await;
    let before = scene.memory();
    for method in ["etcdserverpb.KV/Put", "etcdserverpb.KV/Txn", "etcdserverpb.Lease/LeaseGrant"] {
        let refused = announced(&scene.host, method, 1 << 30).await;
        assert_eq!(refused.code(), Code::ResourceExhausted, "{method}: {refused:?}");
    }
    // What members say to one another may be long: who is none is refused before that.
    for call in ["Messages", "Snapshot", "RenewLeases", "LeaseLeft", "Members", "HashKv"] {
        let refused = announced(&scene.host, &format!("mgmt.peer.Peering/{call}"), 255 << 20).await;
        let refusals = [Code::PermissionDenied, Code::InvalidArgument];
        assert!(refusals.contains(&refused.code()), "{call}: {refused:?}");
    }
    // The gateway reads no more than it takes.
    let mut stream = scene.host.http1().await.unwrap();
    let head = format!("POST /v3/kv/put HTTP/1.1\r\nhost: mesh\r\ncontent-length: {}\r\n\r\n", 1 << 30);
    stream.write_all(head.as_bytes()).await.unwrap();
    let poured = pour(&mut stream, 1 << 30).await;
    assert!(poured < 64 << 20, "{poured} bytes were taken");
    scene.is_served().await;
    scene.has_not_grown(before, "a gigabyte");
}
