//! The store's answers, to the wire. Keys and values are shared, not copied.

use super::alarm_kind_to_wire;
use crate::cluster::etcd::node::Member;
use crate::cluster::etcd::pb::{etcdserverpb as pb, mvccpb};
use crate::cluster::store::id::Revision;
use crate::cluster::store::reply::{Alarm, DeleteReply, KeyValue, OpReply, PutReply, RangeReply, TxnReply};
use crate::cluster::store::watch::{Event, EventKind};

/// A key with its value.
pub fn key_value(kv: KeyValue) -> mvccpb::KeyValue {
    mvccpb::KeyValue {
        key: kv.key,
        create_revision: kv.created.0,
        mod_revision: kv.modified.0,
        version: kv.version,
        value: kv.value,
        lease: kv.lease.0,
    }
}

/// An event of a watch. Keys and values are shared with all who are told of it.
pub fn event(event: &Event) -> mvccpb::Event {
    use mvccpb::event::EventType;
    let kind = match event.kind {
        EventKind::Put => EventType::Put,
        EventKind::Delete => EventType::Delete,
    };
    mvccpb::Event {
        r#type: kind.into(),
        kv: Some(key_value(event.kv.clone())),
        prev_kv: event.previous.clone().map(key_value),
    }
}

/// The answer to a range.
pub fn range_reply(reply: RangeReply, header: Option<pb::ResponseHeader>) -> pb::RangeResponse {
    pb::RangeResponse {
        header,
        kvs: reply.kvs.into_iter().map(key_value).collect(),
        more: reply.more,
        count: number(reply.count),
    }
}

/// The answer to a put.
pub fn put_reply(reply: PutReply, header: Option<pb::ResponseHeader>) -> pb::PutResponse {
    pb::PutResponse { header, prev_kv: reply.previous.map(key_value) }
}

/// The answer to a deletion.
pub fn delete_reply(reply: DeleteReply, header: Option<pb::ResponseHeader>) -> pb::DeleteRangeResponse {
    pb::DeleteRangeResponse {
        header,
        deleted: number(reply.deleted),
        prev_kvs: reply.previous.into_iter().map(key_value).collect(),
    }
}

/// The answer to a transaction. Those inside have only a revision in their headers; a nested
/// transaction's header is empty, as in etcd 3.5.
pub fn txn_reply(reply: TxnReply, header: Option<pb::ResponseHeader>) -> pb::TxnResponse {
    pb::TxnResponse {
        header,
        succeeded: reply.succeeded,
        responses: reply.replies.into_iter().map(|(revision, reply)| op_reply(revision, reply)).collect(),
    }
}

fn op_reply(revision: Revision, reply: OpReply) -> pb::ResponseOp {
    use pb::response_op::Response;
    let header = Some(pb::ResponseHeader { revision: revision.0, ..Default::default() });
    let response = match reply {
        OpReply::Range(reply) => Response::ResponseRange(range_reply(reply, header)),
        OpReply::Put(reply) => Response::ResponsePut(put_reply(reply, header)),
        OpReply::Delete(reply) => Response::ResponseDeleteRange(delete_reply(reply, header)),
        OpReply::Txn(reply) => Response::ResponseTxn(txn_reply(reply, Some(pb::ResponseHeader::default()))),
    };
    pb::ResponseOp { response: Some(response) }
}

/// A member.
pub fn member(member: Member) -> pb::Member {
    pb::Member {
        id: member.id.0,
        name: member.name,
        peer_ur_ls: member.peer_urls,
        client_ur_ls: member.client_urls,
        is_learner: member.learner,
    }
}

/// An alarm.
pub fn alarm_to_wire(alarm: Alarm) -> pb::AlarmMember {
    pb::AlarmMember { member_id: alarm.member.0, alarm: alarm_kind_to_wire(Some(alarm.kind)).into() }
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
