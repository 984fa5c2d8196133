//! Who is out, who decides, and who may write what: agents that find one another, and an administrator's commands.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use tempfile::TempDir;

use super::process::PATIENCE;
use crate::control::host::{Agent, mgmt};

/// A user whose agents find one another by the control socket, and speak over TLS.
pub(super) struct Mesh {
    scratch: TempDir,
}

impl Mesh {
    pub(super) fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        for folder in ["run", "state"] {
            fs::create_dir(scratch.path().join(folder)).unwrap();
        }
        Self { scratch }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    fn command(&self) -> Command {
        let mut command = mgmt();
        command.env("RUNTIME_DIRECTORY", self.path("run")).env("STATE_DIRECTORY", self.path("state"));
        command
    }

    /// A host that exports a file `from-<its name>`, and collects all.
    pub(super) fn start(&self, host: &str, flags: &[&str]) -> Agent {
        let folder = self.path(&format!("files-{host}"));
        fs::create_dir_all(&folder).unwrap();
        let folder = folder.display();
        let graph = format!(
            "graph: of-{host}\nresources:\n  file:\n  - name: \"@@{folder}/from-{host}\"\n    content: {host}\n\
             collect:\n- kind: file\n  pattern: {folder}/\n"
        );
        let path = self.path(&format!("{host}.yaml"));
        fs::write(&path, graph).unwrap();
        let mut command = self.command();
        command.args(["run", "--hostname", host]).args(flags).arg(path);
        Agent::start(command)
    }

    fn ask(&self, words: &[&str]) -> Output {
        self.command().args(words).output().unwrap()
    }

    /// What a command prints; it must work.
    pub(super) fn say(&self, words: &[&str]) -> String {
        let output = self.ask(words);
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// What a command complains of; it must not work.
    fn complaint(&self, words: &[&str]) -> String {
        let output = self.ask(words);
        assert!(!output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8(output.stderr).unwrap()
    }

    /// etcdctl with what lies in a host's folder.
    pub(super) fn etcdctl(&self, host: &str, endpoint: &str, words: &[&str]) -> Command {
        let pki = self.path(&format!("state/{host}/pki"));
        let mut command = Command::new("etcdctl");
        command.env("ETCDCTL_API", "3").env("ETCDCTL_ENDPOINTS", endpoint);
        command.env("ETCDCTL_CACERT", pki.join("roots.pem")).env("ETCDCTL_CERT", pki.join("host.pem"));
        command.env("ETCDCTL_KEY", pki.join("host-tls.key")).args(["--command-timeout=2s"]).args(words);
        command.stdin(Stdio::null());
        command
    }

    /// Where the store of a host is.
    pub(super) fn endpoint(&self, host: &str) -> String {
        let told = self.say(&["mesh", "status", "--json", "--hostname", host]);
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        let row = told["members"].as_array().unwrap().iter().find(|row| row["host"] == host).unwrap();
        row["address"].as_str().unwrap().to_owned()
    }
}

/// Waits until a host has the file of another.
pub(super) fn collects(agent: &mut Agent, from: &str) {
    agent.says(&format!("from-{from}\"] put right"));
}

/// Asks again until it is so.
pub(super) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
    }
}

#[test]
fn a_host_that_is_evicted_in_the_middle_of_a_stream_is_out_and_its_name_is_free() {
    let mesh = Mesh::new();
    let mut first = mesh.start("a", &[]);
    first.says("ready to serve");
    let mut other = mesh.start("b", &[]);
    let mut bad = mesh.start("bad", &["--no-server"]);
    collects(&mut bad, "a");
    collects(&mut first, "bad");
    collects(&mut other, "bad");
    let at = mesh.endpoint("a");

    // Somebody has its keys, and looks on.
    let seen = mesh.path("seen");
    let mut watch = mesh.etcdctl("bad", &at, &["watch", "--prefix", "/_mgmt/host/"]);
    let mut watch = watch.stdout(fs::File::create(&seen).unwrap()).stderr(Stdio::null()).spawn().unwrap();
    let has_seen = |text: &str| fs::read_to_string(&seen).unwrap().contains(text);
    let mut before = 0;
    until("the watch sees something", || {
        before += 1;
        let mark = format!("mark-{before}");
        let put = mesh.etcdctl("bad", &at, &["put", "/_mgmt/host/bad/x", &mark]).output().unwrap();
        assert!(put.status.success(), "{}", String::from_utf8_lossy(&put.stderr));
        has_seen("mark-")
    });

    assert!(mesh.complaint(&["mesh", "evict", "badd", "--hostname", "a"]).contains("did you mean bad?"));
    let told = mesh.say(&["mesh", "evict", "bad", "--hostname", "a"]);
    assert!(told.contains("evicted bad"), "{told}");
    bad.says("this host was evicted");
    first.says("a connection is closed who=host bad");
    // Its exports leave the graphs of all.
    first.says("removed=1");
    other.says("removed=1");

    // Its certificate is good for nothing, and its stream has ended.
    let put = mesh.etcdctl("bad", &at, &["put", "/_mgmt/host/bad/x", "later"]).output().unwrap();
    assert!(!put.status.success());
    let put = mesh.etcdctl("a", &at, &["put", "/_mgmt/host/a/x", "after-all"]).output().unwrap();
    assert!(put.status.success(), "{}", String::from_utf8_lossy(&put.stderr));
    let get = mesh.etcdctl("a", &at, &["get", "--prefix", "--keys-only", "/_mgmt/host/"]).output().unwrap();
    let keys = String::from_utf8(get.stdout).unwrap();
    assert!(keys.contains("/_mgmt/host/a/x") && !keys.contains("/_mgmt/host/bad/"), "{keys}");
    assert!(!has_seen("after-all"));
    watch.kill().unwrap();
    watch.wait().unwrap();
    assert!(mesh.say(&["mesh", "evict", "bad", "--hostname", "a"]).contains("was evicted already"));
    // Whoever asks with its keys hears why, and so does its agent when it is started again.
    let own = mesh.path("state/bad/pki");
    let as_bad = ["kv", "list", "--seeds", &at, "--timeout=3", "--keys", own.to_str().unwrap()];
    let complaint = mesh.complaint(&as_bad);
    assert!(complaint.starts_with("error: this host was evicted from the mesh"), "{complaint}");
    assert!(complaint.contains("new keys and a new token"), "{complaint}");
    bad.kill();
    let mut again = mesh.start("bad", &["--no-server"]);
    let line = again.says("this host was evicted from the mesh");
    assert!(line.contains("new keys and a new token"), "{line}");
    again.kill();

    // Its name is free for a host with other keys.
    fs::rename(mesh.path("state/bad"), mesh.path("old")).unwrap();
    let mut new = mesh.start("bad", &["--no-server"]);
    new.says("the graph runs");
    fs::remove_file(mesh.path("files-bad/from-b")).unwrap();
    collects(&mut new, "b");
    until("it is there", || mesh.say(&["mesh", "members", "--hostname", "a"]).contains("bad"));

    let done = mesh.say(&["audit", "--hostname", "a"]);
    for what in ["let the host bad join", "administrator root: evicted the host bad"] {
        assert!(done.contains(what), "{what}: {done}");
    }
}

/// Bob's keys are his own: only the public half is told, and what he gets back is no secret.
fn bob_keeps_his_keys(mesh: &Mesh, root: &str, at: &str) {
    let safe = |name: &str| mesh.path(name).to_str().unwrap().to_owned();
    let key = mesh.say(&["mesh", "admin", "keys", "--to", &safe("bob")]);
    let key = key.trim();
    let add = |key: &str| {
        [
            "mesh",
            "admin",
            "add",
            "bob",
            "--key",
            key,
            "--to",
            &safe("for-bob"),
            "--keys",
            root,
            "--hostname",
            "a",
        ]
        .map(str::to_owned)
    };
    let nonsense = add("nonsense");
    let complaint = mesh.complaint(&nonsense.each_ref().map(String::as_str));
    assert!(complaint.contains("--key has neither a public key nor a file with one"), "{complaint}");
    mesh.say(&add(key).each_ref().map(String::as_str));
    let mut handed: Vec<_> =
        fs::read_dir(mesh.path("for-bob")).unwrap().map(|it| it.unwrap().file_name()).collect();
    handed.sort();
    assert_eq!(handed, ["administrators.json", "mesh.id", "roots.json", "roots.pem"]);
    for file in &handed {
        fs::copy(mesh.path("for-bob").join(file), mesh.path("bob").join(file)).unwrap();
    }
    mesh.say(&["mesh", "admin", "renew", "--keys", &safe("bob"), "--seeds", at]);
    let listed = mesh.say(&["mesh", "admin", "list", "--keys", &safe("bob"), "--hostname", "a"]);
    assert!(listed.lines().any(|line| line.starts_with("bob") && line.ends_with("(these keys)")), "{listed}");
}

#[test]
fn administrators_come_and_go_and_say_what_hosts_may_write() {
    let mesh = Mesh::new();
    let mut first = mesh.start("a", &[]);
    first.says("ready to serve");
    let mut other = mesh.start("web-1", &["--no-server"]);
    other.says("the graph runs");
    collects(&mut other, "a");
    let at = mesh.endpoint("a");
    let safe = |name: &str| mesh.path(name).to_str().unwrap().to_owned();

    // The founder's keys are moved away; from then on they are named.
    mesh.say(&["mesh", "admin", "export", "--to", &safe("root"), "--hostname", "a"]);
    let complaint = mesh.complaint(&["mesh", "admin", "list", "--hostname", "a"]);
    assert!(complaint.contains("no keys of an administrator"), "{complaint}");
    mesh.say(&[
        "mesh",
        "admin",
        "add",
        "ann",
        "--to",
        &safe("ann"),
        "--keys",
        &safe("root"),
        "--hostname",
        "a",
    ]);
    let listed = mesh.say(&["mesh", "admin", "list", "--keys", &safe("ann"), "--hostname", "a"]);
    assert!(listed.contains("root") && listed.contains("ann"), "{listed}");

    let root = safe("root");
    bob_keeps_his_keys(&mesh, &root, &at);

    // Ann lets hosts write.
    let put = || {
        mesh.etcdctl("web-1", &at, &["put", "/_mgmt/strings/shared/web/x", "1"]).status().unwrap().success()
    };
    assert!(!put());
    let allow = ["mesh", "allow", "kv", "web/", "--host", "web-*", "--keys", &safe("ann"), "--hostname", "a"];
    mesh.say(&allow);
    until("it may write", put);
    mesh.say(&["mesh", "admin", "renew", "--keys", &safe("ann"), "--hostname", "a"]);

    // She goes, and what she allowed stays until it is taken back.
    mesh.say(&["mesh", "admin", "remove", "ann", "--keys", &safe("root"), "--hostname", "a"]);
    let as_ann = ["mesh", "admin", "list", "--keys", &safe("ann"), "--timeout=3", "--hostname", "a"];
    let complaint = mesh.complaint(&as_ann);
    assert!(complaint.starts_with("error: whose keys these are administers the mesh no more"), "{complaint}");
    assert!(complaint.contains("--keys DIR"), "{complaint}");
    assert!(put());
    let mut revoke = allow.to_vec();
    revoke[7] = &root;
    revoke.push("--revoke");
    mesh.say(&revoke);
    until("it may not write", || !put());

    let done = mesh.say(&["audit", "--keys", &safe("root"), "--hostname", "a"]);
    let order = [
        "added the administrator ann",
        "added the administrator bob, with a key made elsewhere",
        "administrator ann: let hosts called web-* write",
        "removed the administrator ann",
        "administrator root: took back",
    ];
    let places: Vec<usize> =
        order.iter().map(|what| done.find(what).unwrap_or_else(|| panic!("{done}"))).collect();
    assert!(places.is_sorted(), "{done}");
}

#[test]
fn a_host_that_has_joined_by_hand_needs_no_token_when_its_agent_starts() {
    let mesh = Mesh::new();
    let mut first = mesh.start("a", &["--no-join"]);
    first.says("ready to serve");
    let token = mesh.path("token");
    fs::write(&token, mesh.say(&["mesh", "invite", "--hostname", "a"])).unwrap();
    let join = |host| ["mesh", "join", token.to_str().unwrap(), "--hostname", host];
    let joined = mesh.say(&join("b"));
    assert!(joined.starts_with("b is of the mesh ") && joined.contains("mgmt run FILE"), "{joined}");
    assert!(mesh.complaint(&join("b")).contains("already"));
    // It was for one host.
    assert!(mesh.complaint(&join("c")).contains("used up"), "{}", mesh.complaint(&join("c")));
    let mut second = mesh.start("b", &["--no-join"]);
    collects(&mut second, "a");
}
