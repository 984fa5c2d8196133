//! A command, to an entry of the log.

use bytes::Bytes;
use prost::Message;

use super::auth;
use crate::cluster::etcd::convert::{alarm_kind_to_wire, delete_to_wire, put_to_wire, txn_to_wire};
use crate::cluster::etcd::pb::etcdserverpb::{self as pb, InternalRaftRequest, RequestHeader};
use crate::cluster::etcd::pb::membershippb;
use crate::cluster::store::request::{AlarmChange, Caller, Change, Command};

/// A command as an entry of the log.
pub fn encode(command: &Command) -> Bytes {
    let request = InternalRaftRequest { header: Some(header(command)), ..of_change(&command.change) };
    request.encode_to_vec().into()
}

/// How many bytes an entry takes beside its request, at the most: tags, lengths, and the header.
pub fn header_room(caller: Option<&Caller>) -> usize {
    /// Two nested messages' tags and lengths, two numbers, a name's tag and length.
    const ROOM: usize = 32;
    ROOM + caller.map_or(0, |caller| caller.user.len())
}

fn header(command: &Command) -> RequestHeader {
    let caller = command.caller.as_ref();
    RequestHeader {
        id: command.id,
        username: caller.map(|caller| caller.user.to_string()).unwrap_or_default(),
        auth_revision: caller.map(|caller| caller.auth_revision).unwrap_or_default(),
    }
}

fn of_change(change: &Change) -> InternalRaftRequest {
    let mut request = InternalRaftRequest::default();
    match change {
        Change::Put(put) => request.put = Some(put_to_wire(put)),
        Change::Delete(delete) => request.delete_range = Some(delete_to_wire(delete)),
        Change::Txn(txn) => request.txn = Some(txn_to_wire(txn)),
        Change::Compact { revision } => {
            request.compaction = Some(pb::CompactionRequest { revision: revision.0, physical: false });
        }
        Change::LeaseGrant { id, ttl_s } => {
            request.lease_grant = Some(pb::LeaseGrantRequest { ttl: *ttl_s, id: id.0 });
        }
        Change::LeaseRevoke { id } => request.lease_revoke = Some(pb::LeaseRevokeRequest { id: id.0 }),
        Change::Alarm(change) => request.alarm = Some(alarm(change)),
        Change::Auth(change) => auth::encode(change, &mut request),
        Change::MemberAttributes { id, name, client_urls, level } => {
            let attributes = membershippb::Attributes {
                name: name.clone(),
                client_urls: client_urls.clone(),
                log_level: level.0,
            };
            request.cluster_member_attr_set = Some(membershippb::ClusterMemberAttrSetRequest {
                member_id: id.0,
                member_attributes: Some(attributes),
            });
        }
        Change::ClusterVersion { version } => {
            request.cluster_version_set =
                Some(membershippb::ClusterVersionSetRequest { ver: version.clone() });
        }
        Change::Downgrade { enabled, target } => {
            request.downgrade_info_set =
                Some(membershippb::DowngradeInfoSetRequest { enabled: *enabled, ver: target.clone() });
        }
    }
    request
}

fn alarm(change: &AlarmChange) -> pb::AlarmRequest {
    use pb::alarm_request::AlarmAction;
    let action = if change.raise { AlarmAction::Activate } else { AlarmAction::Deactivate };
    pb::AlarmRequest {
        action: action.into(),
        member_id: change.member.0,
        alarm: alarm_kind_to_wire(change.kind).into(),
    }
}
