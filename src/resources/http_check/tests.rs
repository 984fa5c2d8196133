use std::sync::Arc;
use std::time::Duration;

use super::HttpCheckKind;
use crate::engine::Value;
use crate::engine::kind::{Ask, Uid};
use crate::resources::host::probe::{FakeProber, ProbeError};
use crate::resources::host::{FakeWatch, Host};
use crate::resources::testing::{Bench, capabilities, refused};

fn kind() -> (Arc<FakeProber>, HttpCheckKind) {
    let prober = Arc::new(FakeProber::default());
    let host = Host { prober: prober.clone(), ..Host::over(Arc::new(FakeWatch::new())) };
    (prober, HttpCheckKind::new(Arc::new(host)))
}

fn map(pairs: &[(&str, &str)]) -> Value {
    Value::Map(pairs.iter().map(|(key, value)| (Value::str(key), Value::str(value))).collect())
}

#[tokio::test]
async fn the_name_is_what_is_asked_and_a_secret_in_it_is_not_shown() {
    let (bench, (prober, kind)) = (Bench::new(), kind());
    let subject = bench.build(&kind, "https://anna:secret@shop.example/health?key=secret", &[]);
    prober.answer("https://shop.example/health", || Err(ProbeError::Status { found: 500 }));
    let said = subject.failure().await;
    assert_eq!(
        said,
        "https://shop.example/health should answer a GET with status from 200 to 299: it answered with status 500"
    );
    prober.answer("https://shop.example/health", || Ok(Duration::from_millis(7)));
    subject.repair().await;
    assert!(!format!("{:?}", subject.resource).contains("secret"));
}

#[test]
fn all_that_is_wrong_is_refused_at_once() {
    let (_, kind) = kind();
    let wrong = refused(
        &kind,
        "x",
        &[
            ("url", Value::str("ftp://x/")),
            ("method", Value::str("DELET")),
            ("status", Value::List([Value::Int(20)].into())),
            ("headers", map(&[("a b", "c"), ("d", "e\nf")])),
            ("ca", Value::str("relative.pem")),
            ("interval_ms", Value::Int(5)),
            ("timeout_ms", Value::Int(0)),
            ("failures", Value::Int(0)),
            ("successes", Value::Int(0)),
        ],
    );
    let at: Vec<_> = wrong.iter().filter_map(|error| error.param).collect();
    let expected = [
        "url",
        "method",
        "status",
        "headers",
        "headers",
        "ca",
        "interval_ms",
        "failures",
        "successes",
        "timeout_ms",
    ];
    assert_eq!(at, expected);
    assert_eq!(wrong[1].hint.as_deref(), Some("did you mean DELETE?"));
    assert_eq!(refused(&kind, "no address", &[])[0].param, None);
}

#[test]
fn it_comes_after_its_authorities_and_the_interface_with_its_address() {
    let (_, kind) = kind();
    let found = capabilities(&kind, "https://10.0.0.1/", &[("ca", Value::str("/etc/ca.pem"))]);
    assert!(found.refreshable && found.waits);
    assert_eq!(
        found.asks,
        [
            Ask::after(vec![Uid::new("address", "10.0.0.1")], "the interface with its address"),
            Ask::after(vec![Uid::path("/etc/ca.pem")], "what it reads"),
        ]
    );
    assert!(capabilities(&kind, "http://name/", &[]).asks.is_empty());
    let services = Ask::after_every(Uid::new("running", "this host"), "a service of the host that it asks");
    for local in ["http://localhost:8080/", "http://127.0.0.1/", "http://[::1]/"] {
        assert!(capabilities(&kind, local, &[]).asks.contains(&services), "{local}");
    }
}
