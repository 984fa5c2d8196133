//! Requests of the key-value service, from the wire. Keys and values are shared with the buffer that they came in, which
//! lives no longer than the request: the store copies what it keeps.

use bytes::Bytes;

use super::RequestError;
use crate::cluster::etcd::pb::etcdserverpb as pb;
use crate::cluster::store::id::{LeaseId, Revision};
use crate::cluster::store::key::KeyRange;
use crate::cluster::store::request::{
    AlarmKind, Compare, Delete, Filter, Op, Operand, Put, Range, Sort, SortBy, Test, Txn, Wanted,
};
use crate::cluster::store::validate::FormError;

/// How deep transactions may be nested. prost reads messages 100 deep, and an operation takes two of them; the log's
/// entry around the request must still be readable.
const DEEPEST: usize = 40;

/// A put.
pub fn put(wire: &pb::PutRequest) -> Result<Put, RequestError> {
    if wire.key.is_empty() {
        return Err(RequestError::EmptyKey);
    }
    if wire.ignore_value && !wire.value.is_empty() {
        return Err(RequestError::ValueProvided);
    }
    if wire.ignore_lease && wire.lease != 0 {
        return Err(RequestError::LeaseProvided);
    }
    Ok(Put {
        key: wire.key.clone(),
        value: (!wire.ignore_value).then(|| wire.value.clone()),
        lease: (!wire.ignore_lease).then_some(LeaseId(wire.lease)),
        previous: wire.prev_kv,
    })
}

/// A deletion.
pub fn delete(wire: &pb::DeleteRangeRequest) -> Result<Delete, RequestError> {
    if wire.key.is_empty() {
        return Err(RequestError::EmptyKey);
    }
    Ok(Delete { range: KeyRange::of(wire.key.clone(), wire.range_end.clone()), previous: wire.prev_kv })
}

/// A range.
pub fn range(wire: &pb::RangeRequest) -> Result<Range, RequestError> {
    if wire.key.is_empty() {
        return Err(RequestError::EmptyKey);
    }
    let filter = Filter {
        min_modified: wire.min_mod_revision,
        max_modified: wire.max_mod_revision,
        min_created: wire.min_create_revision,
        max_created: wire.max_create_revision,
    };
    let limit = usize::try_from(wire.limit).ok().filter(|limit| *limit > 0);
    let sort = sort(wire)?;
    let bounded = sort.is_some()
        && wire.sort_order == i32::from(pb::range_request::SortOrder::None)
        && filter == Filter::default();
    Ok(Range {
        range: KeyRange::of(wire.key.clone(), wire.range_end.clone()),
        revision: (wire.revision > 0).then_some(Revision(wire.revision)),
        limit,
        sort,
        // One more than wanted: to know whether there are more.
        sorted: limit.filter(|_| bounded).map(|limit| limit.saturating_add(1)),
        wanted: match (wire.count_only, wire.keys_only) {
            (true, _) => Wanted::CountOnly,
            (false, true) => Wanted::KeysOnly,
            (false, false) => Wanted::All,
        },
        filter,
    })
}

/// The order. Keys come in order anyway; another target without an order is ascending.
fn sort(wire: &pb::RangeRequest) -> Result<Option<Sort>, RequestError> {
    use pb::range_request::{SortOrder, SortTarget};
    let order = SortOrder::try_from(wire.sort_order).map_err(|_| RequestError::InvalidSort)?;
    let by = match SortTarget::try_from(wire.sort_target).map_err(|_| RequestError::InvalidSort)? {
        SortTarget::Key => SortBy::Key,
        SortTarget::Version => SortBy::Version,
        SortTarget::Create => SortBy::Created,
        SortTarget::Mod => SortBy::Modified,
        SortTarget::Value => SortBy::Value,
    };
    let descending = order == SortOrder::Descend;
    Ok((by != SortBy::Key || descending).then_some(Sort { by, descending }))
}

/// A transaction with at most so many comparisons or operations in a list; one within it may have so many fewer.
pub fn txn(wire: &pb::TxnRequest, most_ops: usize) -> Result<Txn, RequestError> {
    nested_txn(wire, 0, most_ops)
}

fn nested_txn(wire: &pb::TxnRequest, depth: usize, most_ops: usize) -> Result<Txn, RequestError> {
    let widest = wire.compare.len().max(wire.success.len()).max(wire.failure.len());
    let left = most_ops.checked_sub(widest).filter(|_| depth <= DEEPEST).ok_or(FormError::TooManyOps)?;
    let ops =
        |list: &[pb::RequestOp]| list.iter().map(|wire| op(wire, depth, left)).collect::<Result<_, _>>();
    Ok(Txn {
        compares: wire.compare.iter().map(compare).collect::<Result<_, _>>()?,
        then: ops(&wire.success)?,
        otherwise: ops(&wire.failure)?,
    })
}

fn op(wire: &pb::RequestOp, depth: usize, most_ops: usize) -> Result<Op, RequestError> {
    use pb::request_op::Request;
    match wire.request.as_ref().ok_or(RequestError::UnsetOp)? {
        Request::RequestRange(wire) => {
            let mut range = range(wire)?;
            // Here etcd looks at negative ones too: some are compacted.
            range.revision = (wire.revision != 0).then_some(Revision(wire.revision));
            Ok(Op::Range(range))
        }
        Request::RequestPut(wire) => put(wire).map(Op::Put),
        Request::RequestDeleteRange(wire) => delete(wire).map(Op::Delete),
        Request::RequestTxn(wire) => nested_txn(wire, depth + 1, most_ops).map(Op::Txn),
    }
}

fn compare(wire: &pb::Compare) -> Result<Compare, RequestError> {
    use pb::compare::{CompareResult, CompareTarget, TargetUnion};
    if wire.key.is_empty() {
        return Err(RequestError::EmptyKey);
    }
    // An operand of another kind than the target counts as not given, which is zero.
    let number = |of: fn(&TargetUnion) -> Option<i64>| wire.target_union.as_ref().and_then(of).unwrap_or(0);
    let with = match CompareTarget::try_from(wire.target) {
        Ok(CompareTarget::Version) => {
            Operand::Version(number(|u| if let TargetUnion::Version(n) = u { Some(*n) } else { None }))
        }
        Ok(CompareTarget::Create) => {
            Operand::Created(number(|u| if let TargetUnion::CreateRevision(n) = u { Some(*n) } else { None }))
        }
        Ok(CompareTarget::Mod) => {
            Operand::Modified(number(|u| if let TargetUnion::ModRevision(n) = u { Some(*n) } else { None }))
        }
        Ok(CompareTarget::Lease) => {
            Operand::Lease(LeaseId(number(|u| if let TargetUnion::Lease(n) = u { Some(*n) } else { None })))
        }
        Ok(CompareTarget::Value) => match &wire.target_union {
            Some(TargetUnion::Value(value)) => Operand::Value(value.clone()),
            _ => Operand::Value(Bytes::new()),
        },
        Err(_) => Operand::Unknown,
    };
    let range = KeyRange::of(wire.key.clone(), wire.range_end.clone());
    Ok(Compare { range, test: CompareResult::try_from(wire.result).map_or(Test::Any, test), with })
}

fn test(wire: pb::compare::CompareResult) -> Test {
    use pb::compare::CompareResult;
    match wire {
        CompareResult::Equal => Test::Equal,
        CompareResult::Greater => Test::Greater,
        CompareResult::Less => Test::Less,
        CompareResult::NotEqual => Test::NotEqual,
    }
}

/// The kind of an alarm; `None`: each.
pub fn alarm_kind(wire: i32) -> Result<Option<AlarmKind>, RequestError> {
    match pb::AlarmType::try_from(wire) {
        Ok(pb::AlarmType::None) => Ok(None),
        Ok(pb::AlarmType::Nospace) => Ok(Some(AlarmKind::NoSpace)),
        Ok(pb::AlarmType::Corrupt) => Ok(Some(AlarmKind::Corrupt)),
        Err(_) => Err(RequestError::InvalidAlarm),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_operations_are_refused_and_those_within_share_the_number() {
        use pb::request_op::Request;
        let then = |success| pb::TxnRequest { success, ..Default::default() };
        let op = |request| pb::RequestOp { request: Some(request) };
        let put = |at| {
            op(Request::RequestPut(pb::PutRequest { key: format!("{at}").into(), ..Default::default() }))
        };
        let many = |count| then((0..count).map(put).collect());
        let refused = || Err(RequestError::from(FormError::TooManyOps));
        assert_eq!(txn(&many(128), 128).map(drop), Ok(()));
        assert_eq!(txn(&many(129), 128).map(drop), refused());
        let within = |count| then(vec![op(Request::RequestTxn(many(count)))]);
        assert_eq!(txn(&within(127), 128).map(drop), Ok(()));
        assert_eq!(txn(&within(128), 128).map(drop), refused());
        let compare = pb::Compare { key: "a".into(), ..Default::default() };
        let compares = pb::TxnRequest { compare: vec![compare; 129], ..Default::default() };
        assert_eq!(txn(&compares, 128).map(drop), refused());
    }
}
