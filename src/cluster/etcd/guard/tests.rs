//! The rules in front of a store in memory: who may do which operation.

use std::sync::Arc;

use super::*;
use crate::cluster::etcd::lone::Lone;
use crate::cluster::etcd::node::{Credentials, Node as _, NodeError};
use crate::cluster::identity::rules::KvGrant;
use crate::cluster::identity::{MeshId, Principal};
use crate::cluster::store::auth::AuthError;
use crate::cluster::store::id::{LeaseId, Revision};
use crate::cluster::store::key::KeyRange;
use crate::cluster::store::request::{Caller, Change, Compare, Delete, Op, Operand, Put, Range, Test, Txn};
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
