//! Requests that are too long, broken, or never finished.

use mgmt::cluster::etcd::pb::etcdserverpb::{PutRequest, PutResponse};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::{Code, Request};

use super::super::processes::{Cluster, Process};
use super::super::raw::{call, refusal};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// A frame of settings, with none in it.
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

async fn member() -> (Cluster, Process) {
    let cluster = Cluster::of(1, &[]);
    let process = cluster.start().await.pop().unwrap();
    (cluster, process)
}

async fn put(process: &Process, value: usize) -> Result<PutResponse, tonic::Status> {
    let request = PutRequest { key: "k".into(), value: vec![7; value].into(), ..Default::default() };
    let at = format!("127.0.0.1:{}", process.client).parse().unwrap();
    call(at, "/etcdserverpb.KV/Put", Request::new(request)).await
}

async fn connect(process: &Process) -> TcpStream {
    TcpStream::connect(("127.0.0.1", process.client)).await.unwrap()
}

async fn still_serves(process: &Process) {
    put(process, 1).await.unwrap();
}

#[tokio::test]
async fn requests_that_are_too_long_are_refused_with_etcds_codes_and_texts() {
    let (_cluster, process) = member().await;
    put(&process, 1_500_000).await.unwrap();
    let long = refusal(put(&process, 1_572_864).await);
    assert_eq!(long, (Code::InvalidArgument, "etcdserver: request is too large".to_owned()));
    let longer = refusal(put(&process, 3 << 20).await);
    // Key and value, each with their tags and lengths.
    let sent = (3 << 20) + 5 + 3;
    let text = format!("grpc: received message larger than max ({sent} vs. 2097152)");
    assert_eq!(longer, (Code::ResourceExhausted, text));
    still_serves(&process).await;
}

#[tokio::test]
async fn a_message_that_is_none_is_refused_and_the_connection_goes_on() {
    let (_cluster, process) = member().await;
    let (mut sender, connection) = h2::client::handshake(connect(&process).await).await.unwrap();
    tokio::spawn(connection);
    let bodies: [&[u8]; 4] = [
        // The first byte says that it is not compressed, the next four how long it is; then no protobuf.
        &[0, 0, 0, 0, 3, 0xff, 0xff, 0xff],
        // Compressed, which was not agreed upon.
        &[1, 0, 0, 0, 3, 1, 2, 3],
        // Longer than what follows.
        &[0, 0, 0, 0, 200, 1, 2, 3],
        &[9],
    ];
    for body in bodies {
        let request = http::Request::post(format!("http://127.0.0.1:{}/etcdserverpb.KV/Put", process.client))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(())
            .unwrap();
        sender = sender.ready().await.unwrap();
        let (answer, mut stream) = sender.send_request(request, false).unwrap();
        stream.send_data(body.to_vec().into(), true).unwrap();
        let mut answer = answer.await.unwrap();
        let code = match answer.headers().get("grpc-status").cloned() {
            Some(code) => code,
            None => {
                while answer.body_mut().data().await.is_some() {}
                answer.body_mut().trailers().await.unwrap().unwrap()["grpc-status"].clone()
            }
        };
        assert_ne!(code, "0", "{body:?}");
    }
    still_serves(&process).await;
}

#[tokio::test]
async fn bytes_that_are_no_request_end_their_connection_and_nothing_else() {
    let (_cluster, process) = member().await;
    let frame = |kind: u8, length: u8| [0, 0, length, kind, 0, 0, 0, 0, 0];
    let mut fed: Vec<Vec<u8>> = vec![
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a handshake of TLS".to_vec(),
        vec![0xff; 70_000],
        b"GET / HTTP/9.9\r\n\r\n".to_vec(),
        [PREFACE, &[0xff; 64]].concat(),
        // Data and headers that belong to no stream, and settings of a wrong length.
        [PREFACE, SETTINGS, &frame(0, 0)].concat(),
        [PREFACE, SETTINGS, &frame(1, 1), &[0xff]].concat(),
        [PREFACE, &frame(4, 5), &[0; 5]].concat(),
    ];
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..64 {
        let length = random.usize(1..4096);
        let noise: Vec<u8> = (0..length).map(|_| random.u8(..)).collect();
        fed.push(noise.clone());
        fed.push([PREFACE, SETTINGS, &noise].concat());
    }
    for bytes in fed {
        let mut stream = connect(&process).await;
        // It may be closed before all is written.
        let _ = stream.write_all(&bytes).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
    }
    still_serves(&process).await;
}

#[tokio::test]
async fn a_request_that_breaks_off_anywhere_does_nothing() {
    let (_cluster, process) = member().await;
    put(&process, 1).await.unwrap();
    for sent in [0, 1, 5, 6, 900, 1_004] {
        let (sender, connection) = h2::client::handshake(connect(&process).await).await.unwrap();
        let connection = tokio::spawn(connection);
        let request = http::Request::post(format!("http://127.0.0.1:{}/etcdserverpb.KV/Put", process.client))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(())
            .unwrap();
        let (_answer, mut stream) = sender.ready().await.unwrap().send_request(request, false).unwrap();
        let mut message = vec![0, 0, 0, 3, 0xee, 0x0a, 1, b'k', 0x12, 0xe8, 0x07];
        message.resize(1_011, b'v');
        stream.send_data(message[..sent].to_vec().into(), false).unwrap();
        let mut half = connect(&process).await;
        half.write_all(b"POST /v3/kv/put HTTP/1.1\r\nhost: x\r\ncontent-length: 99\r\n\r\n{\"key\":\"aw==\"")
            .await
            .unwrap();
        drop(half);
        connection.abort();
    }
    still_serves(&process).await;
    let kv = process.client().await.get("k", None).await.unwrap().take_kvs().pop().unwrap();
    assert_eq!((kv.version(), kv.value().len()), (2, 1));
}
