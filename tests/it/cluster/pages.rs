//! What is served beside gRPC on the same port.

use std::net::SocketAddr;

use mgmt::cluster::etcd::pb::etcdserverpb as pb;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tonic::Request;

use super::processes::Cluster;
use super::raw::call;
use super::served::Served;

/// Status and text of an answer.
async fn ask(at: SocketAddr, method: &str, path: &str, body: &str) -> (u16, String) {
    let answer = super::raw::http(at, method, path, body).await;
    let (head, text) = answer.split_once("\r\n\r\n").unwrap();
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    (head[9..12].parse().unwrap(), if chunked { unchunked(text) } else { text.to_owned() })
}

fn unchunked(mut text: &str) -> String {
    let mut whole = String::new();
    while let Some((length, rest)) = text.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).unwrap();
        whole += &rest[..length];
        text = rest[length..].trim_start_matches("\r\n");
    }
    whole
}

async fn post(store: &Served, path: &str, body: &str) -> (u16, String) {
    ask(store.at, "POST", &format!("/v3/{path}"), body).await
}

fn ok(text: &str) -> (u16, String) {
    (200, text.to_owned())
}

#[tokio::test]
async fn health_is_told_in_json_and_by_the_status() {
    let store = Served::start().await;
    assert_eq!(ask(store.at, "GET", "/health", "").await, ok(r#"{"health":"true","reason":""}"#));
    assert_eq!(ask(store.at, "POST", "/health", "").await.0, 405);
    let alarm = pb::AlarmRequest { action: 1, member_id: 7, alarm: 1 };
    let path = "/etcdserverpb.Maintenance/Alarm";
    call::<_, pb::AlarmResponse>(store.at, path, Request::new(alarm)).await.unwrap();
    let full = r#"{"health":"false","reason":"ALARM NOSPACE"}"#;
    assert_eq!(ask(store.at, "GET", "/health", "").await, (503, full.to_owned()));
    assert_eq!(ask(store.at, "GET", "/health?exclude=NOSPACE", "").await.0, 200);
    store.node.lose_leader(true);
    let alone = r#"{"health":"false","reason":"RAFT NO LEADER"}"#;
    assert_eq!(ask(store.at, "GET", "/health?exclude=NOSPACE", "").await, (503, alone.to_owned()));
    assert_eq!(ask(store.at, "GET", "/health?exclude=NOSPACE&serializable=true", "").await.0, 200);
}

#[tokio::test]
async fn a_server_without_a_leader_lives_and_is_not_ready() {
    let store = Served::start().await;
    assert_eq!(ask(store.at, "GET", "/livez", "").await, ok("ok\n"));
    let all = "[+]data_corruption ok\n[+]serializable_read ok\n[+]linearizable_read ok\nok\n";
    assert_eq!(ask(store.at, "GET", "/readyz?verbose", "").await, ok(all));
    store.node.lose_leader(true);
    assert_eq!(ask(store.at, "GET", "/livez", "").await, ok("ok\n"));
    let (status, text) = ask(store.at, "GET", "/readyz", "").await;
    assert_eq!(status, 503);
    assert!(text.contains("[-]linearizable_read failed: "), "{text}");
    assert_eq!(ask(store.at, "GET", "/readyz?exclude=linearizable_read", "").await, ok("ok\n"));
    assert_eq!(ask(store.at, "GET", "/readyz/data_corruption", "").await, ok("ok\n"));
    assert_eq!(ask(store.at, "GET", "/readyz/linearizable_read", "").await.0, 503);
    assert_eq!(ask(store.at, "GET", "/readyz/frob", "").await.0, 404);
}

#[tokio::test]
async fn versions_and_metrics_have_etcds_names() {
    let store = Served::start().await;
    let (_, text) = ask(store.at, "GET", "/version", "").await;
    let versions: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(versions, serde_json::json!({ "etcdserver": "3.5.30", "etcdcluster": "3.5.0" }));
    let (_, text) = ask(store.at, "GET", "/metrics", "").await;
    for line in ["etcd_server_has_leader 1", "etcd_server_version{server_version=\"3.5.30\"} 1"] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    assert!(ask(store.at, "GET", "/debug/vars", "").await.1.contains("\"raftState\":\"StateLeader\""));
    assert_eq!(ask(store.at, "GET", "/frob", "").await.0, 404);
}

#[tokio::test]
async fn the_gateway_speaks_json_as_etcds_does() {
    let store = Served::start().await;
    let own = store.node.identity();
    let (cluster, member) = (own.cluster.0, own.member.0);
    let header = format!(
        r#""header":{{"cluster_id":"{cluster}","member_id":"{member}","revision":"2","raft_term":"2"}}"#
    );
    let put = post(&store, "kv/put", r#"{"key":"Zm9v","value":"YmFy"}"#).await;
    assert_eq!(put, ok(&format!("{{{header}}}")));
    let kv = r#"{"key":"Zm9v","create_revision":"2","mod_revision":"2","version":"1","value":"YmFy"}"#;
    let range = post(&store, "kv/range", r#"{"key":"Zm9v","limit":"1"}"#).await;
    assert_eq!(range, ok(&format!(r#"{{{header},"kvs":[{kv}],"count":"1"}}"#)));
    let refused = post(&store, "kv/range", "{}").await;
    assert_eq!(refused, (400, r#"{"code":3,"message":"etcdserver: key is not provided"}"#.to_owned()));
    assert_eq!(post(&store, "kv/range", "{").await.0, 400);
    assert_eq!(post(&store, "kv/frob", "{}").await.0, 404);
    assert_eq!(ask(store.at, "GET", "/v3/kv/range", "").await.0, 405);
    let missing = post(&store, "lease/revoke", r#"{"ID":"5"}"#).await;
    assert_eq!(missing.0, 404);
    let txn = r#"{"compare":[{"target":"VALUE","key":"Zm9v","value":"YmFy"}],
                  "success":[{"requestPut":{"key":"Zm9v","value":"Yg=="}}]}"#;
    assert!(post(&store, "kv/txn", txn).await.1.contains(r#""succeeded":true"#));
}

#[tokio::test]
async fn streams_are_a_line_of_json_a_message() {
    let store = Served::start().await;
    let granted = post(&store, "lease/grant", r#"{"TTL":60,"ID":"7"}"#).await.1;
    assert!(granted.contains(r#""ID":"7","TTL":"60""#), "{granted}");
    let (status, kept) = post(&store, "lease/keepalive", r#"{"ID":7} {"ID":"8"}"#).await;
    let lines: Vec<&str> = kept.lines().collect();
    assert_eq!((status, lines.len()), (200, 2), "{kept}");
    assert!(
        lines[0].starts_with(r#"{"result":{"header""#) && lines[0].ends_with(r#""ID":"7","TTL":"60"}}"#),
        "{kept}"
    );
    let (_, snapshot) = post(&store, "maintenance/snapshot", "").await;
    assert_eq!(snapshot.lines().count(), 5);
}

#[tokio::test]
async fn a_watch_through_the_gateway_tells_as_things_happen() {
    let store = Served::start().await;
    let mut stream = BufReader::new(TcpStream::connect(store.at).await.unwrap());
    let body = r#"{"create_request":{"key":"Zm9v"}}"#;
    let length = body.len();
    let request = format!("POST /v3/watch HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut lines = stream.lines();
    let mut told = async |what: &str| loop {
        let line = lines.next_line().await.unwrap().expect("the stream goes on");
        if line.contains(what) {
            return line;
        }
    };
    told(r#""created":true"#).await;
    store.client().await.put("foo", "bar", None).await.unwrap();
    assert!(told(r#""events":[{"kv""#).await.starts_with(r#"{"result":"#));
}

#[tokio::test]
async fn what_an_operator_pages_on_is_counted() {
    let cluster = Cluster::of(1, &[]);
    let process = cluster.start().await.pop().unwrap();
    process.client().await.put("k", "v", None).await.unwrap();
    let at = std::net::SocketAddr::from(([127, 0, 0, 1], process.client));
    let (_, text) = ask(at, "GET", "/metrics", "").await;
    let value = |name: &str| -> f64 {
        let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        found.unwrap_or_else(|| panic!("{name} is missing\n{text}")).parse().unwrap()
    };
    assert!(value("etcd_server_leader_changes_seen_total") >= 1.0);
    let syncs = value("etcd_disk_wal_fsync_duration_seconds_count");
    assert!(syncs >= 1.0);
    assert!((value("etcd_disk_wal_fsync_duration_seconds_bucket{le=\"+Inf\"}") - syncs).abs() < 0.5);
}
