//! What runs on hosts was signed: agents of a secure mesh whose store holds what nobody signed, or what is old.

use std::fs;
use std::time::Duration;

use mgmt::cluster::etcd::pb::etcdserverpb as pb;
use mgmt::cluster::etcd::pb::etcdserverpb::request_op::Request;
use mgmt::cluster::identity::KeyFolder;
use mgmt::cluster::link::Line;
use mgmt::cluster::mesh::administrator;
use mgmt::cluster::world::{Client, keys};
use mgmt::engine::world::{Deadline, DeployId};
use serde_json::{Value, json};

use super::deploys::{all_run, deploy, graph, mesh, names, runs, save, told};
use super::village::Village;
use crate::control::pages::{address, get};

/// Somebody who may write everything, as a voter that was turned may.
struct Turned {
    runtime: tokio::runtime::Runtime,
    client: std::sync::Arc<Client>,
}

impl Turned {
    fn new(village: &Village) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let told = village.say(&["mesh", "env", "--hostname", "a"]);
        let at = told.lines().find_map(|line| line.strip_prefix("export ETCDCTL_ENDPOINTS=")).unwrap();
        let at = at.split(',').map(|at| at.parse().unwrap()).collect();
        let folder = KeyFolder::open(&village.path("state/a")).unwrap();
        let client = runtime.block_on(async { administrator::client(&folder, "m".parse().unwrap(), at) });
        Self { client: client.unwrap(), runtime }
    }

    fn ask(&self, request: Request) -> pb::TxnResponse {
        let txn = pb::TxnRequest {
            success: vec![pb::RequestOp { request: Some(request) }],
            ..pb::TxnRequest::default()
        };
        let asked =
            self.client.link().ask("write", Deadline::after(Duration::from_secs(20)), |line: Line, by| {
                let txn = txn.clone();
                async move { line.txn(txn, by).await }
            });
        self.runtime.block_on(asked).unwrap()
    }

    fn write(&self, key: &str, value: impl Into<Vec<u8>>) {
        let put =
            pb::PutRequest { key: key.to_owned().into(), value: value.into().into(), ..Default::default() };
        self.ask(Request::RequestPut(put));
    }

    fn remove(&self, key: &str) {
        let request = pb::DeleteRangeRequest { key: key.to_owned().into(), ..Default::default() };
        self.ask(Request::RequestDeleteRange(request));
    }

    fn read(&self, key: &str) -> Vec<u8> {
        let request = pb::RangeRequest { key: key.to_owned().into(), ..Default::default() };
        let answer = self.ask(Request::RequestRange(request));
        match answer.responses.into_iter().next().unwrap().response.unwrap() {
            pb::response_op::Response::ResponseRange(range) => range.kvs[0].value.to_vec(),
            other => panic!("{other:?}"),
        }
    }

    fn rollout(&self, deploy: u64, before: Option<u64>) {
        let rollout = json!({
            "deploy": deploy, "before": before, "percent": 100, "only": {}, "state": {"is": "done"}, "steps": [],
            "soak_s": 0, "gate": null,
        });
        self.write(keys::ROLLOUT, rollout.to_string());
    }

    /// Waits until a host says why it does not run what it is to run.
    fn broken(&self, host: &str, why: &str) {
        let begun = std::time::Instant::now();
        loop {
            let said: Value =
                serde_json::from_slice(&self.read(&format!("{}{host}/deploy", keys::HOSTS))).unwrap();
            if said["broken"].as_str().is_some_and(|broken| broken.contains(why)) {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{host} says {said}");
        }
    }
}

#[test]
fn what_nobody_signed_and_what_is_old_runs_nowhere_and_a_signed_rollback_does() {
    let village = Village::new();
    let _agents = mesh(&village, &["a", "b"]);
    let first = save(&village, "first.yaml", &graph("first", "true"));
    let second = save(&village, "second.yaml", &graph("second", "true"));
    assert_eq!(deploy(&village, &first, &[]), 1);
    told(&village, "that both run the first", all_run(&["a", "b"], 1));
    assert_eq!(deploy(&village, &second, &[]), 2);
    told(&village, "that both run the second", all_run(&["a", "b"], 2));
    let turned = Turned::new(&village);
    // Another number for what was signed.
    let signed = turned.read(&keys::deploy(DeployId(1)));
    turned.write(&keys::deploy(DeployId(3)), signed);
    turned.rollout(3, Some(2));
    for host in ["a", "b"] {
        turned.broken(host, "deploy 3 is refused: it was signed as deploy 1");
    }
    let listed: Value =
        serde_json::from_str(&village.say(&["deploys", "--json", "--hostname", "a"])).unwrap();
    assert!(listed["refused"]["3"].as_str().unwrap().contains("it was signed as deploy 1"), "{listed}");
    // It holds up nobody.
    let third = save(&village, "third.yaml", &graph("third", "true"));
    let deployed = village.command().arg("deploy").arg(third).args(["--hostname", "a"]).output().unwrap();
    let said = String::from_utf8_lossy(&deployed.stderr).into_owned();
    assert_eq!(String::from_utf8_lossy(&deployed.stdout), "4\n", "{said}");
    assert!(
        said.contains("warning: deploy 3 is refused: it was signed as deploy 1; it is passed over"),
        "{said}"
    );
    told(&village, "that both run the fourth", |told| {
        let row = &told["deploys"][2];
        row["id"] == 4 && names(&row["hosts"]) == ["a", "b"] && names(&row["converged"]) == ["a", "b"]
    });
    turned.remove(&keys::deploy(DeployId(3)));
    // What ran once.
    turned.rollout(1, None);
    for host in ["a", "b"] {
        turned.broken(host, "this host has gone by deploy 4 already");
    }
    assert_eq!((runs(&village, "a", "first"), runs(&village, "b", "first")), (1, 1));
    // A host's keys sign no deploy; an administrator's do.
    let own = village.path("state/b/pki");
    let as_b = ["rollback", "1", "--hostname", "b", "--keys", own.to_str().unwrap()];
    let refused = village.command().args(as_b).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("--keys DIR"), "{said}");
    assert_eq!(village.say(&["rollback", "1", "--hostname", "a"]), "5\n");
    told(&village, "that both are back", |told| {
        let row = &told["deploys"][3];
        row["id"] == 5 && names(&row["hosts"]) == ["a", "b"] && names(&row["converged"]) == ["a", "b"]
    });
    assert_eq!((runs(&village, "a", "first"), runs(&village, "b", "first")), (2, 2));
}

#[test]
fn a_forged_export_reaches_no_host_and_is_named() {
    let village = Village::new();
    let mut a = village.run("a", &["--metrics", "127.0.0.1:0"]);
    let metrics = address(&mut a, "shows metrics");
    a.says("the graph runs");
    village.wait_for("a", "f3a");
    let turned = Turned::new(&village);
    let forged = r#"{"v":1,"params":{"content":{"str":"evil"}}}"#;
    turned.write("/_mgmt/export/*/file/b/evil", forged);
    let line = a.says("an export is dropped");
    assert!(line.contains("evil") && !line.contains("content"), "{line}");
    let counted = "mgmt_mesh_dropped_exports_total 1";
    let (_, page) = get(&metrics, "/metrics");
    assert!(page.lines().any(|line| line == counted), "{page}");
    let _b = village.run("b", &[]);
    village.wait_for("a", "f3b");
    assert!(!village.files("a").contains(&"evil".to_owned()));
    let kept = fs::read_to_string(village.path("files-a/f3b")).unwrap();
    assert!(!kept.is_empty());
}
