use std::time::Duration;

use futures_util::StreamExt as _;

use super::*;
use crate::engine::Class;
use crate::engine::id::Label;
use crate::resources::host::FakeWatch;
use crate::resources::host::netlink::FakeNetlink;
use crate::resources::host::probe::{FakeProber, TcpProbe};
use crate::resources::testing::{Bench, Subject};

/// A server that is asked every 5 ms; down after 2 bad answers.
fn health(bench: &Bench, prober: &Arc<FakeProber>) -> Subject {
    let probe =
        TcpProbe { host: "db".into(), port: 5432, send: None, expect: None, timeout: Duration::from_secs(1) };
    let thresholds = Thresholds { failures: 2, successes: 1 };
    let rhythm = Rhythm { interval: Duration::from_millis(5), thresholds };
    let netlink = Watchers::new(Arc::new(FakeNetlink::default()));
    let host = Host { prober: prober.clone(), netlink, ..Host::over(Arc::new(FakeWatch::new())) };
    let health = Health::new(&host, Probe::Tcp(probe), rhythm);
    bench.subject(Label::new("tcp:check", "db"), Box::new(health))
}

fn fine() -> Result<Duration, ProbeError> {
    Ok(Duration::from_millis(3))
}

#[tokio::test]
async fn a_plan_asks_once_and_what_is_up_sends_so() {
    let (bench, prober) = (Bench::new(), Arc::new(FakeProber::default()));
    let subject = health(&bench, &prober);
    assert_eq!(subject.noop().await.shown(), ["up: the connection was refused -> it answers"]);
    assert_eq!(prober.take_asked(), ["db:5432"]);
    prober.answer("db:5432", fine);
    let subject = health(&bench, &prober);
    let ran = subject.run().await;
    assert!(ran.drift.is_empty());
    assert_eq!(ran.sent("up"), Some(&Value::Bool(true)));
    assert_eq!(ran.sent("latency_ms"), Some(&Value::Int(3)));
}

#[tokio::test]
async fn what_is_down_fails_until_it_answers_and_then_refreshes_once() {
    let (bench, prober) = (Bench::new(), Arc::new(FakeProber::default()));
    let subject = health(&bench, &prober);
    let mut wakes = subject.resource.watch(&subject.cx()).await.unwrap().stream.unwrap();
    let error = subject.try_run(subject.cx()).await.unwrap_err();
    assert_eq!(error.to_string(), "db:5432 should take TCP connections: the connection was refused");
    assert_eq!(error.class(), Class::Transient);
    assert!(error.hint().unwrap().contains("is the service running?"));
    prober.answer("db:5432", fine);
    wakes.next().await.unwrap().unwrap();
    let ran = subject.repair().await;
    assert_eq!(ran.shown(), ["up: it answers again -> passed on"]);
    assert!(!ran.drift.is_change() && ran.drift.refreshes());
    assert_eq!(ran.sent("up"), Some(&Value::Bool(true)));
}

#[tokio::test]
async fn the_watch_wakes_when_the_verdict_turns_and_a_check_then_asks_nobody() {
    let (bench, prober) = (Bench::new(), Arc::new(FakeProber::default()));
    prober.answer("db:5432", fine);
    let subject = health(&bench, &prober);
    let mut wakes = subject.resource.watch(&subject.cx()).await.unwrap().stream.unwrap();
    assert!(subject.run().await.drift.is_empty());
    prober.once(|| Err(ProbeError::Cut));
    prober.once(fine);
    prober.once(|| Err(ProbeError::Cut));
    prober.once(|| Err(ProbeError::Status { found: 500 }));
    prober.take_asked();
    wakes.next().await.unwrap().unwrap();
    assert_eq!(prober.take_asked().len(), 4, "one bad answer is none");
    assert!(subject.failure().await.ends_with("it answered with status 500"));
    assert!(prober.take_asked().is_empty());
}

#[tokio::test]
async fn a_refresh_asks_again() {
    let (bench, prober) = (Bench::new(), Arc::new(FakeProber::default()));
    prober.answer("db:5432", fine);
    let subject = health(&bench, &prober);
    let _wakes = subject.resource.watch(&subject.cx()).await.unwrap();
    subject.run().await;
    prober.take_asked();
    subject.refresh().await;
    assert_eq!(prober.take_asked().len(), 1);
}

#[test]
fn intervals_differ_by_a_tenth_at_most() {
    let second = Duration::from_secs(1);
    assert_eq!(jittered(second, 0), Duration::from_millis(900));
    assert_eq!(jittered(second, u32::MAX), Duration::from_millis(1100));
}

#[tokio::test]
async fn an_event_of_the_network_has_the_server_asked_soon() {
    let (bench, prober, netlink) = (Bench::new(), Arc::new(FakeProber::default()), FakeNetlink::default());
    let probe =
        TcpProbe { host: "db".into(), port: 5432, send: None, expect: None, timeout: Duration::from_secs(1) };
    let thresholds = Thresholds { failures: 1, successes: 1 };
    let rhythm = Rhythm { interval: Duration::from_secs(3600), thresholds };
    let watchers = Watchers::new(Arc::new(netlink.clone()));
    let host = Host { prober: prober.clone(), netlink: watchers, ..Host::over(Arc::new(FakeWatch::new())) };
    let health = Health::new(&host, Probe::Tcp(probe), rhythm);
    let subject = bench.subject(Label::new("tcp:check", "db"), Box::new(health));
    let mut wakes = subject.resource.watch(&subject.cx()).await.unwrap().stream.unwrap();
    subject.failure().await;
    prober.answer("db:5432", fine);
    netlink.change(|_| {});
    wakes.next().await.unwrap().unwrap();
    subject.repair().await;
}
