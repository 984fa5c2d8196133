//! Members killed at each failpoint: what was acknowledged is there afterwards, on each of them. `make failpoints` runs it.

use std::collections::BTreeMap;

use etcd_client::{Client, CompactionOptions, GetOptions, MemberAddOptions, WatchOptions};

use super::process::free_port;
use super::processes::{Cluster, Process};
use super::raw::http;

/// More writes than leaders keep for members that are behind.
const MANY: usize = 5_500;

/// Where a failpoint is passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Leader,
    Follower,
    /// A member that is sent a snapshot.
    Late,
}

fn place(name: &str) -> At {
    match name {
        "raftBeforeFollowerSend" => At::Follower,
        "raftBeforeSaveSnap"
        | "raftAfterSaveSnap"
        | "raftBeforeApplySnap"
        | "raftAfterApplySnap"
        | "applyBeforeOpenSnapshot" => At::Late,
        _ => At::Leader,
    }
}

/// Asks the door of a process: what it answers.
async fn ask(port: u16, method: &str, path: &str, body: &str) -> String {
    let answer = http(([127, 0, 0, 1], port).into(), method, path, body).await;
    answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default()
}

/// What was acknowledged, and by whom nothing is promised: it may be there or not.
#[derive(Default)]
struct Written {
    acknowledged: BTreeMap<String, String>,
    number: usize,
}

impl Written {
    /// Writes once, and notes whether that was acknowledged.
    async fn write(&mut self, client: &mut Client) -> bool {
        self.number += 1;
        let (key, value) = (format!("k{}", self.number), format!("v{}", self.number));
        let done = client.put(key.clone(), value.clone(), None).await.is_ok();
        if done {
            self.acknowledged.insert(key, value);
        }
        done
    }

    /// All that was acknowledged is at this member, which is asked alone.
    async fn is_at(&self, process: &Process, name: &str) {
        let mut client = process.client().await;
        // So it has caught up.
        while client.get("k", None).await.is_err() {}
        let options = GetOptions::new().with_prefix().with_serializable();
        let found = client.get("k", Some(options)).await.unwrap();
        let found: BTreeMap<_, _> =
            found.kvs().iter().map(|kv| (kv.key_str().unwrap(), kv.value_str().unwrap())).collect();
        for (key, value) in &self.acknowledged {
            assert_eq!(found.get(&**key), Some(&&**value), "{name}: {key} was acknowledged, and is lost");
        }
    }
}

/// Has the member that leads.
async fn leader(processes: &[Process]) -> usize {
    loop {
        for (number, process) in processes.iter().enumerate() {
            let status = process.client().await.status().await.unwrap();
            if status.leader() == status.header().unwrap().member_id() {
                return number;
            }
        }
    }
}

/// Makes all that is passed happen, until the process is gone.
async fn provoke(written: &mut Written, client: &mut Client, other: &mut Client, changes_members: bool) {
    let watching = client.watch("k", Some(WatchOptions::new().with_prefix())).await;
    loop {
        let asked = written.write(client).await;
        written.write(other).await;
        let newest = client.get("k", None).await.ok().map(|answer| answer.header().unwrap().revision());
        if let Some(newest) = newest {
            let _ = client.compact(newest - 1, Some(CompactionOptions::new().with_physical())).await;
        }
        if changes_members
            && let Ok(added) = client
                .member_add(["http://127.0.0.1:1"], Some(MemberAddOptions::new().with_is_learner()))
                .await
        {
            let _ = client.member_remove(added.member().unwrap().id()).await;
        }
        if !asked && newest.is_none() && client.status().await.is_err() {
            break;
        }
    }
    drop(watching);
}

async fn kill_at(name: &str) {
    println!("{name}");
    let cluster = Cluster::of(3, &["--snapshot-count=500"]);
    let ports = [free_port(), free_port(), free_port()];
    let doors: Vec<String> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
    let mut processes: Vec<Process> = cluster
        .members
        .iter()
        .zip(&doors)
        .map(|(member, door)| member.start(&[("GOFAIL_HTTP", door)]))
        .collect();
    for process in &processes {
        process.ready().await;
    }
    let leads = leader(&processes).await;
    let at = place(name);
    let victim = if at == At::Leader { leads } else { (leads + 1) % 3 };
    let bystander = (leads + 2) % 3;
    let mut written = Written::default();
    let mut other = processes[bystander].client().await;
    while !written.write(&mut other).await {}
    if at == At::Late {
        // Killed, left behind, and started with the failpoint set.
        processes.remove(victim).kill().await;
        let (mut clients, mut left) = (Vec::new(), MANY);
        for _ in 0..20 {
            clients.push(other.clone());
        }
        while left > 0 {
            let puts = clients.iter_mut().map(|client| client.put("many", "1", None));
            left = left.saturating_sub(futures_util::future::join_all(puts).await.len());
        }
        let terms = format!("{name}=panic");
        let mut late = cluster.members[victim].start(&[("GOFAIL_FAILPOINTS", &terms)]);
        late.ended().await;
        late.says("as it was asked to").await;
        processes.insert(victim, late);
    } else {
        assert_eq!(ask(ports[victim], "PUT", &format!("/{name}"), "2*off->panic").await, "");
        assert!(ask(ports[victim], "GET", "/", "").await.contains(&format!("{name}=2*off->panic\n")));
        let mut client = processes[victim].client().await;
        provoke(&mut written, &mut client, &mut other, name == "beforeApplyOneConfChange").await;
        processes[victim].ended().await;
        processes[victim].says("as it was asked to").await;
    }
    processes[victim] = cluster.members[victim].start(&[]);
    processes[victim].ready().await;
    while !written.write(&mut other).await {}
    for process in &processes {
        written.is_at(process, name).await;
    }
}

#[tokio::test]
async fn what_was_acknowledged_outlives_a_death_at_any_failpoint() {
    let port = free_port();
    let cluster = Cluster::of(1, &[]);
    let lone = cluster.members[0].start(&[("GOFAIL_HTTP", &format!("127.0.0.1:{port}"))]);
    lone.ready().await;
    let listed = ask(port, "GET", "/", "").await;
    let names: Vec<&str> = listed.lines().filter_map(|line| line.strip_suffix('=')).collect();
    assert!(names.len() > 15, "{listed}");
    for name in names {
        kill_at(name).await;
    }
}
