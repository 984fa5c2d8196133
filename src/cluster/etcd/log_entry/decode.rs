//! An entry of the log, to a command.

use prost::Message;

use super::{LogEntryError, auth};
use crate::cluster::etcd::convert::{alarm_kind, delete, put, txn};
use crate::cluster::etcd::pb::etcdserverpb::{self as pb, InternalRaftRequest};
use crate::cluster::store::id::{LeaseId, MemberId, Revision};
use crate::cluster::store::member::LogLevel;
use crate::cluster::store::request::{AlarmChange, Caller, Change, Command};

/// The command of an entry of the log. Keys and values are copied out of it.
pub fn decode(entry: &[u8]) -> Result<Command, LogEntryError> {
    let request = InternalRaftRequest::decode(entry)?;
    let header = request.header.clone().unwrap_or_default();
    let caller = (!header.username.is_empty())
        .then(|| Caller { user: header.username.into(), auth_revision: header.auth_revision });
    Ok(Command { id: if header.id == 0 { request.id } else { header.id }, caller, change: change(request)? })
}

fn change(request: InternalRaftRequest) -> Result<Change, LogEntryError> {
    if let Some(wire) = &request.put {
        return Ok(Change::Put(put(wire)?));
    }
    if let Some(wire) = &request.delete_range {
        return Ok(Change::Delete(delete(wire)?));
    }
    if let Some(wire) = &request.txn {
        return Ok(Change::Txn(txn(wire, usize::MAX)?));
    }
    if let Some(wire) = request.compaction {
        return Ok(Change::Compact { revision: Revision(wire.revision) });
    }
    if let Some(wire) = request.lease_grant {
        return Ok(Change::LeaseGrant { id: LeaseId(wire.id), ttl_s: wire.ttl });
    }
    if let Some(wire) = request.lease_revoke {
        return Ok(Change::LeaseRevoke { id: LeaseId(wire.id) });
    }
    if let Some(wire) = request.alarm {
        return alarm(wire);
    }
    if let Some(wire) = request.cluster_member_attr_set {
        let attributes = wire.member_attributes.unwrap_or_default();
        return Ok(Change::MemberAttributes {
            id: MemberId(wire.member_id),
            name: attributes.name,
            client_urls: attributes.client_urls,
            level: LogLevel(attributes.log_level),
        });
    }
    if let Some(wire) = request.cluster_version_set {
        return Ok(Change::ClusterVersion { version: wire.ver });
    }
    if let Some(wire) = request.downgrade_info_set {
        return Ok(Change::Downgrade { enabled: wire.enabled, target: wire.ver });
    }
    auth::decode(request).map(Change::Auth)
}

fn alarm(wire: pb::AlarmRequest) -> Result<Change, LogEntryError> {
    use pb::alarm_request::AlarmAction;
    let raise = match AlarmAction::try_from(wire.action) {
        Ok(AlarmAction::Activate) => true,
        Ok(AlarmAction::Deactivate) => false,
        // Nobody needs the log to read alarms.
        Ok(AlarmAction::Get) | Err(_) => return Err(LogEntryError::Empty),
    };
    Ok(Change::Alarm(AlarmChange { raise, member: MemberId(wire.member_id), kind: alarm_kind(wire.alarm)? }))
}

/// The id in an entry's header, without reading the rest of it.
pub fn id_of(entry: &[u8]) -> Option<u64> {
    /// `InternalRaftRequest.header`.
    const HEADER: u32 = 100;
    let mut rest = entry;
    while !rest.is_empty() {
        let (tag, wire_type) = prost::encoding::decode_key(&mut rest).ok()?;
        if tag == HEADER {
            let length = prost::encoding::decode_varint(&mut rest).ok()?;
            let header = rest.get(..usize::try_from(length).ok()?)?;
            return Some(pb::RequestHeader::decode(header).ok()?.id).filter(|id| *id != 0);
        }
        prost::encoding::skip_field(wire_type, tag, &mut rest, prost::encoding::DecodeContext::default())
            .ok()?;
    }
    None
}
