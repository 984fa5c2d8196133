//! `/metrics` and the page of status, asked by hand over TCP.

use std::io::Write;
use std::net::{TcpListener, TcpStream};

use serde_json::Value;

use super::host::{Agent, Host, ILL, LONG, WELL, rest};

/// Where an agent says that it shows its pages.
pub fn address(agent: &mut Agent, shows: &str) -> String {
    let line = agent.says(shows);
    let after = line.split("http://").nth(1).unwrap();
    after.split('/').next().unwrap().to_owned()
}

/// The head and the body of an answer.
fn ask_as(address: &str, method: &str, path: &str, host: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let answer = rest(&mut stream);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), body.to_owned())
}

pub fn get(address: &str, path: &str) -> (String, String) {
    ask_as(address, "GET", path, address)
}

#[test]
fn metrics_have_the_names_that_dashboards_have() {
    let host = Host::new(ILL);
    let mut agent = host.run(&["--metrics", "127.0.0.1:0"]);
    let at = address(&mut agent, "shows metrics");
    host.settled();
    let (head, body) = get(&at, "/metrics");
    assert!(head.starts_with("http/1.1 200") && head.contains("application/openmetrics-text"), "{head}");
    for line in [
        "mgmt_resources_total{kind=\"file\"} 3",
        "mgmt_checkapply_total{kind=\"file\",apply=\"true\",errorful=\"false\",eventful=\"false\"} 1",
        "mgmt_checkapply_total{kind=\"file\",apply=\"true\",errorful=\"true\",eventful=\"false\"} 1",
        "mgmt_failures_total{kind=\"file\",failure=\"hard\"} 1",
        "mgmt_failures{kind=\"file\",failure=\"hard\"} 1",
        "mgmt_failures{kind=\"file\",failure=\"soft\"} 0",
        "mgmt_vertices{state=\"ok\"} 1",
        "mgmt_vertices{state=\"blocked\"} 1",
        "mgmt_repair_seconds_count{kind=\"file\"} 1",
        "mgmt_apply_seconds_count{kind=\"file\"} 1",
        "mgmt_swaps_total 1",
        "mgmt_watch_overflows_total 0",
        "mgmt_polled_paths 0",
        "# EOF",
    ] {
        assert!(body.lines().any(|it| it == line), "{line} is not in\n{body}");
    }
    assert!(body.contains("\nmgmt_graph_start_time_seconds 1"), "{body}");
    assert!(body.lines().any(|line| line.starts_with("mgmt_watches ")), "{body}");
}

#[test]
fn an_event_is_counted_as_one() {
    let host = Host::new(WELL);
    let mut agent = host.run(&["--metrics", "0"]);
    let at = address(&mut agent, "shows metrics");
    host.settled();
    std::fs::remove_file(host.path("a")).unwrap();
    let eventful =
        "mgmt_checkapply_total{kind=\"file\",apply=\"true\",errorful=\"false\",eventful=\"true\"} 1";
    // The kernel tells the agent when it likes.
    while !get(&at, "/metrics").1.contains(eventful) {}
}

#[test]
fn nothing_but_what_was_asked_for_is_shown() {
    let host = Host::new(WELL);
    let mut agent = host.run(&["--metrics", "127.0.0.1:0"]);
    let at = address(&mut agent, "shows metrics");
    assert!(get(&at, "/").1.contains("/metrics"));
    assert!(get(&at, "/status.json").0.starts_with("http/1.1 404"));
    assert!(get(&at, "/nothing").0.starts_with("http/1.1 404"));
    let (head, body) = ask_as(&at, "HEAD", "/metrics", &at);
    assert!(head.starts_with("http/1.1 200") && head.contains("content-length:"), "{head}");
    assert_eq!(body, "");
    let (head, _) = ask_as(&at, "POST", "/metrics", &at);
    assert!(head.starts_with("http/1.1 405") && head.contains("allow: get, head"), "{head}");
}

#[test]
fn a_page_from_elsewhere_under_a_borrowed_name_is_not_answered() {
    let host = Host::new(WELL);
    let mut agent = host.run(&["--ui", "127.0.0.1:0"]);
    let at = address(&mut agent, "shows status");
    assert!(ask_as(&at, "GET", "/status.json", "evil.example").0.starts_with("http/1.1 403"));
    assert!(ask_as(&at, "GET", "/status.json", "localhost:80").0.starts_with("http/1.1 200"));
}

#[test]
fn the_page_stands_alone_and_the_status_behind_it_can_be_searched() {
    let host = Host::new(ILL);
    // A free port, for both.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let mut agent = host.run(&["--ui", &port, "--metrics", &port]);
    let at = address(&mut agent, "shows status");
    assert_eq!(at, address(&mut agent, "shows metrics"));
    host.settled();
    let (head, page) = get(&at, "/");
    assert!(head.contains("text/html") && head.contains("default-src 'none'"), "{head}");
    assert!(!page.contains("src=\"http") && !page.contains("href=\"http"));
    let status: Value = serde_json::from_str(&get(&at, "/status.json").1).unwrap();
    assert_eq!((&status["rows"][0]["name"], &status["settled"]), (&"bad".into(), &true.into()));
    let found: Value = serde_json::from_str(&get(&at, "/status.json?find=%22AFT").1).unwrap();
    assert_eq!(found["rows"].as_array().unwrap().len(), 1);
    assert!(get(&at, "/metrics").1.ends_with("# EOF\n"));
}

#[test]
fn an_address_that_is_taken_is_said_before_anything_is_applied() {
    let host = Host::new(WELL);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = taken.local_addr().unwrap().to_string();
    let ended = host.command(&["--prometheus", "--prometheus-listen", &at]).output().unwrap();
    assert_eq!(ended.status.code(), Some(75));
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(said.contains(&format!("cannot listen at {at}")), "{said}");
    assert!(!host.path("a").exists());
}

#[test]
fn an_address_that_is_none_is_a_usage_error() {
    let host = Host::new(WELL);
    let ended = host.command(&["--metrics", "here"]).output().unwrap();
    assert_eq!(ended.status.code(), Some(64));
}
