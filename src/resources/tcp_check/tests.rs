use std::sync::Arc;
use std::time::Duration;

use super::{TcpCheckKind, host_and_port};
use crate::engine::Value;
use crate::resources::host::probe::FakeProber;
use crate::resources::host::{FakeWatch, Host};
use crate::resources::testing::{Bench, capabilities, refused};

fn kind() -> (Arc<FakeProber>, TcpCheckKind) {
    let prober = Arc::new(FakeProber::default());
    let host = Host { prober: prober.clone(), ..Host::over(Arc::new(FakeWatch::new())) };
    (prober, TcpCheckKind::new(Arc::new(host)))
}

#[test]
fn an_address_is_a_host_and_a_port() {
    for (given, found) in [
        ("a:1", Some(("a", 1))),
        ("127.0.0.1:65535", Some(("127.0.0.1", 65535))),
        ("[::1]:22", Some(("::1", 22))),
        ("::1:22", None),
        ("[x]:22", None),
        ("a", None),
        ("a:", None),
        ("a:0", None),
        ("a:65536", None),
        (":1", None),
        ("http://a:1", None),
    ] {
        let expected = found.map(|(host, port)| (Arc::from(host), port));
        assert_eq!(host_and_port(given), expected, "{given}");
    }
}

#[tokio::test]
async fn a_server_that_takes_connections_is_up() {
    let (bench, (prober, kind)) = (Bench::new(), kind());
    let subject = bench.build(
        &kind,
        "the mail server",
        &[("address", Value::str("[::1]:25")), ("timeout_ms", Value::Int(150))],
    );
    let failure = subject.failure().await;
    assert_eq!(failure, "[::1]:25 should take TCP connections: the connection was refused");
    assert!(prober.take_asked().len() > 1, "it may not listen yet");
    prober.answer("[::1]:25", || Ok(Duration::from_millis(1)));
    subject.repair().await;
}

#[test]
fn all_that_is_wrong_is_refused_at_once() {
    let (_, kind) = kind();
    let params = [("address", Value::str("x")), ("interval_ms", Value::Int(0)), ("failures", Value::Int(0))];
    let at: Vec<_> = refused(&kind, "x", &params).iter().filter_map(|error| error.param).collect();
    assert_eq!(at, ["address", "interval_ms", "failures"]);
    assert_eq!(capabilities(&kind, "10.0.0.1:1", &[]).asks.len(), 1);
}
