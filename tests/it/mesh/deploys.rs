//! Graphs for all hosts, from `mgmt deploy` to the hosts that run it.
//!
//! Each agent runs in a directory of its own, and each deploy leaves a mark there.

use std::fs;
use std::path::{Path, PathBuf};

use mgmt::engine::world::{ContentHash, DeployId, HostName, rollout};
use serde_json::Value;

use super::village::Village;
use crate::control::host::Agent;

/// A graph that appends a line to `mark` whenever it begins to run, and then succeeds or fails.
pub fn graph(mark: &str, end: &str) -> String {
    format!(
        "graph: g\nresources:\n  exec:\n  - name: mark\n    shell: /bin/sh\n    cmd: echo ran >> {mark}; {end}\n"
    )
}

pub fn save(village: &Village, name: &str, text: &str) -> PathBuf {
    let path = village.path(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    path
}

/// `mgmt deploy`; the number that it prints.
pub fn deploy(village: &Village, path: &Path, flags: &[&str]) -> u64 {
    let mut words = vec!["deploy", path.to_str().unwrap(), "--hostname", "a"];
    words.extend(flags);
    village.say(&words).trim().parse().unwrap()
}

/// Waits until `mgmt deploys` tells something.
pub fn told(village: &Village, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    village.told(&["deploys", "--hostname", "a"], what, is_so)
}

pub fn mesh(village: &Village, hosts: &[&str]) -> Vec<Agent> {
    let mut agents: Vec<Agent> = Vec::new();
    for host in hosts {
        let mut agent = village.follow(host, &[]);
        if agents.is_empty() {
            agent.says("ready to serve");
            told(village, "that the mesh is there", |told| told.is_object());
        }
        agents.push(agent);
    }
    agents
}

pub fn names(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().map(|name| name.as_str().unwrap()).collect()
}

pub fn all_run<'v>(hosts: &'v [&'v str], id: usize) -> impl Fn(&Value) -> bool + 'v {
    move |told| {
        let row = &told["deploys"][id - 1];
        names(&row["hosts"]) == hosts && names(&row["converged"]) == hosts
    }
}

/// How often a host has begun to run a deploy with this mark.
pub fn runs(village: &Village, host: &str, mark: &str) -> usize {
    let text = fs::read_to_string(village.path(&format!("files-{host}/{mark}")));
    text.unwrap_or_default().lines().count()
}

#[test]
fn a_deploy_reaches_every_host_and_so_do_the_next_one_and_the_way_back() {
    let village = Village::new();
    let _agents = mesh(&village, &["a", "b"]);
    let folder = village.path("site");
    save(&village, "site/main.yaml", &graph("first", "true"));
    save(&village, "site/files/large", &"x".repeat(1_500_000));
    assert_eq!(deploy(&village, &folder, &["--message", "hello"]), 1);
    let seen = told(&village, "that both run the first", all_run(&["a", "b"], 1));
    assert_eq!(seen["deploys"][0]["message"], "hello");
    assert_eq!((runs(&village, "a", "first"), runs(&village, "b", "first")), (1, 1));
    let large = village.path("state/b/deploy/1/files/large");
    assert_eq!(fs::metadata(large).unwrap().len(), 1_500_000);

    let second = save(&village, "second.yaml", &graph("second", "true"));
    assert_eq!(deploy(&village, &second, &[]), 2);
    let seen = told(&village, "that both run the second", all_run(&["a", "b"], 2));
    assert_eq!(names(&seen["deploys"][0]["hosts"]), Vec::<&str>::new());

    assert_eq!(village.say(&["rollback", "1", "--hostname", "b"]), "3\n");
    let seen = told(&village, "that both are back", all_run(&["a", "b"], 3));
    assert_eq!(seen["deploys"][2]["message"], "rollback to deploy 1");
    assert_eq!(seen["deploys"][2]["files"], seen["deploys"][0]["files"]);
    assert_eq!((runs(&village, "a", "first"), runs(&village, "b", "first")), (2, 2));
    // The two newest good ones are kept.
    let kept = |id: &str| village.path("state/b/deploy").join(id).exists();
    assert_eq!(["1", "2", "3"].map(kept), [false, true, true]);
    let text = village.say(&["deploys", "--hostname", "a"]);
    assert!(text.starts_with("deploy 3 is for all hosts\n   3  2 hosts, 2 converged"), "{text}");
}

#[test]
fn a_graph_that_is_wrong_is_not_deployed() {
    let village = Village::new();
    let _agents = mesh(&village, &["a"]);
    let wrong = save(&village, "wrong.yaml", "graph: g\nresources:\n  exce: []\n");
    let refused = village.command().arg("deploy").arg(wrong).args(["--hostname", "a"]).output().unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("wrong.yaml; nothing was deployed"), "{said}");
    assert_eq!(village.say(&["deploys", "--hostname", "a"]), "nothing was deployed yet\n");
}

#[tokio::test]
async fn a_deploy_with_corrupt_content_is_named_and_the_one_before_runs_on() {
    let village = Village::insecure();
    let mut agent = village.follow("a", &[]);
    let at = agent.serves();
    told(&village, "that the mesh is there", |told| told.is_object());
    let first = save(&village, "first.yaml", &graph("first", "true"));
    assert_eq!(deploy(&village, &first, &[]), 1);
    told(&village, "that it runs the first", all_run(&["a"], 1));

    let text = graph("second", "true");
    let key = format!("/_mgmt/blob/{}", ContentHash::of(text.as_bytes()));
    let mut client = etcd_client::Client::connect([at], None).await.unwrap();
    client.put(key.as_str(), text.replace("second", "evil"), None).await.unwrap();
    let second = save(&village, "second.yaml", &text);
    assert_eq!(deploy(&village, &second, &[]), 2);
    let line = agent.says("the deploy cannot be run; the last good one runs on");
    assert!(line.contains("second.yaml") && line.contains(&key), "{line}");
    assert!(line.contains("its content has another hash"), "{line}");
    let is_broken = |told: &Value| told["deploys"][1]["broken"]["a"].is_string();
    let seen = told(&village, "that it is broken", is_broken);
    assert_eq!(names(&seen["deploys"][0]["hosts"]), ["a"], "the first runs on");
    assert_eq!((runs(&village, "a", "second"), runs(&village, "a", "evil")), (0, 0));

    // What is well again is run by its next deploy.
    client.put(key.as_str(), text, None).await.unwrap();
    assert_eq!(deploy(&village, &second, &[]), 3);
    told(&village, "that it runs the third", all_run(&["a"], 3));
}

#[test]
fn a_stage_that_fails_takes_the_deploy_back_and_no_other_host_ever_runs_it() {
    let village = Village::new();
    let hosts = ["a", "b", "c"];
    let is_in_stage = |host: &&str| rollout::share(DeployId(2), &host.parse::<HostName>().unwrap()) < 50;
    assert_eq!(hosts.iter().filter(|host| is_in_stage(host)).collect::<Vec<_>>(), [&"b"]);
    let _agents = mesh(&village, &hosts);
    let first = save(&village, "first.yaml", &graph("first", "true"));
    assert_eq!(deploy(&village, &first, &[]), 1);
    told(&village, "that all run the first", all_run(&hosts, 1));

    let staged = ["--stage", "50%,100%", "--soak", "1s", "--gate", "failed == 0"];
    let second = save(&village, "second.yaml", &graph("second", "false"));
    assert_eq!(deploy(&village, &second, &staged), 2);
    let all_are_back = all_run(&hosts, 1);
    let seen = told(&village, "that all are back", |told| {
        told["rollout"]["state"]["is"] == "aborted" && all_are_back(told)
    });
    let why = seen["rollout"]["state"]["why"].as_str().unwrap();
    assert!(why.contains("\"failed == 0\" does not hold at 50 %"), "{why}");
    assert_eq!((runs(&village, "b", "second"), runs(&village, "b", "first")), (1, 2));
    for other in ["a", "c"] {
        assert_eq!((runs(&village, other, "second"), runs(&village, other, "first")), (0, 1));
        assert!(!village.path(&format!("state/{other}/deploy/2")).exists(), "it was not even fetched");
    }

    let third = save(&village, "third.yaml", &graph("third", "true"));
    assert_eq!(deploy(&village, &third, &["--stage", "50%,100%", "--soak", "0s"]), 3);
    let all_go_on = all_run(&hosts, 3);
    told(&village, "that all run the third", |told| {
        told["rollout"]["state"]["is"] == "done" && all_go_on(told)
    });
}

#[test]
fn an_agent_that_starts_without_the_store_runs_its_last_deploy() {
    let village = Village::new();
    let mut agents = vec![village.follow("a", &[])];
    agents[0].says("ready to serve");
    told(&village, "that the mesh is there", |told| told.is_object());
    agents.push(village.follow("b", &["--no-server"]));
    let first = save(&village, "first.yaml", &graph("first", "true"));
    assert_eq!(deploy(&village, &first, &[]), 1);
    told(&village, "that both run it", all_run(&["a", "b"], 1));
    assert!(agents.pop().unwrap().stop().success());
    agents[0].signal(rustix::process::Signal::KILL);
    agents[0].child.wait().unwrap();
    let mut again = village.follow("b", &["--no-server"]);
    again.says("runs the deploy deploy=1");
    again.says("\"mark\"] put right");
    assert_eq!(runs(&village, "b", "first"), 2);
}

#[test]
fn a_deploy_for_some_hosts_leaves_the_others_as_they_are() {
    let village = Village::new();
    let mut agents = mesh(&village, &["a"]);
    agents.push(village.follow("b", &["--label", "role=web"]));
    let first = save(&village, "first.yaml", &graph("first", "true"));
    assert_eq!(deploy(&village, &first, &[]), 1);
    told(&village, "that both run the first", all_run(&["a", "b"], 1));
    for id in [2, 3] {
        let name = format!("web{id}.yaml");
        let web = save(&village, &name, &graph(&name, "true"));
        assert_eq!(deploy(&village, &web, &["--only", "role=web"]), id);
        let web_runs_it = all_run(&["b"], id as usize);
        let seen = told(&village, "that the web runs it", web_runs_it);
        assert_eq!(names(&seen["deploys"][0]["hosts"]), ["a"]);
    }
    village.say(&["deploy", "abort", "--hostname", "a"]);
    told(&village, "that the web is back", all_run(&["b"], 2));
}

#[test]
fn a_host_that_runs_a_graph_of_its_own_says_nothing_of_deploys_any_more() {
    let village = Village::new();
    let mut agents = mesh(&village, &["a", "b"]);
    let site = save(&village, "site.yaml", &graph("first", "true"));
    let id = deploy(&village, &site, &[]);
    told(&village, "that both run it", all_run(&["a", "b"], 1));
    assert!(agents.pop().unwrap().stop().success());
    let mut own = village.run("b", &[]);
    own.says("the graph runs");
    let told = told(&village, "that only one runs it", all_run(&["a"], 1));
    assert_eq!(told["rollout"]["deploy"], id);
}
