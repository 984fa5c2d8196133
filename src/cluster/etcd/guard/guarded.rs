//! A member as those outside see it.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;

use super::judgement::Judge;
use super::lease_owner::lease_of;
use crate::cluster::etcd::admission::Class;
use crate::cluster::etcd::node::{
    Credentials, Identity, LeaseView, Member, MemberChange, Node, NodeError, Sizes, Snapshot, Standing,
    Vitals, Watching,
};
use crate::cluster::identity::rules::KvGrant;
use crate::cluster::identity::{MeshId, Principal};
use crate::cluster::store::auth::{Access, AuthError, Permission, RoleName, UserName};
use crate::cluster::store::hash::HashKv;
use crate::cluster::store::id::{LeaseId, MemberId, Revision};
use crate::cluster::store::key::KeyRange;
use crate::cluster::store::reply::{Alarm, Applied, RangeReply};
use crate::cluster::store::request::{Caller, Change, Range, Txn};

/// What hosts may write of what is everybody's, as administrators say: it changes while it is asked.
pub type Grants = Arc<RwLock<Vec<KvGrant>>>;

/// A member of a mesh's store, as those outside see it: the rules are asked before it is. Callers are told by the name in their
/// certificate; tokens and passwords are not known here.
pub struct Guard {
    member: Arc<dyn Node>,
    mesh: MeshId,
    grants: Grants,
}

impl Guard {
    /// In front of a member.
    pub fn new(member: Arc<dyn Node>, mesh: MeshId, grants: Grants) -> Self {
        Self { member, mesh, grants }
    }

    /// Asks the rules.
    fn judge<T>(
        &self,
        caller: Option<&Caller>,
        ask: impl FnOnce(&Judge<'_>) -> Result<T, AuthError>,
    ) -> Result<T, AuthError> {
        let who = self.who(caller)?;
        let grants = self.grants.read().unwrap_or_else(PoisonError::into_inner);
        ask(&Judge { who: &who, grants: &grants })
    }

    fn who(&self, caller: Option<&Caller>) -> Result<Principal, AuthError> {
        let caller = caller.ok_or(AuthError::UserEmpty)?;
        Principal::from_uri(&caller.user, &self.mesh).map_err(|_| AuthError::PermissionDenied)
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Guard({})", self.mesh)
    }
}

#[async_trait]
impl Node for Guard {
    fn identity(&self) -> Identity {
        self.member.identity()
    }

    fn standing(&self) -> Standing {
        self.member.standing()
    }

    async fn leaderless(&self) {
        self.member.leaderless().await;
    }

    async fn propose(&self, change: Change, caller: Option<Caller>) -> Result<Applied, NodeError> {
        self.judge(caller.as_ref(), |judge| judge.change(&change))?;
        self.member.propose(change, None).await
    }

    async fn barrier(&self) -> Result<(), NodeError> {
        self.member.barrier().await
    }

    fn revision(&self) -> Revision {
        self.member.revision()
    }

    fn range(&self, range: &Range, caller: Option<&Caller>) -> Result<(Revision, RangeReply), NodeError> {
        self.judge(caller, |judge| judge.read(&range.range))?;
        self.member.range(range, None)
    }

    fn read_txn(&self, txn: &Txn, caller: Option<&Caller>) -> Result<Applied, NodeError> {
        self.judge(caller, |judge| judge.txn(txn))?;
        self.member.read_txn(txn, None)
    }

    async fn swept(&self) {
        self.member.swept().await;
    }

    fn may_watch(&self, range: &KeyRange, caller: Option<&Caller>) -> Result<(), AuthError> {
        self.judge(caller, |judge| judge.read(range))
    }

    fn may_use_lease(&self, id: LeaseId, _: Access, caller: Option<&Caller>) -> Result<(), AuthError> {
        self.judge(caller, |judge| judge.lease(id))
    }

    fn lease_for(&self, caller: Option<&Caller>, chance: u64) -> LeaseId {
        match self.who(caller) {
            Ok(Principal::Host(host)) => lease_of(&host, chance),
            _ => self.member.lease_for(None, chance),
        }
    }

    fn watch(&self) -> Box<dyn Watching> {
        self.member.watch()
    }

    async fn keep_alive(&self, id: LeaseId) -> Result<i64, NodeError> {
        self.member.keep_alive(id).await
    }

    async fn lease(
        &self,
        id: LeaseId,
        keys: bool,
        caller: Option<&Caller>,
    ) -> Result<Option<LeaseView>, NodeError> {
        self.judge(caller, |judge| judge.lease(id))?;
        self.member.lease(id, keys, None).await
    }

    fn leases(&self) -> Vec<LeaseId> {
        self.member.leases()
    }

    fn shortest_lease_s(&self) -> i64 {
        self.member.shortest_lease_s()
    }

    fn members(&self) -> Vec<Member> {
        self.member.members()
    }

    async fn change_members(&self, change: MemberChange) -> Result<(Vec<Member>, MemberId), NodeError> {
        self.member.change_members(change).await
    }

    async fn move_leader(&self, to: MemberId) -> Result<(), NodeError> {
        self.member.move_leader(to).await
    }

    fn sizes(&self) -> Sizes {
        self.member.sizes()
    }

    fn vitals(&self) -> Option<&Vitals> {
        self.member.vitals()
    }

    fn alarms(&self) -> Vec<Alarm> {
        self.member.alarms()
    }

    fn queued(&self) -> Option<[usize; Class::ALL.len()]> {
        self.member.queued()
    }

    fn cluster_version(&self) -> Option<String> {
        self.member.cluster_version()
    }

    fn downgrade_target(&self) -> Option<String> {
        self.member.downgrade_target()
    }

    async fn hash(&self) -> Result<u32, NodeError> {
        self.member.hash().await
    }

    async fn hash_kv(&self, revision: Option<Revision>) -> Result<(HashKv, Revision), NodeError> {
        self.member.hash_kv(revision).await
    }

    async fn defragment(&self) -> Result<(), NodeError> {
        self.member.defragment().await
    }

    async fn snapshot(&self) -> Result<Snapshot, NodeError> {
        self.member.snapshot().await
    }

    /// The rules are always on.
    fn auth_state(&self) -> (bool, u64) {
        (true, 0)
    }

    fn caller(&self, credentials: &Credentials) -> Result<Option<Caller>, AuthError> {
        let Some(name) = &credentials.common_name else { return Ok(None) };
        Principal::from_uri(name, &self.mesh).map_err(|_| AuthError::PermissionDenied)?;
        Ok(Some(Caller { user: name.as_str().into(), auth_revision: 0 }))
    }

    fn check_root(&self, caller: Option<&Caller>) -> Result<(), AuthError> {
        self.judge(caller, |judge| judge.administrator())
    }

    /// Every host must know whom it is connected to.
    fn check_status(&self, caller: Option<&Caller>) -> Result<(), AuthError> {
        self.who(caller).map(drop)
    }

    /// Nobody has a password.
    async fn log_in(&self, _: &str, _: &str) -> Result<String, NodeError> {
        Err(AuthError::Failed)?
    }

    /// And nobody gets one: a hash takes long to make, so none is made for who could not use it.
    async fn password_hash(&self, _: &str) -> Result<String, NodeError> {
        Err(AuthError::PermissionDenied)?
    }

    fn users(&self) -> Vec<UserName> {
        self.member.users()
    }

    fn user(&self, user: &str) -> Result<Vec<RoleName>, AuthError> {
        self.member.user(user)
    }

    fn roles(&self) -> Vec<RoleName> {
        self.member.roles()
    }

    fn role(&self, role: &str) -> Result<Vec<Permission>, AuthError> {
        self.member.role(role)
    }
}
