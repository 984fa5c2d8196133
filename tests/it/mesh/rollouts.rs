//! Deploys on their way from stage to stage.

use std::fs;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use mgmt::engine::world::{DeployId, HostName, rollout};
use serde_json::Value;

use super::deploys::{all_run, deploy, graph, mesh, names, runs, save, told};
use super::relay::Relay;
use super::village::Village;
use crate::cluster::process::free_port;
use crate::control::host::Agent;

/// In which percent of all hosts one is.
fn share(deploy: u64, host: &str) -> u8 {
    rollout::share(DeployId(deploy), &host.parse::<HostName>().unwrap())
}

/// A graph that leaves a mark, and is not applied before its pipe has been written to.
fn waiting(village: &Village, mark: &str) -> (String, PathBuf) {
    let pipe = village.path(&format!("pipe-{mark}"));
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
    (graph(mark, &format!("cat {}", pipe.display())), pipe)
}

fn is(told: &Value, state: &str) -> bool {
    told["rollout"]["state"]["is"] == state
}

#[test]
fn a_rollout_that_is_paused_goes_on_when_it_is_resumed_and_is_taken_back_when_it_is_aborted() {
    let village = Village::new();
    let hosts = ["a", "b", "c"];
    let _agents = mesh(&village, &hosts);
    assert_eq!(hosts.map(|host| share(2, host) < 50), [false, true, false]);
    let first = save(&village, "first.yaml", &graph("first", "true"));
    assert_eq!(deploy(&village, &first, &[]), 1);
    told(&village, "that all run the first", all_run(&hosts, 1));

    let (text, pipe) = waiting(&village, "second");
    let second = save(&village, "second.yaml", &text);
    assert_eq!(deploy(&village, &second, &["--stage", "50%,100%", "--soak", "0s"]), 2);
    village.wait_for("b", "second");
    village.say(&["deploy", "pause", "--hostname", "a"]);
    fs::write(&pipe, "").unwrap();
    let seen = told(&village, "that b has it", all_run(&["b"], 2));
    assert!(is(&seen, "paused") && seen["rollout"]["percent"] == 50, "{seen:#}");
    village.say(&["deploy", "resume", "--hostname", "c"]);
    village.wait_for("a", "second");
    village.wait_for("c", "second");
    // Each opens the pipe for itself.
    let all_have_it = all_run(&hosts, 2);
    told(&village, "that it has gone out", |told| {
        drop(fs::File::options().write(true).custom_flags(nonblock()).open(&pipe));
        is(told, "done") && all_have_it(told)
    });

    let third = save(&village, "third.yaml", &graph("third", "true"));
    let shares = hosts.map(|host| share(3, host));
    // Just so many that one is in it.
    let stage = format!("{}%,100%", shares.iter().min().unwrap() + 1);
    assert_eq!(deploy(&village, &third, &["--stage", &stage, "--soak", "1h"]), 3);
    let of_stage: Vec<&str> =
        hosts.into_iter().filter(|host| Some(&share(3, host)) == shares.iter().min()).collect();
    assert_eq!(of_stage.len(), 1);
    told(&village, "that the stage runs it", all_run(&of_stage, 3));
    village.say(&["deploy", "abort", "--hostname", "b"]);
    let all_are_back = |told: &Value| is(told, "aborted") && names(&told["deploys"][1]["hosts"]) == hosts;
    told(&village, "that it is taken back", all_are_back);
    for host in hosts.into_iter().filter(|host| !of_stage.contains(host)) {
        assert_eq!((runs(&village, host, "third"), runs(&village, host, "second")), (0, 1), "{host}");
    }
}

fn nonblock() -> i32 {
    rustix::fs::OFlags::NONBLOCK.bits().cast_signed()
}

#[test]
fn of_ten_hosts_only_the_first_tenth_ever_runs_a_deploy_that_fails_there() {
    let village = Village::new();
    let other: Vec<String> = (0..).map(|number| format!("n{number}")).take(99).collect();
    let of_stage = other.iter().find(|host| share(2, host) < 10).unwrap();
    let rest = other.iter().filter(|host| share(2, host) >= 10).take(8);
    let mut hosts: Vec<&str> =
        ["a"].into_iter().chain([&**of_stage]).chain(rest.map(|host| &**host)).collect();
    assert!(share(2, "a") >= 10);
    let _agents = mesh(&village, &hosts);
    hosts.sort_unstable();
    let first = save(&village, "first.yaml", &graph("first", "true"));
    assert_eq!(deploy(&village, &first, &[]), 1);
    told(&village, "that all run the first", all_run(&hosts, 1));
    let second = save(&village, "second.yaml", &graph("second", "false"));
    assert_eq!(deploy(&village, &second, &["--stage", "10%,50%,100%", "--soak", "1h"]), 2);
    let all_are_back = all_run(&hosts, 1);
    let seen = told(&village, "that all are back", |told| is(told, "aborted") && all_are_back(told));
    let why = seen["rollout"]["state"]["why"].as_str().unwrap();
    assert!(why.contains("does not hold at 10 %"), "{why}");
    for host in &hosts {
        let ran = (runs(&village, host, "first"), runs(&village, host, "second"));
        assert_eq!(ran, if *host == of_stage { (2, 1) } else { (1, 0) }, "{host}");
        assert_eq!(village.path(&format!("state/{host}/deploy/2")).exists(), *host == of_stage, "{host}");
    }
}

#[test]
fn a_rollout_goes_on_under_the_next_leader() {
    let village = Village::new();
    let hosts = ["a", "b", "c"];
    let mut agents: Vec<Agent> = Vec::new();
    for host in hosts {
        // Ports of their own: agents of other tests would take those of the dead.
        let mut agent = village.follow(host, &[&format!("--listen=127.0.0.1:{}", free_port())]);
        if agents.is_empty() {
            agent.says("ready to serve");
            told(&village, "that the mesh is there", |told| told.is_object());
        }
        agents.push(agent);
    }
    agents[0].says("for 3 votes in place of 1");
    let first = save(&village, "first.yaml", &graph("first", "true"));
    assert_eq!(deploy(&village, &first, &[]), 1);
    told(&village, "that all run the first", all_run(&hosts, 1));
    // Only b is in the first stage, and a leads.
    let (text, pipe) = waiting(&village, "second");
    let second = save(&village, "second.yaml", &text);
    assert_eq!(deploy(&village, &second, &["--stage", "50%,100%", "--soak", "0s"]), 2);
    village.wait_for("b", "second");
    agents[0].kill();
    fs::write(&pipe, "").unwrap();
    village.wait_for("c", "second");
    fs::write(&pipe, "").unwrap();
    let both_run_it = all_run(&["b", "c"], 2);
    village.told(&["deploys", "--hostname", "c"], "that it has gone out", |told| {
        is(told, "done") && both_run_it(told)
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deploy_that_another_one_overtook_is_refused_unless_it_is_forced() {
    let village = Village::insecure();
    let mut agent = village.follow("a", &[]);
    let at = agent.serves();
    told(&village, "that the mesh is there", |told| told.is_object());
    let mut client = etcd_client::Client::connect([&at], None).await.unwrap();
    save(&village, "slow/main.yaml", &graph("slow", "true"));
    let quick = save(&village, "quick.yaml", &graph("quick", "true"));
    for (force, newest) in [(false, 1), (true, 3)] {
        let content: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..)).take(4 << 20).collect();
        fs::write(village.path("slow/large"), content).unwrap();
        let options = etcd_client::WatchOptions::new().with_prefix();
        let mut uploads = client.watch("/_mgmt/upload/", Some(options)).await.unwrap();
        let relay = Relay::start(at.trim_start_matches("http://").to_owned(), 1 << 20).await;
        let mut command = village.command();
        command
            .arg("deploy")
            .arg(village.path("slow"))
            .args(["--timeout=60", &format!("--seeds=http://{}", relay.at)])
            .args(force.then_some("--force"));
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        let slow = command.spawn().unwrap();
        while uploads.message().await.unwrap().unwrap().events().is_empty() {}
        let number = tokio::task::block_in_place(|| deploy(&village, &quick, &[]));
        assert_eq!(number, if force { 2 } else { 1 });
        relay.open();
        let ended = tokio::task::block_in_place(|| slow.wait_with_output()).unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.success(), force, "{said}");
        if !force {
            assert!(said.contains("deploy") && said.contains("--force"), "{said}");
        }
        told(&village, "which is the newest", all_run(&["a"], newest));
    }
}
