//! Requests that are few among the others: members, maintenance, users and roles, locks and elections.

use bytes::Bytes;
use mgmt::cluster::etcd::pb::authpb::{Permission, UserAddOptions};
use mgmt::cluster::etcd::pb::etcdserverpb::*;
use mgmt::cluster::etcd::pb::v3electionpb::*;
use mgmt::cluster::etcd::pb::v3lockpb::*;

use super::draw::Draw;
use super::request::Request;

impl Draw {
    pub(super) fn name(&mut self) -> String {
        ["ann", "bob", "eve", ""][self.random.usize(..4)].to_owned()
    }

    /// Never root, so that authentication stays off outside its episodes.
    fn user(&mut self) -> AuthUserAddRequest {
        // A password costs both servers a tenth of a second.
        let options = Some(UserAddOptions { no_password: true });
        AuthUserAddRequest { name: self.name(), options, ..Default::default() }
    }

    pub(super) fn permission(&mut self) -> Permission {
        let (key, range_end) = self.grantable();
        Permission { perm_type: self.random.i32(0..=2), key, range_end }
    }

    pub(super) fn rare_write(&mut self) -> Request {
        let (name, role) = (self.name(), self.name());
        match self.random.u32(..20) {
            14 if self.one_in(10) => Request::Defragment(DefragmentRequest {}),
            15 => Request::AuthDisable(AuthDisableRequest {}),
            // Two changes of the members at once, and etcd drops one of them, to time out.
            16 => Request::MemberRemove(MemberRemoveRequest { id: 4711 }),
            17 => Request::MemberPromote(MemberPromoteRequest { id: 4711 }),
            18 => Request::MemberAdd(MemberAddRequest {
                peer_ur_ls: self.bad_urls(),
                is_learner: self.random.bool(),
            }),
            19 => Request::MemberUpdate(MemberUpdateRequest {
                id: 4711,
                peer_ur_ls: vec!["http://127.0.0.1:1".to_owned()],
            }),
            0 => Request::UserAdd(self.user()),
            1 => Request::UserDelete(AuthUserDeleteRequest { name }),
            2 => Request::UserGrantRole(AuthUserGrantRoleRequest { user: name, role }),
            3 => Request::UserRevokeRole(AuthUserRevokeRoleRequest { name, role }),
            4 => Request::RoleAdd(AuthRoleAddRequest { name }),
            5 => Request::RoleDelete(AuthRoleDeleteRequest { role }),
            6 => Request::RoleGrant(AuthRoleGrantPermissionRequest { name, perm: Some(self.permission()) }),
            7 => {
                let (key, range_end) = self.grantable();
                Request::RoleRevoke(AuthRoleRevokePermissionRequest { role, key, range_end })
            }
            // Nobody waits for these names: each is one lease's own.
            8 | 9 => {
                let lease = self.random.i64(1..=12);
                Request::Lock(LockRequest { name: Bytes::from(format!("lock{lease}")), lease })
            }
            10 => Request::Unlock(UnlockRequest { key: self.lock_key("lock") }),
            11 => {
                let (lease, value) = (self.random.i64(1..=12), self.key());
                Request::Campaign(CampaignRequest { name: Bytes::from(format!("vote{lease}")), lease, value })
            }
            12 => Request::Proclaim(ProclaimRequest { leader: self.leader_key(), value: self.key() }),
            _ => Request::Resign(ResignRequest { leader: self.leader_key() }),
        }
    }

    fn lock_key(&mut self, name: &str) -> Bytes {
        let lease = self.random.i64(1..=12);
        Bytes::from(format!("{name}{lease}/{lease:x}"))
    }

    fn leader_key(&mut self) -> Option<LeaderKey> {
        let lease = self.random.i64(1..=12);
        let (name, key) =
            (Bytes::from(format!("vote{lease}")), Bytes::from(format!("vote{lease}/{lease:x}")));
        let rev = self.revision - self.random.i64(0..4);
        (!self.one_in(8)).then_some(LeaderKey { name, key, rev, lease })
    }

    pub(super) fn rare_read(&mut self) -> Request {
        match self.random.u32(..16) {
            0 | 1 => Request::Status(StatusRequest {}),
            2 => Request::MemberList(MemberListRequest { linearizable: self.random.bool() }),
            3 => Request::MoveLeader(MoveLeaderRequest { target_id: 4711 }),
            4 => Request::Alarm(AlarmRequest::default()),
            5 => Request::HashKv(HashKvRequest { revision: self.digest_revision() }),
            6 => Request::Downgrade(DowngradeRequest { action: 0, version: self.version() }),
            7 => Request::AuthEnable(AuthEnableRequest {}),
            8 => Request::AuthStatus(AuthStatusRequest {}),
            9 => Request::Authenticate(AuthenticateRequest { name: self.name(), password: "p".to_owned() }),
            10 => Request::UserGet(AuthUserGetRequest { name: self.name() }),
            11 => Request::UserList(AuthUserListRequest {}),
            12 => Request::RoleGet(AuthRoleGetRequest { role: self.name() }),
            13 => Request::RoleList(AuthRoleListRequest {}),
            14 => Request::Leader(LeaderRequest {
                name: Bytes::from(format!("vote{}", self.random.u32(1..=12))),
            }),
            _ if self.random.bool() => Request::NoSuchMethod(CompactionRequest::default()),
            _ => Request::NoSuchService(CompactionRequest::default()),
        }
    }

    fn version(&mut self) -> String {
        ["3.4.0", "3.5.0", "3.6.0", "3", "x", ""][self.random.usize(..6)].to_owned()
    }

    fn bad_urls(&mut self) -> Vec<String> {
        let url = [
            "",
            "127.0.0.1:1",
            "http://",
            "ftp://127.0.0.1:1",
            "http://127.0.0.1",
            "http://127.0.0.1:1/path",
        ];
        let count = self.random.usize(..3);
        (0..count).map(|_| url[self.random.usize(..url.len())].to_owned()).collect()
    }
}
