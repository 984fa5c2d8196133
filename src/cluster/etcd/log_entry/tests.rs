use bytes::Bytes;
use prost::Message;

use super::{LogEntryError, decode, encode};
use crate::cluster::etcd::pb::etcdserverpb as pb;
use crate::cluster::store::auth::{Access, AuthChange, Permission};
use crate::cluster::store::id::{LeaseId, MemberId, Revision};
use crate::cluster::store::key::KeyRange;
use crate::cluster::store::member::LogLevel;
use crate::cluster::store::request::{
    AlarmChange, AlarmKind, Caller, Change, Command, Compare, Delete, Filter, Op, Operand, Put, Range, Sort,
    SortBy, Test, Txn, Wanted,
};

fn b(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

fn span() -> KeyRange {
    KeyRange::Span(b("a"), b("b"))
}

fn comes_back(change: Change) {
    for caller in [None, Some(Caller { user: "eve".into(), auth_revision: 7 })] {
        let command = Command { id: u64::MAX - 1, caller, change: change.clone() };
        assert_eq!(decode(&encode(&command)).unwrap(), command);
    }
}

fn put() -> Put {
    Put { key: b("k"), value: Some(b("v")), lease: Some(LeaseId(-3)), previous: true }
}

#[test]
fn writes_and_deletions_come_back_as_they_were() {
    comes_back(Change::Put(put()));
    comes_back(Change::Put(Put { value: None, ..put() }));
    comes_back(Change::Put(Put { lease: None, value: Some(Bytes::new()), ..put() }));
    comes_back(Change::Delete(Delete { range: KeyRange::One(b("k")), previous: false }));
    comes_back(Change::Delete(Delete { range: KeyRange::From(b("k")), previous: true }));
    comes_back(Change::Delete(Delete { range: span(), previous: true }));
}

#[test]
fn a_transaction_comes_back_with_all_that_is_in_it() {
    let compare = |with| Compare { range: span(), test: Test::NotEqual, with };
    let range = Range {
        range: span(),
        revision: Some(Revision(9)),
        limit: Some(3),
        sort: Some(Sort { by: SortBy::Value, descending: true }),
        sorted: None,
        wanted: Wanted::KeysOnly,
        filter: Filter { min_modified: 1, max_modified: 2, min_created: 3, max_created: 4 },
    };
    let inner = Txn {
        compares: vec![Compare { range: KeyRange::From(b("z")), test: Test::Less, with: Operand::Unknown }],
        then: vec![],
        otherwise: vec![Op::Delete(Delete { range: span(), previous: false })],
    };
    comes_back(Change::Txn(Txn {
        compares: vec![
            compare(Operand::Version(1)),
            compare(Operand::Created(2)),
            compare(Operand::Modified(3)),
            compare(Operand::Value(b("x"))),
            compare(Operand::Lease(LeaseId(5))),
        ],
        then: vec![Op::Range(range), Op::Put(put())],
        otherwise: vec![Op::Txn(inner)],
    }));
}

#[test]
fn leases_alarms_and_members_come_back_as_they_were() {
    comes_back(Change::Compact { revision: Revision(0) });
    comes_back(Change::LeaseGrant { id: LeaseId(i64::MIN), ttl_s: 60 });
    comes_back(Change::LeaseRevoke { id: LeaseId(4) });
    for kind in [None, Some(AlarmKind::NoSpace), Some(AlarmKind::Corrupt)] {
        for raise in [true, false] {
            comes_back(Change::Alarm(AlarmChange { raise, member: MemberId(u64::MAX), kind }));
        }
    }
    comes_back(Change::MemberAttributes {
        id: MemberId(8),
        name: "infra1".into(),
        client_urls: vec!["http://127.0.0.1:2379".into()],
        level: LogLevel::OWN,
    });
    comes_back(Change::ClusterVersion { version: "3.5.0".into() });
    comes_back(Change::Downgrade { enabled: true, target: "3.4.0".into() });
    comes_back(Change::Downgrade { enabled: false, target: String::new() });
}

#[test]
fn every_change_of_rights_comes_back_as_it_was() {
    let (user, role) = ("eve", "reader");
    let permission = |access, range| Permission { access, range };
    for change in [
        AuthChange::Enable,
        AuthChange::Disable,
        AuthChange::Authenticate { user: user.into(), simple_token: "abcdefghijklmnop".into() },
        AuthChange::UserAdd { user: user.into(), password_hash: Some("$2b$10$x".into()) },
        AuthChange::UserAdd { user: user.into(), password_hash: None },
        AuthChange::UserDelete { user: user.into() },
        AuthChange::UserChangePassword { user: user.into(), password_hash: "$2b$10$y".into() },
        AuthChange::UserGrantRole { user: user.into(), role: role.into() },
        AuthChange::UserRevokeRole { user: user.into(), role: role.into() },
        AuthChange::RoleAdd { role: role.into() },
        AuthChange::RoleDelete { role: role.into() },
        AuthChange::RoleGrantPermission { role: role.into(), permission: permission(Access::Write, span()) },
        AuthChange::RoleGrantPermission {
            role: role.into(),
            permission: permission(Access::ReadWrite, KeyRange::From(Bytes::new())),
        },
        AuthChange::RoleRevokePermission { role: role.into(), range: KeyRange::One(b("k")) },
    ] {
        comes_back(Change::Auth(change));
    }
}

#[test]
fn an_entry_that_says_nothing_is_an_error() {
    assert!(matches!(decode(b""), Err(LogEntryError::Empty)));
    assert!(matches!(decode(b"\xff\xff"), Err(LogEntryError::Message(_))));
}

#[test]
fn a_transaction_as_deep_as_the_wire_allows_can_be_read_from_the_log_or_is_refused_before() {
    for depth in 1..60 {
        let mut wire = pb::TxnRequest::default();
        for _ in 0..depth {
            let op = pb::RequestOp { request: Some(pb::request_op::Request::RequestTxn(wire)) };
            wire = pb::TxnRequest { success: vec![op], ..Default::default() };
        }
        let Ok(wire) = pb::TxnRequest::decode(&*wire.encode_to_vec()) else { continue };
        let Ok(txn) = crate::cluster::etcd::convert::txn(&wire, usize::MAX) else { continue };
        comes_back(Change::Txn(txn));
    }
}

#[test]
fn what_was_damaged_is_read_or_refused_and_never_a_panic() {
    let command = Command { id: 1, caller: None, change: Change::Put(put()) };
    let entry = encode(&command).to_vec();
    for at in 0..entry.len() {
        for bit in 0..8 {
            let mut damaged = entry.clone();
            damaged[at] ^= 1 << bit;
            drop(decode(&damaged));
            drop(decode(&damaged[..at]));
        }
    }
}
