//! Very many connections that do nothing.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::super::processes::Cluster;

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
