//! More waits for the store than may.

use std::fs;

use super::files;
use super::village::Village;
use crate::cluster::process::{Make, Process};
use crate::control::host::Agent;

#[test]
fn what_may_not_wait_any_more_fails_for_now_and_all_is_written_when_the_store_is_back() {
    let village = Village::new();
    let mut etcd = Process::start(Make::Etcd, &village.path("etcd"), &[]);
    etcd.kill();
    // 64 MiB may wait: 50 exports of this size, and not 60.
    let hosts: Vec<String> = (0..60).map(|number| format!("h{number}")).collect();
    let graph = village.path("large.yaml");
    let (large, own) = (village.path("large"), village.path("own"));
    let text = format!(
        "graph: g\nresources:\n  file:\n  - name: {}\n    content: x\n  - name: {}\n    content: \"{}\"\n    \
         meta: {{export: [{}], retry: -1, delay: 2000}}\n",
        own.display(),
        large.display(),
        "x".repeat(1_300_000),
        hosts.join(", ")
    );
    fs::write(&graph, text).unwrap();
    let mut command = village.command();
    command.arg("run").arg(&graph).args(["--hostname", "a"]).arg(format!("--seeds=etcd://{}", etcd.client()));
    let mut agent = Agent::start(command);
    let cause = agent.says("writes wait for the store already");
    assert!(cause.contains("cannot export: 51 writes"), "{cause}");
    let asked = ["status", "--hostname", "a"];
    let told = village.told(&asked, "that it is tried again", |told| told["rows"][0]["state"] == "retrying");
    let hint = told["rows"][0]["hint"].as_str().unwrap();
    assert!(hint.starts_with("it is written when the store is back"), "{told:#}");
    assert_eq!((&told["counts"]["ok"], &told["mesh"]["waiting"]), (&1.into(), &51.into()), "{told:#}");
    fs::write(&own, "by somebody").unwrap();
    files::wait_for(&own, "its text", |found| found == "x");

    etcd.start_again();
    village.told(&asked, "that nothing waits", |told| {
        told["settled"] == true && told["counts"]["ok"] == 2 && told["mesh"]["waiting"] == 0
    });
    let keys = etcd.say("get --prefix --keys-only /_mgmt/export/").worked();
    assert_eq!(keys.lines().filter(|key| !key.is_empty()).count(), 60, "{keys}");
}
