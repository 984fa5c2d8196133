//! Secrets: they reach those that they are for, and nothing else ever shows them.

use std::fs;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::files;
use super::village::Village;
use crate::control::host::{Agent, abort};

/// What must be found nowhere.
const CANARY: &str = "canary-4f1c9e7a";
const NEXT: &str = "canary-b27d03e5";

/// `mgmt secret put` with the secret on standard input.
fn put(village: &Village, name: &str, to: &str, value: &str) -> Output {
    let mut command = village.command();
    command.args(["secret", "put", name, "--to", to]).env("MGMT_HOSTNAME", "a");
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(value.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// A graph that writes the secret into a file, and hands it to a command that leaves its length.
fn graph(village: &Village, host: &str) -> PathBuf {
    let folder = village.path(&format!("files-{host}"));
    fs::create_dir_all(&folder).unwrap();
    let at = folder.display();
    let text = format!(
        "graph: secrets\nresources:\n  file:\n  - name: {at}/kept\n    content: {{secret: db/password}}\n    \
         mode: \"0600\"\n  exec:\n  - name: measure\n    shell: /bin/sh\n    cmd: printf %s \"$PASSWORD\" | wc -c > \
         {at}/length; echo \"$PASSWORD\"\n    env: {{PATH: /usr/bin:/bin, PASSWORD: {{secret: db/password}}}}\n"
    );
    let path = village.path(&format!("secrets-{host}.yaml"));
    fs::write(&path, text).unwrap();
    path
}

fn run(village: &Village, host: &str, flags: &[&str]) -> Agent {
    let mut command = village.command();
    command
        .arg("run")
        .arg(graph(village, host))
        .args(["--hostname", host])
        .args(flags)
        .env("MGMT_LOG", "trace");
    Agent::start(command)
}

/// The files under a folder in which a text stands, but for one; nobody writes there any more.
fn holding(folder: &Path, text: &str, but: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        let kind = fs::symlink_metadata(&path).unwrap().file_type();
        if kind.is_dir() {
            found.extend(holding(&path, text, but));
        } else if kind.is_file() && path != but {
            let bytes = fs::read(&path).unwrap_or_default();
            if bytes.windows(text.len()).any(|some| some == text.as_bytes()) {
                found.push(path);
            }
        }
    }
    found
}

#[test]
fn a_secret_reaches_a_file_and_a_command_and_is_found_nowhere_else() {
    let village = Village::new();
    let (report, record) = (village.path("report.json"), village.path("record"));
    let flags = [
        "--no-join",
        "--listen=127.0.0.1:0",
        &format!("--report={}", report.display()),
        &format!("--record={}", record.display()),
    ];
    let mut agent = run(&village, "a", &flags);
    agent.says("ready to serve");
    agent.says("there is no secret \"db/password\" for a");
    assert!(village.path("state/a/pki/host-recipient.key").exists());
    let done = put(&village, "db/password", "*", CANARY);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(String::from_utf8_lossy(&done.stdout), "db/password is encrypted for a\n");
    let folder = village.path("files-a");
    let kept = folder.join("kept");
    files::wait_for(&kept, "the secret", |text| text == CANARY);
    files::wait_for(&folder.join("length"), "its length", |text| text.trim() == CANARY.len().to_string());

    let mut shown = String::new();
    let graph = village.path("secrets-a.yaml");
    let graph = graph.to_str().unwrap();
    for words in [
        &["status", "--hostname", "a", "--json"][..],
        &["status", "--hostname", "a"],
        &["plan", graph],
        &["plan", "--json", graph],
        &["graph", "--format", "dot", graph],
        &["graph", "--format", "json", graph],
        &["secret", "list", "--hostname", "a"],
        &["secret", "list", "--hostname", "a", "--json"],
    ] {
        let output = village.command().args(words).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        assert!(!text.is_empty(), "{words:?}");
        shown.push_str(&String::from_utf8_lossy(&text));
    }
    assert!(shown.contains("db/password to '*': a"), "{shown}");

    // Another one is noticed, and replaces the first.
    assert!(put(&village, "db/password", "a", NEXT).status.success());
    files::wait_for(&kept, "the next one", |text| text == NEXT);
    // What was seen last is written to the disk a moment later, and at the end.
    shown.push_str(&agent.said());
    assert!(agent.stop().success());
    assert!(report.exists() && record.exists());
    for secret in [CANARY, NEXT] {
        assert!(!shown.contains(secret), "{shown}");
        let found = holding(&village.path("."), secret, &village.path("./files-a/kept"));
        assert_eq!(found, Vec::<PathBuf>::new());
    }
}

#[test]
fn an_agent_leaves_no_core_where_others_do() {
    let village = Village::new();
    let mut other = Command::new("sleep").arg("1000").current_dir(village.path(".")).spawn().unwrap();
    assert!(abort(&mut other).core_dumped());
    let mut agent = run(&village, "a", &["--no-join", "--listen=127.0.0.1:0"]);
    agent.says("ready to serve");
    assert!(put(&village, "db/password", "*", CANARY).status.success());
    files::wait_for(&village.path("files-a/kept"), "the secret", |text| text == CANARY);
    let ended = agent.abort();
    assert_eq!((ended.signal(), ended.core_dumped()), (Some(6), false));
}

#[test]
fn a_host_gets_what_is_for_it_and_goes_on_with_that_while_the_store_is_away() {
    let village = Village::new();
    let mut first = village.run("a", &["--no-join", "--listen", "127.0.0.1:0"]);
    first.says("ready to serve");
    let refused = put(&village, "db/password", "b", CANARY);
    let complaint = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(complaint.contains("there is no host b that can read secrets"), "{complaint}");
    let token = village.say(&["mesh", "invite", "--hostname", "a"]);
    let second = run(&village, "b", &["--no-join", &format!("--join={}", token.trim())]);
    village.told(&["mesh", "members", "--hostname", "a"], "that b is there", |told| {
        told.as_array().is_some_and(|rows| rows.iter().any(|row| row["host"] == "b"))
    });
    assert!(put(&village, "db/password", "a", "for another").status.success());
    assert!(put(&village, "other", "b", "another").status.success());
    let told =
        village.told(&["secret", "list", "--hostname", "a"], "both", |told| told[1]["name"] == "other");
    assert_eq!(told[0]["hosts"], serde_json::json!(["a"]));
    assert!(put(&village, "db/password", "b", CANARY).status.success());
    let kept = village.path("files-b/kept");
    files::wait_for(&kept, "the secret", |text| text == CANARY);
    let told =
        village.told(&["secret", "list", "--hostname", "a"], "both", |told| told[1]["name"] == "other");
    assert_eq!(told[0]["hosts"], serde_json::json!(["b"]), "the other has none any more");

    // What was seen is kept as it is stored. It starts without the store, and puts the file right from what it has seen.
    let seen = village.path("state/b/mesh/seen");
    files::wait_for_one_with(&seen, &["/_mgmt/secret/db%2Fpassword/b", "sealed"]);
    assert!(second.stop().success());
    assert!(first.stop().success());
    assert_eq!(holding(&village.path("state"), CANARY, Path::new("")), Vec::<PathBuf>::new());
    fs::remove_file(&kept).unwrap();
    let second = run(&village, "b", &["--no-join"]);
    files::wait_for(&kept, "the secret", |text| text == CANARY);
    assert!(second.stop().success());
}

#[test]
fn a_secret_is_removed_from_all_hosts_and_what_is_none_is_refused() {
    let village = Village::new();
    let mut first = village.run("a", &["--no-join", "--listen", "127.0.0.1:0"]);
    first.says("ready to serve");
    assert!(put(&village, "db", "a", CANARY).status.success());
    village.say(&["secret", "rm", "db", "--hostname", "a"]);
    village.told(&["secret", "list", "--hostname", "a"], "that it is gone", |told| {
        told.as_array().is_some_and(Vec::is_empty)
    });
    let again = village.command().args(["secret", "rm", "db", "--hostname", "a"]).output().unwrap();
    assert!(!again.status.success());
    let large = "x".repeat((64 << 10) + 1);
    for (value, why) in [("", "the secret is empty"), (&*large, "a secret has at most 65536 bytes")] {
        let refused = put(&village, "db", "a", value);
        let complaint = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && complaint.contains(why), "{complaint}");
    }
}

#[test]
fn a_host_that_joins_later_gets_its_secret_once_that_is_renewed() {
    let village = Village::new();
    let mut first = village.run("a", &["--no-join", "--listen", "127.0.0.1:0"]);
    first.says("ready to serve");
    assert!(put(&village, "db/password", "*", CANARY).status.success());
    let key = fs::read_to_string(village.path("state/a/pki/admin-recipient.key")).unwrap();
    assert!(key.contains("AGE-SECRET-KEY-"), "with which it is read again");
    let token = village.say(&["mesh", "invite", "--hostname", "a"]);
    let mut second = run(&village, "b", &["--no-join", &format!("--join={}", token.trim())]);
    second.says("there is no secret \"db/password\" for b");
    let list = ["secret", "list", "--hostname", "a"];
    let told = village.told(&list, "b", |told| told[0]["missing"] == serde_json::json!(["b"]));
    assert_eq!(told[0]["renewable"], true);
    let told = village.say(&list);
    assert!(told.contains("b has none, or an old one:\n  mgmt secret renew db/password"), "{told}");
    let renewed = village.say(&["secret", "renew", "--hostname", "a"]);
    assert_eq!(renewed, "db/password is encrypted for b\n");
    files::wait_for(&village.path("files-b/kept"), "the secret", |text| text == CANARY);
    assert_eq!(village.say(&["secret", "renew", "--hostname", "a"]), "there is nothing to renew\n");
    let done = village.say(&["audit", "--hostname", "a"]);
    for what in
        ["put the secret \"db/password\" for hosts called *", "renewed the secret \"db/password\" for b"]
    {
        assert!(done.contains(what), "{what}: {done}");
    }
    // A host's own keys renew nothing.
    let own = village.path("state/b/pki");
    let as_b = ["secret", "renew", "--hostname", "b", "--keys", own.to_str().unwrap()];
    let refused = village.command().args(as_b).output().unwrap();
    let complaint = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && complaint.contains("there is no key to read secrets again"),
        "{complaint}"
    );
    assert!(second.stop().success());
    assert!(first.stop().success());
    assert_eq!(holding(&village.path("state"), CANARY, Path::new("")), Vec::<PathBuf>::new());
}
