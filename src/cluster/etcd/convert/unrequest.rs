//! The store's requests, back to the wire: for the log, and for the member that leads.

use bytes::Bytes;

use crate::cluster::etcd::pb::etcdserverpb as pb;
use crate::cluster::store::key::KeyRange;
use crate::cluster::store::request::{
    AlarmKind, Compare, Delete, Op, Operand, Put, Range, SortBy, Test, Txn, Wanted,
};

/// `key` and `range_end` of a range.
pub fn ends_of(range: &KeyRange) -> (Bytes, Bytes) {
    match range {
        KeyRange::One(key) => (key.clone(), Bytes::new()),
        KeyRange::From(key) => (key.clone(), Bytes::from_static(&[0])),
        KeyRange::Span(key, end) => (key.clone(), end.clone()),
    }
}

/// A put.
pub fn put_to_wire(put: &Put) -> pb::PutRequest {
    pb::PutRequest {
        key: put.key.clone(),
        value: put.value.clone().unwrap_or_default(),
        lease: put.lease.unwrap_or_default().0,
        prev_kv: put.previous,
        ignore_value: put.value.is_none(),
        ignore_lease: put.lease.is_none(),
    }
}

/// A deletion.
pub fn delete_to_wire(delete: &Delete) -> pb::DeleteRangeRequest {
    let (key, range_end) = ends_of(&delete.range);
    pb::DeleteRangeRequest { key, range_end, prev_kv: delete.previous }
}

/// A range.
pub fn range_to_wire(range: &Range) -> pb::RangeRequest {
    use pb::range_request::{SortOrder, SortTarget};
    let (key, range_end) = ends_of(&range.range);
    let (order, target) = range.sort.map_or((SortOrder::None, SortTarget::Key), |sort| {
        let target = match sort.by {
            SortBy::Key => SortTarget::Key,
            SortBy::Version => SortTarget::Version,
            SortBy::Created => SortTarget::Create,
            SortBy::Modified => SortTarget::Mod,
            SortBy::Value => SortTarget::Value,
        };
        let order = match (range.sorted, sort.descending) {
            (Some(_), _) => SortOrder::None,
            (None, true) => SortOrder::Descend,
            (None, false) => SortOrder::Ascend,
        };
        (order, target)
    });
    pb::RangeRequest {
        key,
        range_end,
        limit: range.limit.map_or(0, |limit| i64::try_from(limit).unwrap_or(i64::MAX)),
        revision: range.revision.unwrap_or_default().0,
        sort_order: order.into(),
        sort_target: target.into(),
        serializable: false,
        keys_only: range.wanted == Wanted::KeysOnly,
        count_only: range.wanted == Wanted::CountOnly,
        min_mod_revision: range.filter.min_modified,
        max_mod_revision: range.filter.max_modified,
        min_create_revision: range.filter.min_created,
        max_create_revision: range.filter.max_created,
    }
}

/// A transaction.
pub fn txn_to_wire(txn: &Txn) -> pb::TxnRequest {
    let ops = |list: &[Op]| list.iter().map(op_to_wire).collect();
    pb::TxnRequest {
        compare: txn.compares.iter().map(compare_to_wire).collect(),
        success: ops(&txn.then),
        failure: ops(&txn.otherwise),
    }
}

fn op_to_wire(op: &Op) -> pb::RequestOp {
    use pb::request_op::Request;
    let request = match op {
        Op::Range(range) => Request::RequestRange(range_to_wire(range)),
        Op::Put(put) => Request::RequestPut(put_to_wire(put)),
        Op::Delete(delete) => Request::RequestDeleteRange(delete_to_wire(delete)),
        Op::Txn(txn) => Request::RequestTxn(txn_to_wire(txn)),
    };
    pb::RequestOp { request: Some(request) }
}

/// A relation that no version knows.
const UNKNOWN_RELATION: i32 = -1;
/// A target that no version knows.
const UNKNOWN_TARGET: i32 = -1;

fn compare_to_wire(compare: &Compare) -> pb::Compare {
    use pb::compare::{CompareResult, CompareTarget, TargetUnion};
    let (key, range_end) = ends_of(&compare.range);
    let result = match compare.test {
        Test::Equal => CompareResult::Equal.into(),
        Test::Greater => CompareResult::Greater.into(),
        Test::Less => CompareResult::Less.into(),
        Test::NotEqual => CompareResult::NotEqual.into(),
        Test::Any => UNKNOWN_RELATION,
    };
    let (target, union) = match &compare.with {
        Operand::Version(n) => (CompareTarget::Version.into(), Some(TargetUnion::Version(*n))),
        Operand::Created(n) => (CompareTarget::Create.into(), Some(TargetUnion::CreateRevision(*n))),
        Operand::Modified(n) => (CompareTarget::Mod.into(), Some(TargetUnion::ModRevision(*n))),
        Operand::Value(value) => (CompareTarget::Value.into(), Some(TargetUnion::Value(value.clone()))),
        Operand::Lease(id) => (CompareTarget::Lease.into(), Some(TargetUnion::Lease(id.0))),
        Operand::Unknown => (UNKNOWN_TARGET, None),
    };
    pb::Compare { result, target, key, target_union: union, range_end }
}

/// The kind of an alarm.
pub fn alarm_kind_to_wire(kind: Option<AlarmKind>) -> pb::AlarmType {
    match kind {
        None => pb::AlarmType::None,
        Some(AlarmKind::NoSpace) => pb::AlarmType::Nospace,
        Some(AlarmKind::Corrupt) => pb::AlarmType::Corrupt,
    }
}
