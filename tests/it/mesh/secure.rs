//! A mesh as it is unless somebody says otherwise: nobody speaks on it without an identity.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use mgmt::cluster::identity::JoinToken;

use super::village::Village;
use crate::control::host::Agent;

/// A village whose host `a` carries the store, and where it listens.
fn founded() -> (Village, Agent, String) {
    let village = Village::new();
    let mut first = village.run("a", &["--no-join", "--listen", "127.0.0.1:0"]);
    let at = first.serves();
    assert!(at.starts_with("https://"), "{at}");
    village.wait_for("a", "f4a");
    (village, first, at)
}

fn invite(village: &Village, flags: &[&str]) -> String {
    let words: Vec<&str> = ["mesh", "invite", "--hostname", "a"].iter().chain(flags).copied().collect();
    village.say(&words).trim().to_owned()
}

/// A host that is refused ends with this in its log, and never with the token.
fn is_refused(village: &Village, host: &str, token: &str, why: &[&str]) {
    let mut agent = village.run(host, &["--no-join", &format!("--join={token}"), "--converged-timeout=1"]);
    for part in why {
        let line = agent.says(part);
        assert!(!line.contains(&token[..40]), "{line}");
    }
}

#[test]
fn a_host_joins_with_a_token_from_a_file_and_from_a_pipe() {
    let (village, _first, _) = founded();
    let file = village.path("token");
    fs::write(&file, invite(&village, &["--host", "b"])).unwrap();
    let mut second = village.run("b", &["--no-join", &format!("--join={}", file.display())]);
    second.says("has joined the mesh");
    village.wait_for("b", "f4a");
    village.wait_for("a", "f4b");
    let mut command = village.command();
    command.arg("run").arg(village.graph("c")).args(["--hostname", "c", "--no-join", "--join", "-"]);
    command.stdin(fs::File::from(piped(&invite(&village, &["--host", "c"]))));
    let mut third = Agent::start(command);
    third.says("has joined the mesh");
    village.wait_for("c", "f4b");
}

/// A pipe that holds a text.
fn piped(text: &str) -> std::os::fd::OwnedFd {
    use std::io::Write as _;
    let (from, mut to) = std::io::pipe().unwrap();
    to.write_all(text.as_bytes()).unwrap();
    from.into()
}

#[test]
fn a_restart_needs_no_token_and_an_identity_is_kept() {
    let (village, _first, _) = founded();
    let token = invite(&village, &["--host", "b"]);
    let second = village.run("b", &["--no-join", &format!("--join={token}")]);
    village.wait_for("b", "f4a");
    let certificate = village.path("state/b/pki/host.pem");
    let before = fs::read(&certificate).unwrap();
    assert!(second.stop().success());
    let mut again = village.run("b", &["--no-join"]);
    village.told(&["mesh", "members", "--hostname", "b"], "that b is there again", |told| {
        let rows = told.as_array().into_iter().flatten();
        rows.clone().any(|row| row["host"] == "b" && row["alive"] == true)
    });
    assert_eq!(fs::read(&certificate).unwrap(), before);
    assert!(again.child.try_wait().unwrap().is_none());
}

#[test]
fn a_seed_alone_lets_nobody_in() {
    let (village, _first, at) = founded();
    let mut second = village.run("b", &[&format!("--seeds={at}")]);
    second.says("has no identity in the mesh");
    second.says("mgmt mesh invite");
    assert_eq!(second.child.wait().unwrap().code(), Some(75));
}

#[test]
fn with_and_without_tls_do_not_mix() {
    let (village, first, at) = founded();
    let at = at.trim_start_matches("https://");
    let mut plain = village.run("p", &["--insecure", &format!("--seeds={at}")]);
    plain.says("the store is away");
    assert!(first.stop().success());
    let mut first = village.run("a", &["--no-join", "--insecure"]);
    first.says("belongs to a mesh with TLS");
    let mut plain = village.run("q", &["--no-join", "--insecure"]);
    plain.says("ready to serve");
    assert!(plain.stop().success());
    let mut plain = village.run("q", &["--no-join"]);
    plain.says("belongs to a mesh without TLS");
}

#[test]
fn a_token_that_does_not_let_in_says_why() {
    let (village, _first, _) = founded();
    let one = invite(&village, &["--host", "web-*"]);
    is_refused(&village, "db-1", &one, &["web-*", "--hostname"]);
    let mut second = village.run("web-1", &["--no-join", &format!("--join={one}")]);
    second.says("has joined the mesh");
    is_refused(&village, "web-2", &one, &["used up: it was for 1", "ask for another token"]);
    // Whoever has the name keeps it.
    let other = invite(&village, &["--uses", "2"]);
    is_refused(&village, "x", &other.replace("mgmt-join-1.", "mgmt-join-9."), &["version 9"]);
    let mut mistyped = other.clone();
    let last = if mistyped.pop() == Some('A') { 'B' } else { 'A' };
    mistyped.push(last);
    is_refused(&village, "x", &mistyped, &["mistyped"]);
    let mut command = village.command();
    command.arg("run").arg(village.graph("web-1")).args(["--hostname", "web-1", "--no-join", "--prefix"]);
    command.arg(village.path("elsewhere")).arg(format!("--join={other}"));
    let mut twin = Agent::start(command);
    twin.says("refuses web-1");
    twin.says("mgmt mesh evict web-1");
}

#[test]
fn a_token_of_another_mesh_meets_a_stranger_and_tells_it_nothing() {
    let (village, _first, at) = founded();
    let elsewhere = Village::new();
    let mut other = elsewhere.run("a", &["--no-join", "--listen", "127.0.0.1:0"]);
    other.says("ready to serve");
    let token = invite(&elsewhere, &[]);
    let mut token: JoinToken = token.parse().unwrap();
    token.seeds = vec![at.trim_start_matches("https://").to_owned()];
    let mut agent = village.run("b", &["--no-join", &format!("--join={}", *token.to_text().unwrap())]);
    agent.says("no host of the mesh answers");
    assert!(!village.path("state/b/pki/mesh.id").exists());
}

#[test]
fn keys_that_others_can_read_and_folders_that_others_can_write_are_refused() {
    let (village, first, _) = founded();
    assert!(first.stop().success());
    let pki = village.path("state/a/pki");
    let chmod = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let refused = |hint: &str| {
        let mut agent = village.run("a", &["--no-join"]);
        agent.says(hint);
    };
    chmod(&pki.join("host-tls.key"), 0o640);
    refused(&format!("chmod 0600 {}", pki.join("host-tls.key").display()));
    chmod(&pki.join("host-tls.key"), 0o600);
    chmod(&pki, 0o750);
    refused(&format!("chmod 0700 {}", pki.display()));
    chmod(&pki, 0o700);
    chmod(pki.parent().unwrap(), 0o777);
    refused("chmod o-w");
    chmod(pki.parent().unwrap(), 0o700);
    let mut agent = village.run("a", &["--no-join"]);
    agent.says("ready to serve");
}

/// etcdctl with certificates of a folder: those of an administrator or of a host.
struct Etcdctl<'v> {
    village: &'v Village,
    at: String,
}

impl Etcdctl<'_> {
    fn run(&self, host: &str, who: &str, words: &str) -> Output {
        let pki = |name: &str| self.village.path(&format!("state/{host}/pki/{name}"));
        let mut command = Command::new("etcdctl");
        command.args(["--endpoints", &self.at, "--command-timeout=5s", "--cacert"]).arg(pki("roots.pem"));
        if who != "nobody" {
            command
                .arg("--cert")
                .arg(pki(&format!("{who}.pem")))
                .arg("--key")
                .arg(pki(&format!("{who}-tls.key")));
        }
        command.args(words.split(' ')).env("ETCDCTL_API", "3").stdin(Stdio::null());
        command.output().unwrap()
    }

    fn works(&self, host: &str, who: &str, words: &str) {
        let output = self.run(host, who, words);
        assert!(output.status.success(), "{host} {who} {words}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn is_denied(&self, host: &str, who: &str, words: &str) {
        let output = self.run(host, who, words);
        let said =
            String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        assert!(said.contains("permission denied"), "{host} {who} {words}: {said}");
    }
}

#[test]
fn the_rules_hold_at_the_port_for_every_operation() {
    let (village, _first, at) = founded();
    let token = invite(&village, &["--host", "web-1"]);
    let mut second = village.run("web-1", &["--no-join", &format!("--join={token}")]);
    second.says("has joined the mesh");
    village.wait_for("web-1", "f4a");
    let etcdctl = Etcdctl { village: &village, at };
    let own = "/_mgmt/host/web-1/note";
    for words in [
        &format!("put {own} x"),
        &format!("get {own}"),
        &format!("put --prev-kv {own} y"),
        &format!("del {own}"),
        "get --prefix /_mgmt/host/",
        "get --prefix /_mgmt/export/web-1/",
        "get /_mgmt/pki/roots",
        "member list",
        "endpoint status",
        "lease grant 60",
    ] {
        etcdctl.works("web-1", "host", words);
        etcdctl.works("a", "admin", words);
    }
    for words in [
        "put /_mgmt/host/a/note x",
        "put /_mgmt/deploy/00000000000000000001 x",
        "put /_mgmt/policy x",
        "put /_mgmt/pki/denied []",
        "put /_mgmt/strings/shared/x y",
        "put /_mgmt/schedule/ns/choice x",
        "put anything x",
        "get --prefix /_mgmt/export/",
        "get --prefix /_mgmt/secret/",
        "get --from-key a",
        "get /_mgmt/pki/invite/1f",
        "del --prefix /_mgmt/",
        "compaction 2",
        "member add x --peer-urls=https://127.0.0.1:1",
        "move-leader 1",
        "snapshot save /dev/null",
        "defrag",
        "user add eve --no-password",
        "role add eve",
        "auth enable",
        "auth disable",
        "lock a-lock true",
    ] {
        etcdctl.is_denied("web-1", "host", words);
    }
    // Nobody is told apart from a stranger before anything is asked.
    for words in ["get a", "put a b", "member list", "endpoint status"] {
        let output = etcdctl.run("a", "nobody", words);
        assert!(!output.status.success(), "{words}");
        let said = String::from_utf8_lossy(&output.stderr);
        // etcdctl tells one or the other.
        assert!(
            said.contains("certificate required") || said.contains("deadline exceeded"),
            "{words}: {said}"
        );
    }
}

#[test]
fn the_variables_that_etcdctl_needs_are_printed() {
    let (village, _first, _) = founded();
    let script = format!(
        "eval \"$({} mesh env --hostname a)\" && etcdctl endpoint health",
        env!("CARGO_BIN_EXE_mgmt")
    );
    let mut command = Command::new("sh");
    command.args(["-c", &script]).env("STATE_DIRECTORY", village.path("state"));
    command.env("RUNTIME_DIRECTORY", village.path("run"));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
