//! What a check finds, and what wakes it.

use super::{Shop, text};
use crate::engine::Value;
use crate::resources::host::packages::{Row, Status};

fn half(version: &str, must_reinstall: bool) -> Row {
    Row {
        arch: "amd64".into(),
        status: Status::Half("unpacked, not configured"),
        version: version.into(),
        held: false,
        must_reinstall,
    }
}

#[tokio::test]
async fn each_way_to_differ_is_named() {
    let shop = Shop::stocked();
    shop.fake.install("tiny", "1.0");
    shop.fake.install("odd", "3");
    shop.fake.host().installed.insert("half".into(), half("1", false));
    let mut gone = half("1", false);
    gone.status = Status::ConfigFiles;
    shop.fake.host().installed.insert("gone".into(), gone);
    let none: &[&str] = &[];
    for (name, params, wanted) in [
        ("tiny", vec![], none),
        ("other", vec![], &["state: absent -> installed"]),
        ("gone", vec![], &["state: absent -> installed"]),
        ("other", vec![("version", text("1.*"))], &["state: absent -> 1.*"]),
        ("tiny", vec![("version", text("1.0"))], none),
        ("tiny", vec![("version", text("1.*"))], none),
        ("tiny", vec![("state", text("2.0"))], &["version: 1.0 -> 2.0"]),
        ("tiny", vec![("version", text("2*"))], &["version: 1.0 -> 2*"]),
        ("tiny", vec![("state", text("newest"))], &["version: 1.0 -> 2.0"]),
        ("tiny", vec![("state", text("newest")), ("version", text("1.*"))], none),
        ("other", vec![("state", text("newest"))], &["state: absent -> 1.0"]),
        ("odd", vec![("state", text("newest"))], none),
        ("tiny", vec![("state", text("uninstalled"))], &["state: 1.0 -> absent"]),
        ("other", vec![("state", text("uninstalled"))], none),
        ("gone", vec![("state", text("uninstalled"))], none),
        (
            "gone",
            vec![("state", text("uninstalled")), ("purge", Value::Bool(true))],
            &["purge: configuration files -> absent"],
        ),
        ("tiny", vec![("hold", Value::Bool(true))], &["hold: not held -> held"]),
        ("tiny", vec![("hold", Value::Bool(false))], none),
        ("half", vec![], &["configure: unpacked, not configured -> configured"]),
        ("half", vec![("state", text("uninstalled"))], &["state: 1 (unpacked, not configured) -> absent"]),
    ] {
        let found = shop.pkg(name, &params).noop().await.shown();
        assert_eq!(found, wanted, "{name} {params:?}");
    }
}

#[tokio::test]
async fn a_name_that_another_package_provides_is_there() {
    let shop = Shop::stocked();
    shop.fake.host().providers.insert("awk".into(), vec!["mawk"]);
    assert_eq!(shop.pkg("awk", &[]).noop().await.shown().len(), 1);
    shop.fake.install("mawk", "1.3");
    shop.host.packages.seen(&*shop.fake).changed();
    assert!(shop.pkg("awk", &[]).run().await.drift.is_empty());
    let gone = shop.pkg("awk", &[("state", text("uninstalled"))]);
    assert!(gone.run().await.drift.is_empty());
}

#[tokio::test]
async fn three_hundred_packages_are_one_question_and_checks_change_nothing() {
    let shop = Shop::stocked();
    let names: Vec<String> = (0..300).map(|number| format!("p{number}")).collect();
    for name in &names {
        shop.fake.install(name, "1.0");
    }
    let members: Vec<_> = names.iter().map(|name| (name.as_str(), &[][..])).collect();
    let group = shop.group(&members);
    assert!(group.run().await.drift.is_empty());
    assert_eq!(shop.calls(), ["installed"]);
    let apart: Vec<_> = names.iter().take(50).map(|name| shop.pkg(name, &[])).collect();
    let runs = futures_util::future::join_all(apart.iter().map(|subject| subject.run())).await;
    assert!(runs.iter().all(|ran| ran.drift.is_empty()));
    assert!(shop.calls().len() < 5, "checks at one moment share a question");
}

#[tokio::test]
async fn a_check_waits_for_others_who_change_packages_until_their_end_is_told() {
    let shop = Shop::stocked();
    shop.hold_lock(true);
    let subject = shop.pkg("tiny", &[]);
    let (checked, ()) = tokio::join!(subject.run(), async {
        while shop.watch.watched().is_empty() {
            tokio::task::yield_now().await;
        }
        assert_eq!(shop.watch.change("/fake/lock"), 1);
        tokio::task::yield_now().await;
        assert!(shop.calls().is_empty(), "nothing is looked at while another works");
        shop.fake.install("tiny", "2.0");
        shop.hold_lock(false);
        shop.watch.change("/fake/lock");
    });
    assert!(checked.drift.is_empty());
    assert!(shop.watch.watched().is_empty());
}

#[tokio::test]
async fn whoever_never_ends_is_named_after_a_while_and_a_cancelled_check_does_not_wait() {
    let shop = Shop::stocked();
    shop.hold_lock(true);
    let subject = shop.pkg("tiny", &[("lock_timeout_ms", Value::Int(1))]);
    let said = subject.failure().await;
    assert_eq!(said, "the package database is in use by process 7 (apt-get)");
    let subject = shop.pkg("tiny", &[]);
    let cx = subject.cx();
    cx.cancel.cancel();
    assert_eq!(subject.try_run(cx).await.unwrap_err().to_string(), "cancelled");
    let looked = shop.pkg("tiny", &[]).noop().await;
    assert_eq!(looked.drift.iter().count(), 1, "who only looks does not wait");
}

#[tokio::test]
async fn the_end_of_a_transaction_wakes_and_its_steps_do_not() {
    let shop = Shop::stocked();
    let subject = shop.pkg("tiny", &[("state", text("newest"))]);
    let wakes = subject.resource.watch(&subject.cx()).await.unwrap();
    assert_eq!(shop.watch.change("/fake/status"), 1);
    assert_eq!(shop.bench.wakes(), 1);
    shop.hold_lock(true);
    shop.watch.change("/fake/status");
    assert_eq!(shop.bench.wakes(), 1);
    shop.hold_lock(false);
    shop.watch.change("/fake/lock");
    assert_eq!(shop.bench.wakes(), 2);
    assert_eq!(shop.watch.change("/fake/lists"), 1);
    drop(wakes);
    assert!(shop.watch.watched().is_empty());
    let plain = shop.pkg("tiny", &[]);
    let _wakes = plain.resource.watch(&plain.cx()).await.unwrap();
    let before = shop.bench.wakes();
    shop.watch.change("/fake/lists");
    assert_eq!(shop.bench.wakes(), before, "lists matter only to the newest, and to what they lack");
}

#[tokio::test]
async fn one_s_own_repair_and_what_was_seen_already_are_no_news_even_if_it_failed() {
    let shop = Shop::stocked();
    shop.fake.host().failing.insert("tiny".into());
    let subject = shop.pkg("tiny", &[]);
    let _wakes = subject.resource.watch(&subject.cx()).await.unwrap();
    subject.failure().await;
    shop.watch.change("/fake/status");
    shop.watch.change("/fake/lock");
    assert_eq!(shop.bench.wakes(), 0, "the echo of a repair wakes nobody");
    shop.fake.install("tiny", "2.0");
    shop.watch.change("/fake/lock");
    assert_eq!(shop.bench.wakes(), 1);
    assert!(subject.run().await.drift.is_empty());
    shop.watch.change("/fake/lock");
    assert_eq!(shop.bench.wakes(), 1, "nothing has changed");
}

#[tokio::test]
async fn lists_that_another_fetches_as_a_repair_ends_are_news() {
    let shop = Shop::stocked();
    shop.fake.host().fetched_after.insert("tiny".into(), vec!["9.0"]);
    let subject = shop.pkg("tiny", &[("state", text("newest"))]);
    subject.run().await;
    assert_eq!(shop.bench.wakes(), 1);
    assert!(!subject.run().await.drift.is_empty());
    assert_eq!(shop.bench.wakes(), 1, "its own repair is none");
}

#[tokio::test]
async fn a_diff_is_what_the_tool_would_do_and_fetches_nothing() {
    let shop = Shop::stocked();
    shop.fake.host().is_outdated = true;
    let group = shop.group(&[("tiny", &[]), ("nosuch", &[])]);
    let cx = group.cx();
    let drift = group.resource.check(&cx).await.unwrap().drift;
    let diff = group.resource.diff(&cx, &drift).await.unwrap();
    assert_eq!(diff.as_deref(), Some("+tiny and what it needs\n"));
    assert!(!shop.calls().contains(&"refresh".to_owned()));
    assert_eq!(shop.version("tiny"), None);
}
