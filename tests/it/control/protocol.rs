//! The control socket, spoken to by hand.

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;

use serde_json::{Value, json};

use super::host::{Agent, Host, LONG, WELL, copy_of_mgmt, mode, rest};

struct Line(BufReader<UnixStream>);

impl Line {
    fn open(host: &Host) -> Self {
        let stream = UnixStream::connect(host.socket()).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        Self(BufReader::new(stream))
    }

    fn send(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).unwrap();
    }

    fn ask(&mut self, request: &Value) -> Value {
        self.send(format!("{request}\n").as_bytes());
        self.next()
    }

    fn next(&mut self) -> Value {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

#[test]
fn the_socket_is_for_its_owner_only_and_is_gone_at_the_end() {
    let host = Host::new(WELL);
    let agent = host.run(&[]);
    assert_eq!((mode(&host.socket()), mode(&host.prefix)), (0o600, 0o700));
    assert!(agent.stop().success());
    assert!(!host.socket().exists());
}

#[test]
fn what_a_killed_agent_left_is_replaced() {
    let host = Host::new(WELL);
    let mut agent = host.run(&[]);
    agent.child.kill().unwrap();
    agent.child.wait().unwrap();
    assert!(host.socket().exists());
    let _agent = host.run(&[]);
    assert!(host.ask("status", &[]).status.success());
}

#[test]
fn requests_are_answered_one_after_the_other() {
    let host = Host::new(WELL);
    let agent = host.run(&[]);
    host.settled();
    let mut line = Line::open(&host);
    let hello = line.ask(&json!({"mgmt_control": 1, "request": "hello"}));
    assert_eq!((&hello["mgmt_control"], &hello["reply"]), (&json!(1), &json!("hello")));
    assert_eq!(hello["agent"]["pid"], json!(agent.child.id()));
    let notable = line.ask(&json!({"mgmt_control": 1, "request": "snapshot"}));
    assert_eq!((&notable["reply"], &notable["rows"]), (&json!("status"), &json!([])));
    let all = line.ask(&json!({"mgmt_control": 1, "request": "snapshot", "rows": "all", "slowest": 3}));
    assert_eq!(all["rows"][0]["name"], "a");
    assert_eq!(all["slowest"][0]["name"], "a");
    let found = line.ask(&json!({"mgmt_control": 1, "request": "snapshot", "find": "nothing"}));
    assert_eq!(found["rows"], json!([]));
}

#[test]
fn what_cannot_be_understood_is_answered_and_ended() {
    let host = Host::new(WELL);
    let _agent = host.run(&[]);
    for (sent, why) in [
        ("GET / HTTP/1.1\r\n", "not JSON"),
        ("{\"mgmt_control\":2,\"request\":\"hello\"}\n", "version 1 of the control protocol, not 2"),
        ("{\"mgmt_control\":1,\"request\":\"halt\"}\n", "unknown request \"halt\""),
    ] {
        let mut line = Line::open(&host);
        line.send(sent.as_bytes());
        let answer = rest(&mut line.0);
        assert!(answer.contains(&json!(why).to_string().trim_matches('"').to_owned()), "{sent:?}: {answer}");
    }
}

#[test]
fn a_request_without_an_end_is_cut_off() {
    let host = Host::new(WELL);
    let _agent = host.run(&[]);
    let mut line = Line::open(&host);
    // The agent may close before all is sent.
    let sent = line.0.get_mut().write_all(&vec![b' '; 200_000]);
    assert!(sent.is_ok() || sent.is_err_and(|error| error.kind() == ErrorKind::BrokenPipe));
    let mut answer = String::new();
    match line.0.read_line(&mut answer) {
        Ok(_) => assert!(answer.contains("longer than 65536 bytes"), "{answer}"),
        // What was not read by the agent resets the connection.
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
    assert!(host.ask("status", &[]).status.success());
}

#[test]
fn who_takes_all_places_hears_that_there_is_no_more() {
    let host = Host::new(WELL);
    let agent = host.run(&[]);
    let mut lines: Vec<Line> = (0..32).map(|_| Line::open(&host)).collect();
    for line in &mut lines {
        line.ask(&json!({"mgmt_control": 1, "request": "hello"}));
    }
    let refused = rest(&mut Line::open(&host).0);
    assert!(refused.contains("too many connections"), "{refused}");
    assert!(agent.stop().success());
}

#[test]
fn a_reload_reads_the_text_again() {
    let host = Host::new(WELL);
    let mut agent = host.run(&[]);
    let reply = Line::open(&host).ask(&json!({"mgmt_control": 1, "request": "reload"}));
    assert_eq!(reply["reply"], "reloading");
    agent.says("reads the graph again");
}

#[test]
fn a_watch_tells_of_each_change() {
    let host = Host::new(WELL);
    let _agent = host.run(&[]);
    host.settled();
    let mut line = Line::open(&host);
    // The interval is an hour: only a change can bring the second answer.
    let first = line.ask(&json!({"mgmt_control": 1, "request": "watch", "interval_ms": 3_600_000}));
    assert_eq!(first["changes"], 1);
    std::fs::remove_file(host.path("a")).unwrap();
    let mut next = line.next();
    while next["changes"] != 2 {
        next = line.next();
    }
}

#[test]
fn a_prefix_too_long_for_a_socket_works() {
    let mut host = Host::new(WELL);
    host.prefix = host.path(&"x".repeat(200));
    let _agent = host.run(&[]);
    assert!(host.ask("status", &[]).status.success());
}

#[test]
fn another_user_is_not_answered() {
    if !rustix::process::geteuid().is_root() {
        // Only root can become someone else.
        return;
    }
    let host = Host::new(WELL);
    // Someone has opened the way to the socket; who comes is asked who he is all the same.
    let mut agent = host.run(&[]);
    for path in [host.folder.path().to_owned(), host.prefix.clone(), host.socket()] {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).unwrap();
    }
    let program = host.path("mgmt");
    copy_of_mgmt(&program);
    let mut command = std::process::Command::new(&program);
    let asked =
        command.args(["status", "--prefix"]).arg(&host.prefix).uid(65534).gid(65534).output().unwrap();
    assert_eq!(asked.status.code(), Some(75));
    let said = String::from_utf8_lossy(&asked.stderr).into_owned();
    assert!(said.contains("only the agent's own user and root may ask"), "{said}");
    agent.says("the graph runs");
}

#[test]
fn a_file_in_the_way_is_left_alone_and_the_agent_runs_without() {
    let host = Host::new(WELL);
    std::fs::create_dir(&host.prefix).unwrap();
    std::fs::write(host.socket(), "precious").unwrap();
    let mut agent = Agent::start(host.command(&[]));
    agent.says("has no control socket");
    agent.says("the graph runs");
    assert!(agent.stop().success());
    assert_eq!(std::fs::read_to_string(host.socket()).unwrap(), "precious");
}
