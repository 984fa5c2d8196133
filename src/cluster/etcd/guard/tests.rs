//! The rules in front of a store in memory: who may do which operation.

use std::sync::Arc;

use super::*;
use crate::cluster::etcd::lone::Lone;
use crate::cluster::etcd::node::{Credentials, Node as _, NodeError};
use crate::cluster::identity::rules::KvGrant;
use crate::cluster::identity::{MeshId, Principal};
use crate::cluster::store::auth::{AuthChange, AuthError};
use crate::cluster::store::id::{LeaseId, MemberId, Revision};
use crate::cluster::store::key::KeyRange;
use crate::cluster::store::request::{
    AlarmChange, Caller, Change, Compare, Delete, Op, Operand, Put, Range, Test, Txn,
};
use crate::cluster::store::watch::Limits;
use crate::cluster::world::keys;

fn mesh() -> MeshId {
    MeshId::from_bytes([7; 16])
}

struct Scene {
    guard: Guard,
    grants: Grants,
}

impl Scene {
    fn new() -> Self {
        let grants = Grants::default();
        Self { guard: Guard::new(Arc::new(Lone::start(Limits::default())), mesh(), grants.clone()), grants }
    }

    fn caller(&self, who: &Principal) -> Option<Caller> {
        let common_name = who.uri(&mesh());
        self.guard.caller(&Credentials { token: None, common_name }).unwrap()
    }

    async fn change(&self, who: &Principal, change: Change) -> Result<(), NodeError> {
        self.guard.propose(change, self.caller(who)).await.map(drop)
    }
}

fn web() -> Principal {
    Principal::Host("web-1".parse().unwrap())
}

fn ann() -> Principal {
    Principal::Administrator("ann".parse().unwrap())
}

fn put(key: &str) -> Put {
    let value = Some(bytes::Bytes::from_static(b"x"));
    Put { key: key.to_owned().into(), value, lease: Some(LeaseId(0)), previous: false }
}

fn one(key: &str) -> KeyRange {
    KeyRange::One(key.to_owned().into())
}

fn is_denied(result: &Result<(), NodeError>) -> bool {
    matches!(result, Err(NodeError::Store(error)) if error.to_string() == AuthError::PermissionDenied.to_string())
}

const OWN: &str = "/_mgmt/host/web-1/card";
const OTHERS: &str = "/_mgmt/host/db-1/card";

#[tokio::test]
async fn a_host_writes_what_is_its_own_and_an_administrator_everything() {
    let scene = Scene::new();
    scene.change(&web(), Change::Put(put(OWN))).await.unwrap();
    let refused = scene.change(&web(), Change::Put(put(OTHERS))).await;
    assert!(is_denied(&refused), "{refused:?}");
    scene.change(&ann(), Change::Put(put(OTHERS))).await.unwrap();
    let refused = scene.change(&web(), Change::Put(put("anything"))).await;
    assert!(is_denied(&refused), "{refused:?}");
}

#[tokio::test]
async fn one_bad_branch_spoils_a_transaction_whichever_way_it_would_go() {
    let scene = Scene::new();
    let good = || Op::Put(put(OWN));
    let bad = || Op::Put(put(OTHERS));
    let nested = |op: Op| Op::Txn(Txn { then: vec![op], ..Txn::default() });
    for txn in [
        Txn { then: vec![good(), bad()], ..Txn::default() },
        Txn { then: vec![good()], otherwise: vec![bad()], ..Txn::default() },
        Txn { then: vec![good(), nested(nested(bad()))], ..Txn::default() },
        Txn {
            compares: vec![Compare {
                range: one("/_mgmt/secret/a/db-1"),
                test: Test::Equal,
                with: Operand::Version(1),
            }],
            then: vec![good()],
            ..Txn::default()
        },
        Txn { then: vec![Op::Range(Range::of(one("/_mgmt/secret/a/db-1")))], ..Txn::default() },
        Txn { then: vec![Op::Delete(Delete { range: one(OTHERS), previous: false })], ..Txn::default() },
    ] {
        let refused = scene.change(&web(), Change::Txn(txn.clone())).await;
        assert!(is_denied(&refused), "{txn:?}: {refused:?}");
        assert!(scene.guard.read_txn(&txn, scene.caller(&web()).as_ref()).is_err());
    }
    let range = Range::of(one(OWN));
    let (_, found) = scene.guard.range(&range, scene.caller(&ann()).as_ref()).unwrap();
    assert_eq!(found.count, 0, "nothing of what was refused was done");
    scene.change(&web(), Change::Txn(Txn { then: vec![nested(good())], ..Txn::default() })).await.unwrap();
}

#[tokio::test]
async fn what_is_read_beside_a_write_needs_the_right_to_read() {
    let scene = Scene::new();
    *scene.grants.write().unwrap() =
        vec![KvGrant { prefix: "motd".to_owned(), hosts: "web-*".parse().unwrap() }];
    let key = "/_mgmt/strings/shared/motd";
    scene.change(&web(), Change::Put(put(key))).await.unwrap();
    let entry = format!("{}web-1/1", keys::AUDIT);
    let added = Txn {
        compares: vec![Compare { range: one(&entry), test: Test::Equal, with: Operand::Created(0) }],
        then: vec![Op::Put(Put { previous: true, ..put(&entry) })],
        ..Txn::default()
    };
    let refused = scene.change(&web(), Change::Txn(added)).await;
    assert!(is_denied(&refused), "a host does not read the audit: {refused:?}");
}

#[tokio::test]
async fn a_grant_is_for_the_hosts_and_keys_that_it_names_and_ends_when_it_is_taken_back() {
    let scene = Scene::new();
    let key = "/_mgmt/strings/shared/motd";
    assert!(is_denied(&scene.change(&web(), Change::Put(put(key))).await));
    *scene.grants.write().unwrap() =
        vec![KvGrant { prefix: "motd".to_owned(), hosts: "web-*".parse().unwrap() }];
    scene.change(&web(), Change::Put(put(key))).await.unwrap();
    assert!(is_denied(&scene.change(&web(), Change::Put(put("/_mgmt/strings/shared/other"))).await));
    scene.grants.write().unwrap().clear();
    assert!(is_denied(&scene.change(&web(), Change::Put(put(key))).await));
}

#[tokio::test]
async fn what_was_done_is_written_once_and_never_changed() {
    let scene = Scene::new();
    let entry = format!("{}web-1/1", keys::AUDIT);
    let refused = scene.change(&web(), Change::Put(put(&entry))).await;
    assert!(is_denied(&refused), "without a comparison: {refused:?}");
    let absent = Compare { range: one(&entry), test: Test::Equal, with: Operand::Version(0) };
    let txn = Txn { compares: vec![absent.clone()], then: vec![Op::Put(put(&entry))], ..Txn::default() };
    // Whether an entry is there is not for a host to read, but to ask so that it can add one it may.
    scene.change(&web(), Change::Txn(txn.clone())).await.unwrap();
    scene.change(&web(), Change::Txn(txn)).await.unwrap();
    let turned = Txn { compares: vec![absent], otherwise: vec![Op::Put(put(&entry))], ..Txn::default() };
    assert!(is_denied(&scene.change(&web(), Change::Txn(turned)).await));
    let gone = Change::Delete(Delete { range: one(&entry), previous: false });
    assert!(is_denied(&scene.change(&web(), gone.clone()).await));
    assert!(is_denied(&scene.change(&ann(), gone).await));
}

#[tokio::test]
async fn a_lease_is_of_the_host_that_made_it() {
    let scene = Scene::new();
    let db = Principal::Host("db-1".parse().unwrap());
    let own = scene.guard.lease_for(scene.caller(&web()).as_ref(), 0x1234_5678_9abc_def0);
    scene.change(&web(), Change::LeaseGrant { id: own, ttl_s: 60 }).await.unwrap();
    let attached = Change::Put(Put { lease: Some(own), ..put(OWN) });
    scene.change(&web(), attached).await.unwrap();
    let stolen = Change::Put(Put { lease: Some(own), ..put(OTHERS) });
    assert!(is_denied(&scene.change(&db, stolen).await));
    assert!(is_denied(&scene.change(&db, Change::LeaseRevoke { id: own }).await));
    assert!(is_denied(&scene.change(&db, Change::LeaseGrant { id: own, ttl_s: 60 }).await));
    let access = crate::cluster::store::auth::Access::Read;
    assert!(scene.guard.may_use_lease(own, access, scene.caller(&db).as_ref()).is_err());
    assert!(scene.guard.lease(own, true, scene.caller(&db).as_ref()).await.is_err());
    assert_eq!(
        scene.guard.lease(own, true, scene.caller(&web()).as_ref()).await.unwrap().unwrap().keys.len(),
        1
    );
    scene.change(&ann(), Change::LeaseRevoke { id: own }).await.unwrap();
}

#[tokio::test]
async fn only_administrators_do_what_is_no_ones_own() {
    let scene = Scene::new();
    scene.change(&web(), Change::Put(put(OWN))).await.unwrap();
    scene.change(&web(), Change::Put(put(OWN))).await.unwrap();
    let compact = Change::Compact { revision: Revision(2) };
    assert!(is_denied(&scene.change(&web(), compact.clone()).await));
    scene.change(&ann(), compact).await.unwrap();
    assert_eq!(scene.guard.check_root(scene.caller(&web()).as_ref()), Err(AuthError::PermissionDenied));
    assert_eq!(scene.guard.check_root(scene.caller(&ann()).as_ref()), Ok(()));
}

#[tokio::test]
async fn who_shows_nothing_or_something_else_gets_nothing() {
    let scene = Scene::new();
    let refused = scene.guard.propose(Change::Put(put(OWN)), None).await;
    assert!(refused.is_err_and(|error| error.to_string() == AuthError::UserEmpty.to_string()));
    let everything = KeyRange::From("a".into());
    assert_eq!(scene.guard.may_watch(&everything, None), Err(AuthError::UserEmpty));
    for name in ["root", "host:web-1", "web-1", "mgmt://0808080808080808080808080808080808/host/web-1"] {
        let shown = Credentials { token: Some("t".to_owned()), common_name: Some(name.to_owned()) };
        assert_eq!(scene.guard.caller(&shown).err(), Some(AuthError::PermissionDenied), "{name}");
    }
    assert_eq!(
        scene.guard.may_watch(&everything, scene.caller(&web()).as_ref()),
        Err(AuthError::PermissionDenied)
    );
    assert!(scene.guard.log_in("root", "").await.is_err());
}

/// Keys of every row of the table, and what the host `web-1` may do there: read, write, delete.
const ROWS: &[(&str, &str)] = &[
    ("/_mgmt/export/*/file/web-1/x", "rwd"),
    ("/_mgmt/export/*/file/db-1/x", "r  "),
    ("/_mgmt/export/web-1/file/db-1/x", "r  "),
    ("/_mgmt/export/db-1/file/web-1/x", "rwd"),
    ("/_mgmt/export/db-1/file/db-2/x", "   "),
    ("/_mgmt/host/web-1/card", "rwd"),
    ("/_mgmt/host/db-1/card", "r  "),
    ("/_mgmt/strings/host/k/web-1", "rwd"),
    ("/_mgmt/strings/host/k/db-1", "r  "),
    ("/_mgmt/strings/shared/motd", "r  "),
    ("/_mgmt/schedule/ns/candidate/web-1", "rwd"),
    ("/_mgmt/schedule/ns/candidate/db-1", "r  "),
    ("/_mgmt/schedule/ns/choice", "r  "),
    ("/_mgmt/deploy/00000000000000000001", "r  "),
    ("/_mgmt/blob/aa", "r  "),
    ("/_mgmt/policy", "r  "),
    ("/_mgmt/rollout", "r  "),
    ("/_mgmt/secret/tls/web-1", "r  "),
    ("/_mgmt/secret/tls/db-1", "   "),
    ("/_mgmt/pki/denied", "r  "),
    ("/_mgmt/pki/invite/1f", "   "),
    ("/_mgmt/audit/db-1/1", "   "),
    ("/registry/pods", "   "),
];

/// What an operation needs, and whether it was allowed.
type Tried = (&'static str, bool, bool);

/// Every operation on a key, by who has these rights to it.
async fn all_operations(
    scene: &Scene,
    who: Option<&Principal>,
    key: &str,
    rights: &str,
    lease: LeaseId,
) -> Vec<Tried> {
    let caller = || who.and_then(|who| scene.caller(who));
    let propose = async |change: Change| scene.guard.propose(change, caller()).await.is_ok();
    let [read, write, remove] = ['r', 'w', 'd'].map(|right| rights.contains(right));
    let is_admin = who == Some(&ann());
    let compare = Compare { range: one(key), test: Test::Equal, with: Operand::Version(1) };
    let compares = Txn { compares: vec![compare], ..Txn::default() };
    let bad_branch = Txn { then: vec![], otherwise: vec![Op::Put(put(key))], ..Txn::default() };
    let beyond = KeyRange::Span(key.to_owned().into(), "/zzz".into());
    let delete = Change::Delete(Delete { range: one(key), previous: false });
    let theirs = is_admin || who == Some(&web());
    vec![
        ("range", read, scene.guard.range(&Range::of(one(key)), caller().as_ref()).is_ok()),
        ("narrow watch", read, scene.guard.may_watch(&one(key), caller().as_ref()).is_ok()),
        ("wide watch", is_admin, scene.guard.may_watch(&beyond, caller().as_ref()).is_ok()),
        ("comparison", read, scene.guard.read_txn(&compares, caller().as_ref()).is_ok()),
        ("put", write, propose(Change::Put(put(key))).await),
        ("put that reads", read && write, propose(Change::Put(Put { previous: true, ..put(key) })).await),
        (
            "put under a lease",
            write && theirs,
            propose(Change::Put(Put { lease: Some(lease), ..put(key) })).await,
        ),
        ("transaction with one bad branch", write, propose(Change::Txn(bad_branch)).await),
        ("delete", remove, propose(delete).await),
    ]
}

#[tokio::test]
async fn every_identity_may_do_with_every_row_what_the_table_says_by_every_operation() {
    let scene = Scene::new();
    let lease = scene.guard.lease_for(scene.caller(&web()).as_ref(), 7);
    scene.change(&web(), Change::LeaseGrant { id: lease, ttl_s: 600 }).await.unwrap();
    for (key, of_web) in ROWS {
        // What was done is written with a comparison only, and by nobody removed.
        let of_ann = if key.starts_with(keys::AUDIT) { "r  " } else { "rwd" };
        for (who, rights) in [(None, "   "), (Some(web()), *of_web), (Some(ann()), of_ann)] {
            for (operation, expected, found) in all_operations(&scene, who.as_ref(), key, rights, lease).await
            {
                assert_eq!(found, expected, "{operation} {key} as {who:?}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_not_about_keys_is_the_administrators() {
    let scene = Scene::new();
    let alarm = AlarmChange { raise: false, member: MemberId(1), kind: None };
    for (who, allowed) in [(None, false), (Some(web()), false), (Some(ann()), true)] {
        let caller = || who.as_ref().and_then(|who| scene.caller(who));
        // A first write, so that there is something to compact.
        scene.change(&ann(), Change::Put(put(OWN))).await.unwrap();
        for change in [Change::Compact { revision: scene.guard.revision() }, Change::Alarm(alarm)] {
            let done = scene.guard.propose(change.clone(), caller()).await;
            assert_eq!(done.is_ok(), allowed, "{change:?} as {who:?}: {done:?}");
        }
        // Members, snapshots, maintenance: the services ask this.
        assert_eq!(scene.guard.check_root(caller().as_ref()).is_ok(), allowed, "{who:?}");
        // The rules are built in: nobody changes them through the users and roles of etcd.
        let auth = Change::Auth(AuthChange::Disable);
        assert!(scene.guard.propose(auth, caller()).await.is_err(), "{who:?}");
    }
}
