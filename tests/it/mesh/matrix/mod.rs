//! Every identity, every row of the rules, every operation, at a mesh's real port: `table` says what is expected.

mod at_etcd;
mod caller;
mod operation;
pub mod scene;
mod table;

use std::collections::BTreeMap;

use futures_util::StreamExt as _;
use futures_util::stream;
use mgmt::cluster::etcd::pb::etcdserverpb as pb;
use serde_json::Value;
use tokio::runtime::Runtime;
use tonic::Status;
use tonic::metadata::AsciiMetadataKey;

pub use self::caller::{Caller, Outcome, Way, first, first_of};
use self::operation::{Call, With, base64};
use self::scene::{Heard, Scene};
use self::table::{Asks, CALLS, OPERATIONS, PAGES, PEERS, ROWS, Row, Whose};

/// So many who are not heard try at a time.
const AT_ONCE: usize = 8;
const WAYS: [Way; 2] = [Way::Grpc, Way::Gateway];
/// What is written where nothing is.
const NOTHING: &[u8] = b"{}";
/// The first key after all that was done: what somebody would remove who removes all from a key on.
const PAST_AUDIT: &str = "/_mgmt/audit0";

/// Whether somebody with these rights may do what asks for this.
fn is_allowed(asks: Asks, rights: &str, is_root: bool, key: &str) -> bool {
    let has = |wanted: &str| wanted.chars().all(|right| rights.contains(right));
    match asks {
        Asks::Rights(wanted) => has(wanted),
        Asks::Adding => has("a") || has("rw"),
        Asks::LeaseOfAnother => is_root && has("w"),
        Asks::ReadBeyond => is_root,
        Asks::RemoveBeyond => is_root && key >= PAST_AUDIT,
    }
}

fn outcome(is_allowed: bool) -> Outcome {
    if is_allowed { Outcome::Allowed } else { Outcome::Denied }
}

/// What keys hold.
async fn read(root: &Heard, key: &str) -> Option<Vec<u8>> {
    let asked = pb::RangeRequest { key: key.to_owned().into(), ..Default::default() };
    let found: pb::RangeResponse = first(&root.channel, "etcdserverpb.KV/Range", asked).await.unwrap();
    found.kvs.first().map(|kv| kv.value.to_vec())
}

/// A row as it was: nobody else puts right what the tests have written. What was done stays.
async fn put_back(root: &Heard, key: &str, was: Option<Vec<u8>>) {
    if key.starts_with("/_mgmt/audit/") {
        return;
    }
    let call = match &was {
        Some(value) => Call::new("etcdserverpb.KV/Put", "kv/put", operation::put(key, value)),
        None => Call::new("etcdserverpb.KV/DeleteRange", "kv/deleterange", operation::range(key)),
    };
    assert_eq!(root.caller.ask(Way::Grpc, &root.channel, &call).await, Outcome::Allowed, "{key}");
}

/// Every operation on the key of a row, by one who is heard; returns what is other than it should be.
async fn on_row(scene: &Scene, row: &Row, (who, rights): (&Heard, &str), value: &[u8]) -> Vec<String> {
    let mut wrong = Vec::new();
    let is_root = std::ptr::eq(who, &scene.root);
    let another = if is_root { &scene.web } else { &scene.root };
    let with =
        With { key: row.key, value, harmless: who.own, own_lease: who.lease, anothers_lease: another.lease };
    for (operation, asks) in OPERATIONS {
        let expected = outcome(is_allowed(*asks, rights, is_root, row.key));
        for way in WAYS {
            let found = who.caller.ask(way, &who.channel, &operation.call(&with)).await;
            if found != expected {
                let name = who.caller.name;
                wrong.push(format!(
                    "{name} {operation:?} {} by {way:?}: {found:?}, not {expected:?}",
                    row.key
                ));
            }
        }
    }
    wrong
}

/// A call of the table for somebody, with what its words stand for.
fn filled((method, path, body): (&str, &str, &str), who: &Heard, webs: i64, peer: &str) -> Call {
    let name = who.caller.name;
    let body = body
        .replace("OWN", &who.lease.to_string())
        .replace("WEBS", &webs.to_string())
        .replace("PEER", peer)
        .replace("MINE", &base64(format!("{}/lock", who.own)))
        .replace("LOCK", &base64(format!("/_mgmt/host/web-1/lock-of-{name}")));
    Call::new(method, path, serde_json::from_str::<Value>(&body).unwrap())
}

/// Calls that are not about keys, by one who is heard; returns what is other than it should be.
async fn calls_of(scene: &Scene, who: &Heard, peer: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let is = |other: &Heard| std::ptr::eq(who, other);
    for &(method, path, body, whose) in CALLS {
        let expected = outcome(match whose {
            Whose::Everybodys => true,
            Whose::Administrators => is(&scene.root),
            Whose::Webs => is(&scene.root) || is(&scene.web),
            Whose::Nobodys => false,
        });
        let call = filled((method, path, body), who, scene.web.lease, peer);
        for way in WAYS {
            let found = who.caller.ask(way, &who.channel, &call).await;
            if found != expected {
                let name = who.caller.name;
                wrong.push(format!("{name} {method} {body} by {way:?}: {found:?}, not {expected:?}"));
            }
        }
    }
    wrong.extend(as_a_member(who).await);
    for page in PAGES {
        if who.caller.page(page).await.is_none() {
            wrong.push(format!("{} does not see {page}", who.caller.name));
        }
    }
    wrong
}

/// Says to be the member itself, with the certificate that it has; returns what was not refused for that.
async fn as_a_member(who: &Heard) -> Vec<String> {
    let asked = pb::StatusRequest {};
    let status: pb::StatusResponse =
        first(&who.channel, "etcdserverpb.Maintenance/Status", asked).await.unwrap();
    let header = status.header.unwrap();
    let mut wrong = Vec::new();
    for call in PEERS {
        let mut asked = tonic::Request::new(stream::iter([()]));
        let numbers = [("cluster", header.cluster_id), ("from", header.member_id), ("to", header.member_id)];
        for (name, number) in numbers {
            let name = AsciiMetadataKey::from_bytes(format!("mgmt-{name}").as_bytes()).unwrap();
            asked.metadata_mut().insert(name, format!("{number:x}").parse().unwrap());
        }
        let answer: Result<(), Status> =
            first_of(&who.channel, &format!("mgmt.peer.Peering/{call}"), asked).await;
        let is_refused = answer.as_ref().is_err_and(|status| status.message().contains("certificate"));
        if !is_refused {
            wrong.push(format!("{} says {call} as a member: {answer:?}", who.caller.name));
        }
    }
    wrong
}

/// What one who is not heard tries; returns what was answered. TLS decides before anything is asked: so by the gateway each operation
/// is tried on one row, and each row by one operation; by gRPC everything, if that is `whole`.
async fn tries(scene: &Scene, who: &Caller, peer: &str, whole: bool) -> Vec<String> {
    let lease = scene.web.lease;
    let harmless = "/_mgmt/host/web-1/own";
    let mut asked: Vec<(Way, Call)> = Vec::new();
    for (number, row) in ROWS.iter().enumerate() {
        let with = With { key: row.key, value: b"evil", harmless, own_lease: lease, anothers_lease: lease };
        let (first, _) = OPERATIONS[0];
        for (operation, _) in OPERATIONS {
            let is_once = number == 0 || *operation == first;
            let ways = WAYS.into_iter().filter(|way| is_once || whole && *way == Way::Grpc);
            asked.extend(ways.map(|way| (way, operation.call(&with))));
        }
    }
    for &(method, path, body, _) in CALLS {
        let call = filled((method, path, body), &scene.web, lease, peer);
        asked.extend(WAYS.map(|way| (way, call.clone())));
    }
    let answered = stream::iter(&asked).map(async |(way, call)| {
        let found = who.ask(*way, &who.channel(), call).await;
        (found != Outcome::Unheard).then(|| format!("{} {call:?} by {way:?}: {found:?}", who.name))
    });
    let mut wrong: Vec<String> =
        answered.buffer_unordered(AT_ONCE).filter_map(async |answer| answer).collect().await;
    for page in PAGES {
        if let Some(status) = who.page(page).await {
            wrong.push(format!("{} sees {page}: {status}", who.name));
        }
    }
    wrong
}

/// What all keys of the table hold.
async fn all(root: &Heard) -> BTreeMap<&'static str, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    for row in ROWS {
        found.insert(row.key, read(root, row.key).await);
    }
    found
}

/// Where the member's peers would find it.
async fn peer_url(root: &Heard) -> String {
    let asked = pb::MemberListRequest::default();
    let listed: pb::MemberListResponse =
        first(&root.channel, "etcdserverpb.Cluster/MemberList", asked).await.unwrap();
    listed.members[0].peer_ur_ls[0].clone()
}

#[test]
fn every_identity_may_do_at_the_port_what_the_table_says_and_nothing_else() {
    let runtime = Runtime::new().unwrap();
    let scene = Scene::new(&runtime);
    let mut wrong = runtime.block_on(async {
        let peer = peer_url(&scene.root).await;
        let mut wrong = Vec::new();
        let before = all(&scene.root).await;
        for (all, whole) in [(&scene.unheard.whole, true), (&scene.unheard.once, false)] {
            for who in all {
                wrong.extend(tries(&scene, who, &peer, whole).await);
            }
        }
        let after = all(&scene.root).await;
        for (key, was) in &before {
            // The steward says again who carries the store.
            if after[key] != *was && *key != "/_mgmt/steward/members" {
                wrong.push(format!("{key} was changed by somebody who is not of the mesh"));
            }
        }
        for row in ROWS {
            let was = read(&scene.root, row.key).await;
            let value = was.as_deref().unwrap_or(NOTHING);
            for by in [(&scene.web, row.web), (&scene.db, row.db), (&scene.root, row.root)] {
                wrong.extend(on_row(&scene, row, by, value).await);
            }
            put_back(&scene.root, row.key, was).await;
        }
        for who in [&scene.web, &scene.db, &scene.root] {
            wrong.extend(calls_of(&scene, who, &peer).await);
        }
        wrong
    });
    let heard = [&scene.web, &scene.db, &scene.root].map(|heard| &heard.caller);
    for who in heard.into_iter().chain(&scene.unheard.whole).chain(&scene.unheard.once) {
        println!("{}: {:?}", who.name, who.counts());
    }
    let count = wrong.len();
    wrong.truncate(40);
    assert_eq!(count, 0, "{}", wrong.join("\n"));
    // The mesh is as well as before.
    assert!(scene.village.say(&["mesh", "status", "--hostname", "a"]).contains("a"));
}
