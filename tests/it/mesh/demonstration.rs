//! The demonstration of 2016: three hosts exchange files, by name alone; then by their addresses.

use std::fs;

use super::village::{Village, all_files};

const HOSTS: [&str; 3] = ["a", "b", "c"];

pub fn everybody_has_everything(village: &Village) {
    for host in HOSTS {
        for name in all_files(host, &HOSTS) {
            village.wait_for(host, &name);
        }
        assert_eq!(village.files(host), all_files(host, &HOSTS));
        for from in HOSTS {
            let text = fs::read_to_string(village.path(&format!("files-{host}/f3{from}"))).unwrap();
            assert_eq!(text, "i am f3, exported by host a\n");
        }
    }
}

#[test]
fn three_agents_find_one_another_by_name_alone() {
    let village = Village::new();
    let mut first = village.run("a", &[]);
    first.says("ready to serve");
    let mut second = village.run("b", &[]);
    second.says("the graph runs");
    let mut third = village.run("c", &["--converged-timeout=5"]);
    everybody_has_everything(&village);
    assert!(third.child.wait().unwrap().success());
    assert!(second.stop().success());
    assert!(first.stop().success());
}

#[test]
fn any_host_that_runs_will_do_as_a_seed() {
    let village = Village::new();
    let mut first = village.run("a", &["--no-join", "--listen", "127.0.0.1:0"]);
    let at = first.serves();
    // A token names the hosts that carry the store; here only what was said beside it counts.
    let token = village.token("a");
    let join = |at: &str| [format!("--seeds={at}"), format!("--join={token}")];
    let [seeds, join_b] = join(&at);
    let mut second = village.run("b", &[&seeds, &join_b, "--no-server"]);
    second.says("the graph runs");
    // It carries no store, and tells where one is.
    village.wait_for("b", "f4a");
    let asked = ["mesh", "members", "--hostname", "b"];
    let told = village.told(&asked, "who b is", |told| {
        told.as_array().is_some_and(|rows| rows.iter().any(|row| row["host"] == "b"))
    });
    let row = told.as_array().unwrap().iter().find(|row| row["host"] == "b").unwrap();
    assert_eq!((&row["alive"], &row["carries"]), (&true.into(), &"no store".into()));
    let signpost = row["addresses"][0].as_str().unwrap();
    let [seeds, join_c] = join(signpost);
    let mut third = village.run("c", &[&seeds, &join_c, "--converged-timeout=1"]);
    everybody_has_everything(&village);
    assert!(third.child.wait().unwrap().success());
}

#[test]
fn what_is_no_longer_exported_leaves_the_graphs_of_all() {
    let village = Village::new();
    let mut first = village.run("a", &[]);
    first.says("ready to serve");
    let mut second = village.run("b", &[]);
    village.wait_for("b", "f4a");
    let graph = village.path("graph3a.yaml");
    let text = fs::read_to_string(&graph).unwrap();
    let changed = text.replace("i am f3, exported by host a", "i am new");
    let f4 = changed
        .find("  - name: \"@@")
        .map(|first| first + changed[first + 5..].find("  - name: \"@@").unwrap() + 5);
    let end = changed.find("collect:").unwrap();
    let changed = format!("{}{}", &changed[..f4.unwrap()], &changed[end..]);
    fs::write(village.path("new"), changed).unwrap();
    fs::rename(village.path("new"), &graph).unwrap();
    second.says("removed=1");
    second.says("files-b/f3a\"] put right what=\"content\"");
    assert_eq!(fs::read_to_string(village.path("files-b/f3a")).unwrap(), "i am new\n");
}
