//! What may differ between two right servers, taken out of their replies.

use mgmt::cluster::etcd::pb::etcdserverpb::response_op::Response;
use mgmt::cluster::etcd::pb::etcdserverpb::*;
use mgmt::cluster::etcd::pb::v3electionpb::*;
use mgmt::cluster::etcd::pb::v3lockpb::*;
use prost::Message;

/// A reply from which ids, terms, indexes, sizes and remaining times can be taken out.
pub trait Normal: Message + Default {
    fn normalise(&mut self);
}

/// Ids and the term become 1 where there is one: whether they are there is compared.
pub fn header(header: &mut Option<ResponseHeader>) {
    if let Some(header) = header {
        header.cluster_id = header.cluster_id.min(1);
        header.member_id = header.member_id.min(1);
        header.raft_term = header.raft_term.min(1);
    }
}

/// Only the header.
macro_rules! normal {
    ($($reply:ty)*) => { $(impl Normal for $reply {
        fn normalise(&mut self) {
            header(&mut self.header);
        }
    })* };
    ($($reply:ty: $own:expr;)*) => { $(impl Normal for $reply {
        fn normalise(&mut self) {
            header(&mut self.header);
            let own: fn(&mut $reply) = $own;
            own(self);
        }
    })* };
}

normal! {
    RangeResponse PutResponse DeleteRangeResponse CompactionResponse LeaseGrantResponse LeaseRevokeResponse
    MoveLeaderResponse DefragmentResponse AlarmResponse DowngradeResponse AuthEnableResponse AuthDisableResponse
    AuthStatusResponse AuthUserChangePasswordResponse AuthUserAddResponse AuthUserGetResponse AuthUserListResponse
    AuthUserDeleteResponse AuthUserGrantRoleResponse AuthUserRevokeRoleResponse AuthRoleAddResponse AuthRoleGetResponse
    AuthRoleListResponse AuthRoleDeleteResponse AuthRoleGrantPermissionResponse AuthRoleRevokePermissionResponse
    LockResponse UnlockResponse CampaignResponse ProclaimResponse LeaderResponse ResignResponse HashKvResponse
}

normal! {
    TxnResponse: |reply| {
        for op in &mut reply.responses {
            match &mut op.response {
                Some(Response::ResponseRange(range)) => range.normalise(),
                Some(Response::ResponsePut(put)) => put.normalise(),
                Some(Response::ResponseDeleteRange(delete)) => delete.normalise(),
                Some(Response::ResponseTxn(txn)) => txn.normalise(),
                None => {}
            }
        }
    };
    LeaseTimeToLiveResponse: |reply| {
        // Leases here live for an hour and more: what is left is all but a minute or so.
        if reply.ttl > 0 && reply.granted_ttl - reply.ttl < 600 {
            reply.ttl = reply.granted_ttl;
        }
        reply.keys.sort();
    };
    LeaseKeepAliveResponse: |_| {};
    LeaseLeasesResponse: |reply| reply.leases.sort_by_key(|lease| lease.id);
    MemberListResponse: |reply| reply.members.iter_mut().for_each(member);
    MemberAddResponse: |reply| {
        reply.members.iter_mut().chain(&mut reply.member).for_each(member);
    };
    MemberRemoveResponse: |reply| reply.members.iter_mut().for_each(member);
    MemberUpdateResponse: |reply| reply.members.iter_mut().for_each(member);
    MemberPromoteResponse: |reply| reply.members.iter_mut().for_each(member);
    AuthenticateResponse: |reply| {
        // Letters at random, and the log's index.
        reply.token = reply.token.chars().map(|char| if char == '.' { '.' } else { 'x' }).collect::<String>();
        reply.token.truncate(17);
    };
    StatusResponse: |reply| {
        // Ours is none as long as there is nothing.
        reply.db_size = 0;
        reply.db_size_in_use = 0;
        reply.leader = reply.leader.min(1);
        reply.raft_index = reply.raft_index.min(1);
        reply.raft_applied_index = reply.raft_applied_index.min(1);
        reply.raft_term = reply.raft_term.min(1);
    };
}

/// Ports are different ones.
fn member(member: &mut Member) {
    member.id = member.id.min(1);
    for url in member.peer_ur_ls.iter_mut().chain(&mut member.client_ur_ls) {
        url.truncate(url.rfind(':').unwrap_or(url.len()));
    }
}
