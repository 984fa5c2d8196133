//! Strangers that take up room, and hosts that want too much: who else is there is served all the same.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::{join_all, maybe_done};
use mgmt::cluster::etcd::admission::{Identity, Origin, Source, TurnedAway};
use mgmt::cluster::etcd::front::Front;
use mgmt::cluster::etcd::lone::Lone;
use mgmt::cluster::etcd::node::{Node as _, NodeError};
use mgmt::cluster::etcd::pb::etcdserverpb::{PutRequest, PutResponse, StatusRequest, StatusResponse};
use mgmt::cluster::etcd::serve::{Listener, Options, Tls, TlsFiles, serve};
use mgmt::cluster::etcd::surface::{Limits, Surface};
use mgmt::cluster::link::Trouble;
use mgmt::cluster::store::id::LeaseId;
use mgmt::cluster::store::request::{Change, Put};
use mgmt::cluster::store::watch;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::{Code, Request, Status};

use super::inside::Inside;
use super::processes::{Cluster, PATIENCE};
use super::raw;
use super::served::Served;

/// Handshakes that are never ended: several times as many as are kept.
const HALF_OPEN: usize = 2_000;
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/cases/tls").join(name)
}

/// A store that speaks TLS, until the test ends.
async fn secure() -> SocketAddr {
    let files = TlsFiles {
        certificate: file("server.pem"),
        key: file("server.key"),
        clients: None,
        client_must: false,
    };
    let tls = Arc::new(Tls::new(files).unwrap());
    let listener = Listener::bind(&"https://127.0.0.1:0".parse().unwrap(), Some(&tls)).await.unwrap();
    let at = listener.local().unwrap();
    let node = Arc::new(Lone::start(watch::Limits::default()));
    let front = Front::new(Surface { node, limits: Limits::default() });
    tokio::spawn(serve(front, vec![listener], Options::default(), std::future::pending()));
    at
}

async fn handshake(at: SocketAddr) -> TlsStream<TcpStream> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(file("ca.pem")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(at).await.unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
}

/// Asks over a connection that stays, and returns the answer's head and body.
async fn ask(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let length = loop {
        answer.push(stream.read_u8().await.unwrap());
        if answer.ends_with(b"\r\n\r\n") {
            let head = String::from_utf8(answer.clone()).unwrap().to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            break length.unwrap().parse::<usize>().unwrap();
        }
    };
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    answer.extend(body);
    String::from_utf8(answer).unwrap()
}

async fn put(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    let body = r#"{"key":"aw==","value":"dg=="}"#;
    let request =
        format!("POST /v3/kv/put HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let answer = ask(stream, &request).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
}

/// A counter of the page of metrics.
async fn refused(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), reason: &str) -> usize {
    let page = ask(stream, "GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let start = format!("mgmt_store_refused_total{{reason=\"{reason}\"}} ");
    page.lines().find_map(|line| line.strip_prefix(&start)).unwrap().parse().unwrap()
}

/// Waits until the server has closed it.
async fn closed(mut stream: TcpStream) {
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "it is kept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handshakes_that_never_end_crowd_out_one_another_and_nobody_else() {
    let at = secure().await;
    let mut there = handshake(at).await;
    put(&mut there).await;
    let mut half_open = Vec::new();
    for number in 0..HALF_OPEN {
        let mut stream = TcpStream::connect(at).await.unwrap();
        if number % 2 == 0 {
            // The beginning of a greeting.
            stream.write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03").await.unwrap();
        }
        half_open.push(stream);
    }
    // Who was there is served, and from the same address one more gets in.
    put(&mut there).await;
    let mut comes = handshake(at).await;
    put(&mut comes).await;
    // Those that came first have made room: no more than 512 are kept of one address.
    for stream in half_open.drain(..HALF_OPEN - 512) {
        closed(stream).await;
    }
    assert!(refused(&mut comes, "crowded_out").await >= HALF_OPEN - 512);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_writes_too_slowly_is_let_go_and_who_has_begun_may_be_idle() {
    let (store, secure) = (Served::start().await, secure().await);
    let mut idle = store.client().await;
    idle.put("k", "v", None).await.unwrap();
    let mut slow = Vec::new();
    for said in [&b""[..], &PREFACE[..20]] {
        let mut stream = TcpStream::connect(store.at).await.unwrap();
        stream.write_all(said).await.unwrap();
        slow.push(stream);
    }
    let mut encrypted = handshake(secure).await;
    encrypted.write_all(&PREFACE[..1]).await.unwrap();
    slow.push(encrypted.into_inner().0);
    for stream in slow {
        closed(stream).await;
    }
    idle.put("k", "w", None).await.unwrap();
    let late = refused(&mut TcpStream::connect(store.at).await.unwrap(), "late").await;
    assert_eq!(late, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_before_and_after_the_handshake_ends_its_connection_only() {
    let at = secure().await;
    let mut there = handshake(at).await;
    let mut random = fastrand::Rng::with_seed(7);
    for round in 0..64 {
        let noise: Vec<u8> = (0..random.usize(1..4_096)).map(|_| random.u8(..)).collect();
        let mut before = TcpStream::connect(at).await.unwrap();
        // It may be closed before all is written.
        let _ = before.write_all(&noise).await;
        let _ = before.shutdown().await;
        closed(before).await;
        let mut after = handshake(at).await;
        let noise = if round % 2 == 0 { noise } else { [PREFACE, &noise].concat() };
        let _ = after.write_all(&noise).await;
        let _ = after.shutdown().await;
        let mut rest = Vec::new();
        // How it ends does not matter.
        let ended = tokio::time::timeout(PATIENCE, after.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "it is kept");
        put(&mut there).await;
    }
}

#[tokio::test]
async fn an_address_has_so_many_connections_and_one_more_is_told_to_come_again_later() {
    // A sixteenth is left for others.
    let store = Served::with_room(32).await;
    let mut there = Vec::new();
    for _ in 0..30 {
        there.push(raw::connect(store.at).await);
    }
    let status = "/etcdserverpb.Maintenance/Status";
    let call = || raw::call::<_, StatusResponse>(store.at, status, Request::new(StatusRequest {}));
    let told = call().await.unwrap_err();
    assert_eq!(told.code(), Code::ResourceExhausted);
    assert_eq!(told.metadata().get("grpc-retry-pushback-ms").unwrap(), "5000");
    drop(there);
    while call().await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn announced_messages_are_bounded_before_there_is_room_made_for_them() {
    let store = Served::start().await;
    let (mut sender, connection) =
        h2::client::handshake(TcpStream::connect(store.at).await.unwrap()).await.unwrap();
    tokio::spawn(connection);
    // 2,000,000 bytes each, of 256 MiB that one may have.
    let announced = [0, 0x00, 0x1e, 0x84, 0x80];
    let (mut answers, mut streams) = (Vec::new(), Vec::new());
    for _ in 0..135 {
        let request = http::Request::post(format!("http://{}/etcdserverpb.KV/Put", store.at))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(())
            .unwrap();
        sender = sender.ready().await.unwrap();
        let (answer, mut stream) = sender.send_request(request, false).unwrap();
        stream.send_data(announced.to_vec().into(), false).unwrap();
        answers.push(answer);
        streams.push(stream);
    }
    // One of them is too many.
    let (told, _, answers) = futures_util::future::select_all(answers).await;
    let told = told.unwrap();
    let told = Status::from_header_map(told.headers()).unwrap();
    assert_eq!((told.code(), told.message()), (Code::ResourceExhausted, "etcdserver: too many requests"));
    assert!(matches!(Trouble::from(told), Trouble::Busy(Some(_))));
    // Another connection of the same address has no more room, until these go.
    let request = || PutRequest { key: "k".into(), value: vec![7; 1 << 20].into(), ..Default::default() };
    let call = || raw::call::<_, PutResponse>(store.at, "/etcdserverpb.KV/Put", Request::new(request()));
    assert_eq!(call().await.unwrap_err().code(), Code::ResourceExhausted);
    drop((streams, answers, sender));
    while call().await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_host_that_floods_does_not_keep_another_waiting_until_it_is_through() {
    // Twice as much as may be on its way through the log.
    const FLOOD: usize = 4_000;
    let cluster = Cluster::of(1, &[]);
    let member = Inside::start(&cluster.members[0]).await;
    while member.node.standing().leader.is_none() {
        tokio::task::yield_now().await;
    }
    let host = |number: u8| Identity::At(Source::V4([10, 0, 0, number].into()));
    let put = |from: u8, key: String| {
        let put = Put {
            key: key.into(),
            value: Some(vec![7; 4 << 10].into()),
            lease: Some(LeaseId(0)),
            previous: false,
        };
        let origin = Origin::new(host(from), "/etcdserverpb.KV/Put", TurnedAway::default());
        let node = member.node.clone();
        Box::pin(origin.scope(async move { node.propose(Change::Put(put), None).await }))
    };
    let give_up = Instant::now() + PATIENCE;
    loop {
        let mut flood: Vec<_> =
            (0..FLOOD).map(|number| Box::pin(maybe_done(put(1, format!("flood/{number}"))))).collect();
        for call in &mut flood {
            // So all of them have been asked for before the other comes; the first may be answered already.
            let _ = futures_util::poll!(call.as_mut());
        }
        let all = futures_util::future::join(put(2, "other".to_owned()), join_all(flood.iter_mut()));
        let (other, _) = tokio::time::timeout(PATIENCE, all).await.expect("all are answered");
        let applied = flood.iter_mut().map(|call| call.as_mut().take_output().expect("it is answered"));
        let revisions: Vec<i64> = applied.map(|applied| applied.unwrap().revision.0).collect();
        assert!(revisions.is_sorted(), "the order of one host's own changes is kept");
        let (other, last) = (other.unwrap().revision.0, *revisions.last().unwrap());
        println!("the other's change came {} before the end of the flood", last - other);
        if other < last {
            break;
        }
        // On a busy machine the flood may be over before the other is there. Without turns, each of them is.
        assert!(Instant::now() < give_up, "{other} came after {last}");
    }
    member.stop().await;
}

#[test]
fn who_has_no_room_is_told_when_to_come_again_in_a_way_that_hosts_understand() {
    let told = Status::from(NodeError::NoRoom { retry_after: Duration::from_millis(250) });
    assert_eq!((told.code(), told.message()), (Code::ResourceExhausted, "etcdserver: too many requests"));
    assert_eq!(Trouble::from(told), Trouble::Busy(Some(Duration::from_millis(250))));
}
