//! Certificates.

use std::path::PathBuf;
use std::sync::Arc;

use mgmt::cluster::etcd::front::Front;
use mgmt::cluster::etcd::lone::Lone;
use mgmt::cluster::etcd::serve::{Listener, Options, Tls, TlsFiles, serve};
use mgmt::cluster::etcd::surface::{Limits, Surface};
use mgmt::cluster::store::watch;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/cases/tls").join(name)
}

/// Serves at an address until the test ends; returns where.
async fn start(url: &str, files: TlsFiles) -> Option<std::net::SocketAddr> {
    let node = Arc::new(Lone::start(watch::Limits::default()));
    let tls = Arc::new(Tls::new(files).unwrap());
    let listener = Listener::bind(&url.parse().unwrap(), Some(&tls)).await.unwrap();
    let at = listener.local();
    let front = Front::new(Surface { node, limits: Limits::default() });
    tokio::spawn(serve(front, vec![listener], Options::default(), std::future::pending()));
    at
}

async fn put(endpoint: &str, arguments: &[String]) -> Result<(), String> {
    let mut command = tokio::process::Command::new("etcdctl");
    command.env("ETCDCTL_API", "3").arg(format!("--endpoints={endpoint}")).args(arguments);
    // A refused handshake is tried again for as long.
    command.args(["--dial-timeout=1s", "--command-timeout=2s", "put", "foo", "bar"]);
    let output = command.output().await.unwrap();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8(output.stderr).unwrap()) }
}

fn option(name: &str, value: &str) -> String {
    format!("--{name}={}", file(value).display())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_trusts_the_server_is_served() {
    let files = TlsFiles {
        certificate: file("server.pem"),
        key: file("server.key"),
        clients: None,
        client_must: false,
    };
    let at = start("https://127.0.0.1:0", files).await.unwrap();
    put(&format!("https://{at}"), &[option("cacert", "ca.pem")]).await.unwrap();
    assert!(put(&format!("http://{at}"), &[]).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_must_have_a_certificate_when_that_is_asked_for() {
    let clients = Some(file("ca.pem"));
    let files =
        TlsFiles { certificate: file("server.pem"), key: file("server.key"), clients, client_must: true };
    let at = start("https://127.0.0.1:0", files).await.unwrap();
    let endpoint = format!("https://{at}");
    let trusts = option("cacert", "ca.pem");
    assert!(put(&endpoint, std::slice::from_ref(&trusts)).await.is_err());
    put(&endpoint, &[trusts, option("cert", "eve.pem"), option("key", "eve.key")]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replaced_files_are_used_for_the_next_connection_and_bad_ones_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let own = |name: &str| folder.path().join(name);
    for (from, to) in [("eve.pem", "cert"), ("eve.key", "key")] {
        std::fs::copy(file(from), own(to)).unwrap();
    }
    let files = TlsFiles { certificate: own("cert"), key: own("key"), clients: None, client_must: false };
    let at = start("https://127.0.0.1:0", files).await.unwrap();
    let endpoint = format!("https://{at}");
    let trusts = option("cacert", "ca.pem");
    put(&endpoint, std::slice::from_ref(&trusts)).await.unwrap();
    std::fs::write(own("cert"), "nothing").unwrap();
    put(&endpoint, std::slice::from_ref(&trusts)).await.unwrap();
    for (from, to) in [("server.pem", "cert"), ("server.key", "key")] {
        std::fs::copy(file(from), own(to)).unwrap();
    }
    put(&endpoint, &[trusts]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unix_socket_is_served_and_goes_away_with_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("etcd.sock");
    let url = format!("unix://{}", socket.display());
    let node = Arc::new(Lone::start(watch::Limits::default()));
    let listener = Listener::bind(&url.parse().unwrap(), None).await.unwrap();
    let front = Front::new(Surface { node, limits: Limits::default() });
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let serving = tokio::spawn(serve(front, vec![listener], Options::default(), async {
        let _: Result<(), _> = stopped.await;
    }));
    let mut stream = tokio::net::UnixStream::connect(&socket).await.unwrap();
    stream.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    stop.send(()).unwrap();
    serving.await.unwrap();
    assert!(!socket.exists());
}
