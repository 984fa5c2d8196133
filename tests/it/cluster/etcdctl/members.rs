//! member, endpoint, move-leader.

use std::path::Path;

use super::beside::{Beside, Side};
use crate::cluster::process::{Ctl, Make, PATIENCE, Process, free_port};

#[test]
fn a_cluster_of_one_tells_of_itself_as_etcd_does() {
    let mut both = Beside::start();
    both.all_same(
        "member list
         member list -w json
         member list -w table
         member list -w fields
         member remove 1234
         member remove xyz
         member promote 1234
         member promote {member}
         member remove {member}
         member update 1234 --peer-urls=http://h:1
         member update {member} --peer-urls=http://{peer}
         member add x --peer-urls=http://127.0.0.1:9999x
         member add x --peer-urls=junk
         member add x
         member add default --peer-urls=http://{peer}
         move-leader 1234
         move-leader {member}
         alarm list
         alarm disarm
         endpoint frob",
    );
    for line in
        ["endpoint health", "endpoint health --cluster", "endpoint status", "endpoint status --cluster"]
    {
        both.each(line, |_, said| drop(said.worked()));
    }
    for endpoint in ["{client}", "http://{client}", "http://localhost:{port}", "{client},http://{client}"] {
        for line in ["endpoint status", "endpoint hashkv", "defrag", "endpoint status -w json"] {
            for ctl in [Ctl::Debian, Ctl::Etcd35] {
                let endpoint =
                    endpoint.replace("{port}", both.ours.process.client().split(':').nth(1).unwrap());
                both.ours.say(ctl, &format!("{line} --endpoints={endpoint}"), "").worked();
            }
        }
    }
}

#[test]
fn status_is_that_of_etcd() {
    let mut both = Beside::start();
    both.all_same("put foo bar\nput foo baz\nput zed x\ndel zed\ncompaction 3");
    let mut statuses = Vec::new();
    both.each("endpoint status -w json", |side, said| {
        let said: serde_json::Value = serde_json::from_str(&side.spelt(&said.worked())).unwrap();
        let status = &said[0]["Status"];
        assert!(status["dbSize"].as_u64().unwrap() > 0 && status["raftIndex"].as_u64().unwrap() >= 5);
        assert_eq!(status["leader"], status["header"]["member_id"]);
        statuses.push((
            status["version"].clone(),
            status["raftTerm"].clone(),
            status["header"]["revision"].clone(),
        ));
    });
    // etcd's may be another of the series.
    assert_eq!(statuses[0].1, statuses[1].1);
    assert_eq!(statuses[0].2, statuses[1].2);
    // The digests themselves are not etcd's: they tell members of one cluster apart.
    both.each("endpoint hashkv -w json --rev=5", |_, said| drop(said.worked()));
}

/// Adds a member of the name, starts it, and waits until it serves.
fn grow(side: &Side, make: Make, dir: &Path, name: &str, before: &str, learner: bool) -> Process {
    let (client, peer) = (free_port(), free_port());
    let url = format!("http://127.0.0.1:{peer}");
    let option = if learner { " --learner" } else { "" };
    // Not before the others have been connected for some seconds.
    let line = format!("member add {name} --peer-urls={url}{option}");
    let said = eventually(side, &line, |said| said.contains(" added to cluster "));
    let cluster = said.lines().find_map(|line| line.strip_prefix("ETCD_INITIAL_CLUSTER=")).unwrap();
    let mut told: Vec<String> = cluster.trim_matches('"').split(',').map(str::to_owned).collect();
    let mut known: Vec<String> = format!("{before},{name}={url}").split(',').map(str::to_owned).collect();
    told.sort();
    known.sort();
    assert_eq!(told, known);
    let initial = format!("--initial-cluster={}", known.join(","));
    Process::member_at(make, dir, name, &[&initial, "--initial-cluster-state=existing"], client, peer)
}

fn grow_and_shrink(side: &Side, make: Make, dir: &Path) {
    let say = |line: &str| side.say(Ctl::Debian, line, "");
    say("put before growing").worked();
    let first = format!("default=http://{}", side.process.peer());
    let second = grow(side, make, dir, "second", &first, false);
    let list = eventually(side, "member list", |said| said.matches(", started, ").count() == 2);
    let second_id =
        list.lines().find(|line| line.contains("second")).unwrap().split(',').next().unwrap().to_owned();
    assert_eq!(second.say("get before").worked(), "before\ngrowing\n");
    second.say("put by second").worked();
    assert_eq!(say("get by").worked(), "by\nsecond\n");

    // Everything that goes to all members.
    let hashes = eventually(side, "endpoint hashkv --cluster", |said| {
        let mut hashes = said.lines().map(|line| line.rsplit(", ").next().unwrap());
        let first = hashes.next();
        hashes.all(|hash| Some(hash) == first)
    });
    assert_eq!(hashes.lines().count(), 2);
    for line in ["endpoint status --cluster", "endpoint health --cluster", "defrag --cluster"] {
        assert_eq!(say(line).worked().lines().count(), if line.contains("health") { 0 } else { 2 }, "{line}");
    }
    eventually(side, &format!("move-leader {second_id}"), |said| {
        said.starts_with("Leadership transferred from ")
    });
    assert!(say(&format!("move-leader {second_id}")).failed().contains("no leader endpoint given at"));
    let back = side.spelt("{member}");
    second.say(&format!("move-leader {back}")).worked();

    // One that listens, and gets a vote.
    let known = format!("{first},second=http://{}", second.peer());
    let third = grow(side, make, dir, "third", &known, true);
    let list = eventually(side, "member list", |said| said.matches(", started, ").count() == 3);
    let third_line = list.lines().find(|line| line.contains("third")).unwrap();
    assert!(third_line.ends_with(", true"), "{third_line}");
    let third_id = third_line.split(',').next().unwrap().to_owned();
    let refused = third.say("get before").failed();
    assert!(refused.contains("etcdserver: rpc not supported for learner"), "{refused}");
    assert_eq!(third.say("get before --consistency=s").worked(), "before\ngrowing\n");
    eventually(side, &format!("member promote {third_id}"), |said| said.contains("promoted in cluster"));
    assert_eq!(third.say("get by").worked(), "by\nsecond\n");
    let again = say(&format!("member promote {third_id}")).failed();
    assert!(again.contains("etcdserver: can only promote a learner member"), "{again}");

    let url = format!("http://localhost:{}", third.peer().split(':').nth(1).unwrap());
    say(&format!("member update {third_id} --peer-urls={url}")).worked();
    assert!(say("member list").worked().contains(&url));
    for id in [third_id, second_id] {
        eventually(side, &format!("member remove {id}"), |said| said.contains(" removed from cluster "));
    }
    assert_eq!(say("member list").worked().lines().count(), 1);
    say("put after shrinking").worked();
}

/// What a command says once it says the right thing.
fn eventually(side: &Side, line: &str, right: impl Fn(&str) -> bool) -> String {
    let begun = std::time::Instant::now();
    loop {
        let said = side.say(Ctl::Debian, line, "");
        if said.code == Some(0) && right(&said.out) {
            return side.spelt(&said.out);
        }
        assert!(begun.elapsed() < PATIENCE, "{line}: {said:?}");
    }
}

#[test]
fn members_are_added_promoted_updated_and_removed() {
    let dir = tempfile::tempdir().unwrap();
    let side = Side::start(Make::Ours, &dir, &[]);
    grow_and_shrink(&side, Make::Ours, dir.path());
}

#[test]
fn the_walk_through_members_is_what_etcd_does() {
    let dir = tempfile::tempdir().unwrap();
    let side = Side::start(Make::Etcd, &dir, &[]);
    grow_and_shrink(&side, Make::Etcd, dir.path());
}
