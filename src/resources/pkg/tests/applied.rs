//! What a repair does.

use std::path::Path;
use std::time::Duration;

use super::{Shop, text};
use crate::engine::entry::Entry as _;
use crate::engine::meta::Meta;
use crate::engine::{Class, Declaration, Kind as _, Label, Params, Value};
use crate::resources::host::packages::{Described, Status};
use crate::resources::testing::capabilities;

const YES: Value = Value::Bool(true);

#[tokio::test]
async fn one_transaction_installs_upgrades_removes_and_purges() {
    let shop = Shop::stocked();
    for (name, version) in [("up", "1.0"), ("out", "1.0"), ("away", "1.0")] {
        shop.fake.install(name, version);
    }
    shop.fake.host().repository.insert("up".into(), vec!["2.0", "1.0"]);
    let group = shop.group(&[
        ("tiny", &[("version", text("1.0"))]),
        ("other", &[]),
        ("up", &[("state", text("newest"))]),
        ("out", &[("state", text("uninstalled"))]),
        ("away", &[("state", text("uninstalled")), ("purge", YES)]),
    ]);
    assert_eq!(group.repair().await.drift.iter().count(), 5);
    assert_eq!(shop.transactions(), ["transact tiny=1.0 other up out- away_"]);
    assert_eq!((shop.version("tiny").as_deref(), shop.version("away")), (Some("1.0"), None));
    assert_eq!(shop.fake.host().installed["out"].status, Status::ConfigFiles);
    shop.pkg("out", &[("state", text("uninstalled")), ("purge", YES)]).repair().await;
    assert!(shop.calls().contains(&"transact out__".to_owned()));
}

#[tokio::test]
async fn what_cannot_be_fails_alone_and_the_others_are_installed() {
    let shop = Shop::stocked();
    shop.fake.host().providers.insert("mta".into(), vec!["exim", "postfix"]);
    shop.fake.install("held", "1.0");
    shop.fake.install("new", "3.0");
    shop.fake.host().installed.get_mut("held").unwrap().held = true;
    shop.fake.host().repository.insert("held".into(), vec!["2.0"]);
    shop.fake.host().repository.insert("new".into(), vec!["3.0", "2.0"]);
    let group = shop.group(&[
        ("nosuch", &[]),
        ("tiny", &[]),
        ("mta", &[]),
        ("other", &[("version", text("9"))]),
        ("held", &[("state", text("newest"))]),
        ("new", &[("version", text("2.0"))]),
    ]);
    let failed = group.failing_alone().await;
    let said: Vec<(u32, String)> = failed.iter().map(|(at, error)| (*at, error.to_string())).collect();
    let told = |at, text: &str| (at, text.to_owned());
    assert_eq!(
        said,
        [
            told(0, "nosuch: no repository of this host has a package of this name"),
            told(2, "mta: it is a name that several packages provide: exim, postfix"),
            told(3, "other: no repository has version 9; there is 1.0"),
            told(4, "held: it is held at version 1.0"),
            told(5, "new: version 2.0 would replace the newer 3.0"),
        ]
    );
    for (_, error) in &failed {
        assert_eq!(error.class(), Class::User);
        assert!(error.hint().is_some(), "{error}");
    }
    assert_eq!(shop.version("tiny").as_deref(), Some("2.0"));
    assert_eq!(shop.transactions().len(), 1);
    // By itself it fails as any other resource does.
    assert!(shop.pkg("nosuch", &[]).failure().await.starts_with("nosuch: no repository"));
}

#[tokio::test]
async fn what_cannot_be_is_foreseen_and_nothing_is_fetched_or_changed_for_it() {
    let shop = Shop::stocked();
    let group = shop.group(&[("nosuch", &[]), ("tiny", &[]), ("other", &[("version", text("9"))])]);
    let told = |at, text: &str| (at, text.to_owned());
    let missing = told(0, "nosuch: no repository of this host has a package of this name");
    assert_eq!(
        group.foreseen().await,
        [missing.clone(), told(2, "other: no repository has version 9; there is 1.0")]
    );
    assert!(shop.calls().iter().all(|call| call == "installed" || call.starts_with("offered")));
    assert_eq!(shop.pkg("nosuch", &[]).foreseen().await, [missing]);
    // Lists that would be fetched anew may have it.
    assert_eq!(shop.pkg("nosuch", &[("update_cache", Value::Int(60))]).foreseen().await, []);
    shop.fake.host().is_outdated = true;
    assert_eq!(group.foreseen().await, []);
}

#[tokio::test]
async fn a_downgrade_and_a_change_of_what_is_held_need_leave() {
    let shop = Shop::stocked();
    shop.fake.install("tiny", "2.0");
    let down = [("version", text("1.0")), ("allowdowngrade", YES)];
    shop.pkg("tiny", &down).repair().await;
    assert_eq!(shop.version("tiny").as_deref(), Some("1.0"));
    shop.pkg("tiny", &[("hold", YES)]).repair().await;
    assert!(shop.fake.host().installed["tiny"].held);
    shop.calls();
    shop.pkg("tiny", &[("hold", YES), ("state", text("newest"))]).repair().await;
    assert!(shop.calls().contains(&"transact tiny (held too)".to_owned()));
    assert!(shop.fake.host().installed["tiny"].held);
    shop.pkg("tiny", &[("hold", Value::Bool(false)), ("version", text("1*")), ("allow_downgrade", YES)])
        .repair()
        .await;
    let row = shop.fake.host().installed["tiny"].clone();
    assert_eq!((row.held, &*row.version), (false, "1.0"));
}

#[tokio::test]
async fn what_is_installed_is_held_in_the_same_run() {
    let shop = Shop::stocked();
    let ran = shop.pkg("tiny", &[("hold", YES)]).repair().await;
    assert_eq!(ran.shown(), ["state: absent -> installed", "hold: not held -> held"]);
    let calls: Vec<String> = shop.calls().into_iter().filter(|call| call != "installed").collect();
    assert_eq!(calls, ["offered tiny", "transact tiny", "hold tiny"]);
}

#[tokio::test]
async fn a_package_that_cannot_be_configured_fails_alone_and_says_what_the_tool_said() {
    let shop = Shop::stocked();
    shop.fake.host().failing.insert("other".into());
    let group = shop.group(&[("tiny", &[]), ("other", &[])]);
    let [(1, error)] = &group.failing_alone().await[..] else { panic!("the second fails, and nobody else") };
    assert_eq!(error.class(), Class::Transient);
    assert_eq!(
        error.to_string(),
        "other: configure is half configured, not configured (apt-get: exit status 100: dpkg failed (1))"
    );
    assert!(error.hint().unwrap().contains("it said"), "{:?}", error.hint());
    assert_eq!(shop.version("tiny").as_deref(), Some("2.0"));
    // Again: it is tried to be finished, not to be installed.
    shop.calls();
    assert!(shop.pkg("other", &[]).failure().await.contains("it is broken: half configured"));
    assert!(shop.calls().contains(&"repair".to_owned()));
    shop.pkg("other", &[("reinstall_broken", YES)]).repair().await;
    assert!(shop.calls().contains(&"transact other!".to_owned()));
}

#[tokio::test]
async fn what_was_broken_off_is_finished_first() {
    let shop = Shop::stocked();
    shop.fake.host().interrupted = true;
    shop.pkg("tiny", &[]).repair().await;
    let calls: Vec<String> = shop.calls().into_iter().filter(|call| call != "installed").collect();
    assert_eq!(calls, ["repair", "offered tiny", "transact tiny"]);
}

#[tokio::test]
async fn lists_are_fetched_when_they_are_old_or_a_new_repository_may_have_the_name() {
    let shop = Shop::stocked();
    shop.fake.host().upstream.insert("fresh".into(), vec!["1.0"]);
    assert!(shop.pkg("fresh", &[]).failure().await.contains("no repository"));
    shop.fake.host().is_outdated = true;
    shop.calls();
    shop.pkg("fresh", &[]).repair().await;
    let calls: Vec<String> = shop.calls().into_iter().filter(|call| call != "installed").collect();
    assert_eq!(calls, ["offered fresh", "refresh", "offered fresh", "transact fresh"]);
    let aged = |age| shop.fake.host().lists_age = Some(Duration::from_secs(age));
    let cached = [("update_cache", Value::Int(60))];
    aged(59);
    shop.pkg("tiny", &cached).repair().await;
    assert!(!shop.calls().contains(&"refresh".to_owned()));
    aged(61);
    shop.pkg("other", &cached).repair().await;
    assert!(shop.calls().contains(&"refresh".to_owned()));
}

#[tokio::test]
async fn a_file_with_a_package_says_which_version_is_wanted() {
    let shop = Shop::stocked();
    let path = "/x/tiny.deb";
    let source = [("source", text(path))];
    assert!(shop.pkg("tiny", &source).failure().await.contains("read /x/tiny.deb"));
    let described = |name: &str| Described { name: name.into(), version: "5.0".into(), arch: "all".into() };
    shop.fake.host().files.insert(Path::new(path).into(), described("wrong"));
    assert!(shop.pkg("tiny", &source).failure().await.contains("holds the package wrong"));
    shop.fake.host().files.insert(Path::new(path).into(), described("tiny"));
    assert_eq!(shop.pkg("tiny", &source).repair().await.shown(), ["state: absent -> 5.0"]);
    assert!(shop.calls().contains(&"transact /x/tiny.deb".to_owned()));
    let asks = capabilities(&shop.kind, "tiny", &source).asks;
    assert_eq!(&*asks[0].first_of[0].id, path);
}

#[tokio::test]
async fn a_tool_that_says_all_is_well_and_did_nothing_is_not_believed() {
    let shop = Shop::stocked();
    shop.fake.host().stubborn.insert("tiny".into());
    assert_eq!(shop.pkg("tiny", &[]).failure().await, "tiny: state is absent, not 2.0");
    assert_eq!(shop.transactions(), ["transact tiny"; 2], "and not asked for ever");
}

#[tokio::test]
async fn what_somebody_undoes_before_it_is_looked_at_is_done_again() {
    let shop = Shop::stocked();
    shop.fake.host().undone_once.insert("tiny".into());
    let group = shop.group(&[("tiny", &[]), ("other", &[])]);
    group.repair().await;
    assert_eq!(shop.transactions(), ["transact tiny other", "transact tiny"]);
}

#[tokio::test]
async fn what_goes_during_the_repair_of_another_is_looked_at_again() {
    let shop = Shop::stocked();
    let group = shop.group(&[("tiny", &[]), ("other", &[]), ("nosuch", &[])]);
    assert_eq!(group.failing_alone().await.len(), 1);
    let repair_tiny = async || {
        shop.fake.host().installed.remove("tiny");
        let mut cx = group.cx();
        cx.members = Some([0].into());
        group.try_run(cx).await.unwrap();
        shop.bench.wakes()
    };
    let wakes = repair_tiny().await;
    assert_eq!(repair_tiny().await, wakes, "what cannot be repaired is no news");
    shop.fake.host().taken.insert("other".into());
    assert_eq!(repair_tiny().await, wakes + 1);
}

#[tokio::test]
async fn only_the_members_that_a_run_is_about_are_changed() {
    let shop = Shop::stocked();
    let group = shop.group(&[("tiny", &[]), ("other", &[])]);
    let mut cx = group.cx();
    cx.members = Some([1].into());
    group.try_run(cx).await.unwrap();
    assert_eq!((shop.version("tiny"), shop.version("other").as_deref()), (None, Some("1.0")));
}

#[test]
fn those_that_are_changed_on_equal_terms_are_grouped_whatever_their_state() {
    let shop = Shop::new();
    let key = |params: &[(&'static str, Value)]| capabilities(&shop.kind, "tiny", params).group;
    let plain = key(&[]);
    assert!(plain.is_some());
    assert_eq!(plain, key(&[("state", text("uninstalled")), ("purge", YES)]));
    assert_eq!(plain, key(&[("version", text("1.0")), ("hold", YES)]));
    for other in [("recommends", YES), ("allow_downgrade", YES), ("confnew", YES), ("backend", text("apt"))] {
        assert_ne!(plain, key(std::slice::from_ref(&other)), "{other:?}");
    }
}

async fn undone(shop: &Shop, name: &str, params: &[(&'static str, Value)]) -> Params {
    let given: Params = params.iter().cloned().collect();
    let mut declaration = Declaration::new(Label::new("pkg", name), given);
    let mut meta = Meta::decode(&Params::new()).unwrap();
    meta.reverse = true;
    declaration.meta = meta.into();
    assert_eq!(shop.kind.capabilities(&declaration).group, None);
    let subject = shop.bench.subject(declaration.label.clone(), shop.kind.build(&declaration).unwrap());
    subject.resource.undo(&subject.cx()).await.unwrap().unwrap()
}

#[tokio::test]
async fn an_undo_brings_back_what_was_there() {
    let shop = Shop::stocked();
    shop.fake.install("other", "1.0");
    let params = |pairs: &[(&'static str, Value)]| pairs.iter().cloned().collect::<Params>();
    assert_eq!(undone(&shop, "tiny", &[]).await, params(&[("state", text("uninstalled"))]));
    let absent = [("state", text("uninstalled")), ("purge", YES), ("recommends", YES)];
    assert_eq!(
        undone(&shop, "other", &absent).await,
        params(&[("state", text("installed")), ("recommends", YES)])
    );
    let newest = [("state", text("newest")), ("allow_downgrade", YES), ("hold", YES)];
    assert_eq!(
        undone(&shop, "other", &newest).await,
        params(&[
            ("state", text("installed")),
            ("version", text("1.0")),
            ("allow_downgrade", YES),
            ("hold", Value::Bool(false)),
        ])
    );
}

#[tokio::test]
async fn what_goes_takes_nothing_along_and_what_comes_comes_all_the_same() {
    let shop = Shop::stocked();
    shop.fake.install("out", "1.0");
    shop.fake.host().needed_by.insert("out".into(), "needy".into());
    let group = shop.group(&[("tiny", &[]), ("out", &[("state", text("uninstalled"))])]);
    let failed = group.failing_alone().await;
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].0, 1);
    let (said, hint) = (failed[0].1.to_string(), failed[0].1.hint().unwrap());
    assert!(said.contains("take needy along") && hint.contains("state: uninstalled"), "{said} {hint}");
    assert_eq!(shop.version("tiny").as_deref(), Some("2.0"));
    assert_eq!(shop.fake.host().installed["out"].status, Status::Configured);
}

#[tokio::test]
async fn one_that_cannot_be_held_fails_alone() {
    let shop = Shop::stocked();
    shop.fake.host().cannot_hold = true;
    let group = shop.group(&[("tiny", &[("hold", YES)]), ("other", &[])]);
    let failed = group.failing_alone().await;
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].1.to_string(), "tiny: hold it: fake cannot hold packages");
    assert_eq!(shop.version("tiny").as_deref(), Some("2.0"));
}

#[tokio::test]
async fn lists_that_cannot_be_fetched_are_fetched_again_and_newer_ones_are_heard_of() {
    let shop = Shop::stocked();
    shop.fake.host().is_outdated = true;
    shop.fake.host().is_cut_off = true;
    shop.fake.host().upstream.insert("fresh".into(), vec!["1.0"]);
    let fresh = shop.pkg("fresh", &[]);
    let error = fresh.try_run(fresh.cx()).await.unwrap_err();
    assert_eq!(error.class(), Class::Transient);
    assert!(error.to_string().contains("the lists of packages cannot be fetched: apt-get update"), "{error}");
    // What apt had begun to fetch makes its lists look new.
    shop.fake.host().is_outdated = false;
    shop.fake.host().is_cut_off = false;
    let wakes = shop.bench.wakes();
    let _watch = fresh.resource.watch(&fresh.cx()).await.unwrap();
    shop.fake.host().repository.insert("another".into(), vec!["1.0"]);
    assert_eq!(shop.watch.change("/fake/lists"), 1);
    assert_eq!(shop.bench.wakes(), wakes + 1);
    fresh.repair().await;
    assert_eq!(shop.version("fresh").as_deref(), Some("1.0"));
}
