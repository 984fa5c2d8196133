use std::io::Cursor;

use super::*;
use crate::cluster::raft::wire::ConfState;
use crate::cluster::store::Store;
use crate::cluster::store::auth::AuthChange;
use crate::cluster::store::id::{LeaseId, MemberId, Revision};
use crate::cluster::store::key::KeyRange;
use crate::cluster::store::member::{Member, Members};
use crate::cluster::store::request::{AlarmChange, AlarmKind, Change, Command, Delete, Put};

fn put(key: &'static [u8], value: &'static [u8], lease: i64) -> Change {
    let put =
        Put { key: key.into(), value: Some(value.into()), lease: Some(LeaseId(lease)), previous: false };
    Change::Put(put)
}

fn filled() -> Store {
    let mut store = Store::new();
    let changes = [
        Change::LeaseGrant { id: LeaseId(-7), ttl_s: 60 },
        put(b"a", b"1", 0),
        put(b"b", b"2", -7),
        put(b"a", b"3", 0),
        Change::Delete(Delete { range: KeyRange::One("b".into()), previous: false }),
        Change::Compact { revision: Revision(3) },
        Change::Auth(AuthChange::RoleAdd { role: "r".into() }),
        Change::Auth(AuthChange::UserAdd { user: "u".into(), password_hash: None }),
        Change::Auth(AuthChange::UserGrantRole { user: "u".into(), role: "r".into() }),
        Change::ClusterVersion { version: "3.5.0".into() },
        Change::Alarm(AlarmChange { raise: true, member: MemberId(5), kind: Some(AlarmKind::NoSpace) }),
    ];
    for (index, change) in (1..).zip(changes) {
        store.apply(index, Command { id: index, caller: None, change }).unwrap();
    }
    store
}

#[test]
fn what_is_saved_is_loaded() {
    let store = filled();
    let member = |id| Member { id: MemberId(id), name: format!("m{id}"), ..Member::default() };
    let members = Members::restore([member(5), member(0xabcd)], [MemberId(9)]);
    let voters = ConfState { voters: vec![5, 0xabcd], ..ConfState::default() };
    let contents = Contents { store: store.snapshot(), members: members.clone(), voters, term: 3 };
    let file = save(&contents, Cursor::new(Vec::new())).unwrap().into_inner();
    let loaded = load(file.as_slice()).unwrap();
    assert_eq!(loaded.members, members);
    assert_eq!(loaded.term, 3);
    let (before, after) = (store.snapshot(), loaded.store.snapshot());
    assert_eq!(before.versions().collect::<Vec<_>>(), after.versions().collect::<Vec<_>>());
    assert_eq!(before.auth, after.auth);
    assert_eq!(before.facts.version, after.facts.version);
    let numbers = |it: &crate::cluster::store::snapshot::Snapshot| {
        (it.applied, it.revision, it.compacted, it.leases.clone(), it.alarms.clone())
    };
    assert_eq!(numbers(&before), numbers(&after));
    assert_eq!(store.hash_kv(None).unwrap(), loaded.store.hash_kv(None).unwrap());
}
