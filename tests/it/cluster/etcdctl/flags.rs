//! Flags of `mgmt etcd`, by what they do.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use crate::cluster::process::{Ctl, Make, PATIENCE, Process, Said, free_port};

fn start(flags: &[&str]) -> (Process, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (Process::start(Make::Ours, dir.path(), flags), dir)
}

fn page(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

/// What it says to flags that are wrong.
fn refused(flags: &[&str], environment: &[(&str, &str)]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_mgmt"));
    command.arg("etcd").args(flags).envs(environment.iter().copied()).current_dir(dir.path());
    let said = Said::by(&mut command, "");
    assert_eq!(said.code, Some(64), "{flags:?} {}", said.complaint);
    said.complaint
}

#[test]
fn auto_tls_makes_a_certificate_once_and_speaks_tls_with_it() {
    let (mut store, dir) = start(&["--auto-tls"]);
    let over_tls = |store: &Process| {
        let mut put = Ctl::Debian.command();
        put.arg(format!("--endpoints=https://{}", store.client()));
        put.args(["--insecure-transport=false", "--insecure-skip-tls-verify", "put", "foo", "bar"]);
        Said::by(&mut put, "").worked();
    };
    over_tls(&store);
    let made = std::fs::read(dir.path().join("default/fixtures/client/cert.pem")).unwrap();
    let mut plain = Ctl::Debian.command();
    plain.arg(format!("--endpoints=http://{}", store.client()));
    plain.args(["--dial-timeout=1s", "--command-timeout=1s", "get", "foo"]);
    Said::by(&mut plain, "").failed();
    store.kill();
    store.start_again();
    over_tls(&store);
    assert_eq!(std::fs::read(dir.path().join("default/fixtures/client/cert.pem")).unwrap(), made);
}

#[test]
fn peer_auto_tls_joins_members_that_do_not_know_each_others_certificates() {
    let (first, dir) = start(&["--peer-auto-tls"]);
    let (client, peer) = (free_port(), free_port());
    first.say(&format!("member add second --peer-urls=https://127.0.0.1:{peer}")).worked();
    let initial =
        format!("--initial-cluster=default=https://{},second=https://127.0.0.1:{peer}", first.peer());
    let flags = ["--peer-auto-tls", &initial, "--initial-cluster-state=existing"];
    let second = Process::member_at(Make::Ours, dir.path(), "second", &flags, client, peer);
    second.say("put foo bar").worked();
    assert_eq!(first.say("get foo").worked(), "foo\nbar\n");
}

#[test]
fn jwt_tokens_are_given_and_taken_by_who_has_the_keys() {
    let dir = tempfile::tempdir().unwrap();
    let key = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/tls/server.key");
    let token = format!("--auth-token=jwt,sign-method=ES256,priv-key={},ttl=1m", key.display());
    let mut store = Process::start(Make::Ours, dir.path(), &[&token, "--bcrypt-cost=4"]);
    for line in ["user add root:rp", "role add root", "user grant-role root root", "auth enable"] {
        store.say(line).worked();
    }
    assert!(store.say("put foo bar").failed().contains("etcdserver: user name is empty"));
    store.say("put foo bar --user root:rp").worked();
    let wrong = store.say("put foo bar --user root:wrong").failed();
    assert!(wrong.contains("authentication failed, invalid user ID or password"), "{wrong}");
    let log_in = |store: &Process| {
        let port = store.client().split(':').nth(1).unwrap().parse().unwrap();
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let body = r#"{"name":"root","password":"rp"}"#;
        let length = body.len();
        write!(stream, "POST /v3/auth/authenticate HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    };
    let answer = log_in(&store);
    // What a JWT in this method begins with: {"alg":"ES256", in base 64.
    assert!(answer.contains(r#""token":"eyJhbGciOiJFUzI1NiIs"#), "{answer}");
    // Nobody remembers it: it is good after a crash too.
    let token = answer.split("\"token\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    store.kill();
    store.start_again();
    let port = store.client().split(':').nth(1).unwrap().parse().unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let body = r#"{"key":"Zm9v"}"#;
    write!(stream, "POST /v3/kv/range HTTP/1.1\r\nhost: x\r\nauthorization: {token}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.contains("YmFy"), "{text}");
}

#[test]
fn old_revisions_go_by_themselves_after_the_period() {
    let (store, _dir) = start(&["--auto-compaction-retention=500ms"]);
    for number in 0..3 {
        store.say(&format!("put foo {number}")).worked();
    }
    let begun = std::time::Instant::now();
    loop {
        let said = store.say("get foo --rev=2");
        if said.complaint.contains("required revision has been compacted") {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{said:?}");
    }
}

#[test]
fn metrics_and_health_have_listeners_of_their_own() {
    let port = free_port();
    let url = format!("--listen-metrics-urls=http://127.0.0.1:{port}");
    let (_store, _dir) = start(&[&url]);
    let metrics = page(port, "/metrics");
    assert!(metrics.starts_with("HTTP/1.1 200") && metrics.contains("etcd_server_has_leader"), "{metrics}");
    assert!(page(port, "/health").contains(r#""health":"true""#));
    for other in ["/version", "/v3/kv/range", "/"] {
        assert!(page(port, other).starts_with("HTTP/1.1 404"), "{other}");
    }
}

#[test]
fn what_is_left_of_a_cluster_becomes_one_of_its_own() {
    let (first, dir) = start(&[]);
    let (client, peer) = (free_port(), free_port());
    first.say(&format!("member add second --peer-urls=http://127.0.0.1:{peer}")).worked();
    let initial = format!("--initial-cluster=default=http://{},second=http://127.0.0.1:{peer}", first.peer());
    let flags = [&*initial, "--initial-cluster-state=existing"];
    let second = Process::member_at(Make::Ours, dir.path(), "second", &flags, client, peer);
    second.say("put foo bar").worked();
    drop(first);
    drop(second);
    let forced = ["--initial-cluster-state=existing", &initial, "--force-new-cluster"];
    let alone = Process::member_at(Make::Ours, dir.path(), "second", &forced, client, peer);
    assert_eq!(alone.say("get foo").worked(), "foo\nbar\n");
    alone.say("put foo alone").worked();
    let list = alone.say("member list").worked();
    assert!(list.lines().count() == 1 && list.contains(", started, second, "), "{list}");
    // And stays one.
    drop(alone);
    let again = Process::member_at(Make::Ours, dir.path(), "second", &flags, client, peer);
    assert_eq!(again.say("get foo").worked(), "foo\nalone\n");
}

#[test]
fn the_environment_is_heard_and_flags_are_heard_before_it() {
    let refusal = refused(&[], &[("ETCD_AUTO_COMPACTION_RETENTION", "often")]);
    assert!(refusal.contains("--auto-compaction-retention: \"often\" is no duration"), "{refusal}");
    let refusal =
        refused(&["--auto-compaction-retention=rarely"], &[("ETCD_AUTO_COMPACTION_RETENTION", "often")]);
    assert!(refusal.contains("rarely"), "{refusal}");
    for (name, value) in [
        ("ETCD_LISTEN_CLIENT_URLS", "2379"),
        ("ETCD_LISTEN_METRICS_URLS", "2379"),
        ("ETCD_AUTH_TOKEN", "frob"),
        ("ETCD_INITIAL_CLUSTER_STATE", "old"),
        ("ETCD_AUTO_TLS", "perhaps"),
        ("ETCD_HEARTBEAT_INTERVAL", "0"),
    ] {
        refused(&[], &[(name, value)]);
    }
}

#[test]
fn a_wrong_flag_is_refused_by_its_name() {
    for (flags, said) in [
        (&["--auth-token=jwt,sign-method=RS256"][..], "--auth-token: jwt needs priv-key, pub-key or both"),
        (
            &["--auth-token=jwt,sign-method=RS256,priv-key=nowhere.pem"],
            "--auth-token: cannot read \"nowhere.pem\"",
        ),
        (
            &["--auto-compaction-mode=revision", "--auto-compaction-retention=10m"],
            "\"10m\" is no number of revisions",
        ),
        (&["--auto-compaction-mode=daily"], "--auto-compaction-mode"),
        (&["--listen-metrics-urls=localhost"], "--listen-metrics-urls: cannot listen at \"localhost\""),
        (&["--listen-client-urls=localhost"], "--listen-client-urls: cannot listen at \"localhost\""),
        (&["--max-concurrent-streams=0"], "--max-concurrent-streams"),
        (&["--experimental-watch-progress-notify-interval=often"], "\"often\" is no duration"),
        (&["--cert-file=x"], "--cert-file needs --key-file, too"),
        (&["--heartbeat-interval=500"], "less than five times"),
    ] {
        let refusal = refused(flags, &[]);
        assert!(refusal.contains(said), "{flags:?}: {refusal}");
    }
}

#[test]
fn more_calls_than_allowed_at_a_time_wait_on_one_connection() {
    // One call at a time is enough to live on.
    let (store, _dir) = start(&["--max-concurrent-streams=1"]);
    let typed = "\n\nput foo one\nget foo\n\n\n";
    Said::by(store.ctl(Ctl::Debian).arg("txn"), typed).worked();
}
