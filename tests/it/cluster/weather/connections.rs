//! Very many connections that do nothing.

use mgmt::cluster::etcd::pb::etcdserverpb::{StatusRequest, StatusResponse};
use mgmt::cluster::link::{Link, LinkSettings, Standing};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::{Code, Request};

use super::super::processes::Cluster;
use super::super::raw;
use super::super::served::Served;

/// As many as are asked for, where the system allows them.
const WANTED: u64 = 10_000;
/// For all else that the tests of this process have open.
const OTHERS: u64 = 1_000;
/// What an idle connection may take at the server, in bytes.
const BOUND: u64 = 32 << 10;

/// The preface of HTTP/2, and settings: none.
const HELLO: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

#[tokio::test]
async fn ten_thousand_idle_connections_are_kept_in_little_memory() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
    let count = limit.maximum.map_or(WANTED, |most| most.saturating_sub(OTHERS).min(WANTED));
    assert!(count > 0, "so few files may be open: {limit:?}");
    let cluster = Cluster::of(1, &[]);
    let process = cluster.start().await.pop().unwrap();
    let mut client = process.client().await;
    client.put("k", "v", None).await.unwrap();
    let before = process.memory();
    let mut idle = Vec::new();
    for _ in 0..count {
        let mut stream = TcpStream::connect(("127.0.0.1", process.client)).await.unwrap();
        stream.write_all(HELLO).await.unwrap();
        idle.push(stream);
    }
    for stream in &mut idle {
        // The server's settings: it knows of the connection.
        stream.read_exact(&mut [0; 9]).await.unwrap();
    }
    let each = process.memory().saturating_sub(before) / count;
    println!("{count} connections, {each} bytes each");
    assert!(each < BOUND, "{each} bytes for each of {count} connections");
    assert_eq!(client.get("k", None).await.unwrap().kvs().len(), 1);
    process.client().await.put("k", "w", None).await.unwrap();
}

#[tokio::test]
async fn one_that_is_full_says_when_to_come_again_and_whoever_heeds_that_gets_in() {
    let store = Served::with_room(2).await;
    let mut first = store.client().await;
    first.put("k", "v", None).await.unwrap();
    let second = raw::connect(store.at).await;
    let status = "/etcdserverpb.Maintenance/Status";
    let refused = raw::call::<_, StatusResponse>(store.at, status, Request::new(StatusRequest {})).await;
    let refused = refused.unwrap_err();
    assert_eq!(
        (refused.code(), refused.message()),
        (Code::ResourceExhausted, "etcdserver: too many requests")
    );
    assert_eq!(refused.metadata().get("grpc-retry-pushback-ms").unwrap(), "5000");
    let link = Link::start(LinkSettings::default());
    link.set_endpoints(vec![format!("http://{}", store.at).parse().unwrap()]);
    let mut standing = link.follow();
    let is_full = |standing: &Standing| match standing {
        Standing::Away(away) => away.why.values().any(|why| why.to_string() == "it is full"),
        Standing::Up(_) => false,
    };
    drop(standing.wait_for(is_full).await.unwrap());
    // Who is in is served as before.
    assert_eq!(first.get("k", None).await.unwrap().kvs().len(), 1);
    drop(second);
    drop(standing.wait_for(|standing| matches!(standing, Standing::Up(_))).await.unwrap());
}
