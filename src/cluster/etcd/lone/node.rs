//! What it answers.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _};

use super::stream::Stream;
use super::{Lone, MEMBER, login, members};
use crate::cluster::etcd::node::{
    Credentials, Identity, LeaseView, Member, MemberChange, Node, NodeError, Sizes, Snapshot, Standing,
    Watching,
};
use crate::cluster::store::auth::{Access, AuthError, Permission, RoleName, UserName};
use crate::cluster::store::error::StoreError;
use crate::cluster::store::hash::HashKv;
use crate::cluster::store::id::{LeaseId, MemberId, Revision};
use crate::cluster::store::key::KeyRange;
use crate::cluster::store::reply::{Alarm, Applied, RangeReply, Reply};
use crate::cluster::store::request::{Caller, Change, Range, Txn};

/// The length of a part of the snapshot, in bytes.
const CHUNK: usize = 70_000;

#[async_trait]
impl Node for Lone {
    fn identity(&self) -> Identity {
        Lone::identity(self)
    }

    fn standing(&self) -> Standing {
        let state = self.shared.read();
        Standing {
            term: 2,
            leader: (!state.leaderless).then_some(MEMBER),
            committed: state.index,
            applied: state.index,
            ..Standing::default()
        }
    }

    async fn leaderless(&self) {
        loop {
            let changed = self.shared.sooner.notified();
            if self.shared.read().leaderless {
                return;
            }
            changed.await;
        }
    }

    async fn propose(&self, change: Change, caller: Option<Caller>) -> Result<Applied, NodeError> {
        self.apply(change, caller)
    }

    async fn barrier(&self) -> Result<(), NodeError> {
        if self.shared.read().leaderless { Err(NodeError::NoLeader) } else { Ok(()) }
    }

    fn revision(&self) -> Revision {
        self.shared.read().store.revision()
    }

    fn range(&self, range: &Range, caller: Option<&Caller>) -> Result<(Revision, RangeReply), NodeError> {
        let state = self.shared.read();
        state.store.auth().check_range(caller, &range.range)?;
        Ok((state.store.revision(), state.store.range(range)?))
    }

    fn read_txn(&self, txn: &Txn, caller: Option<&Caller>) -> Result<Applied, NodeError> {
        let state = self.shared.read();
        state.store.auth().check_read_txn(caller, txn)?;
        let reply = Reply::Txn(state.store.read_txn(txn)?);
        Ok(Applied { revision: state.store.revision(), reply })
    }

    async fn swept(&self) {
        while self.shared.write().store.compact_step(usize::MAX) {}
    }

    fn may_watch(&self, range: &KeyRange, caller: Option<&Caller>) -> Result<(), AuthError> {
        self.shared.read().store.auth().check_range(caller, range)
    }

    fn may_use_lease(&self, id: LeaseId, access: Access, caller: Option<&Caller>) -> Result<(), AuthError> {
        let state = self.shared.read();
        let keys: Vec<Bytes> = state.store.leases().keys(id).collect();
        state.store.auth().check_lease(caller, &keys, access)
    }

    fn watch(&self) -> Box<dyn Watching> {
        Box::new(Stream::open(&self.shared))
    }

    async fn keep_alive(&self, id: LeaseId) -> Result<i64, NodeError> {
        let now = self.shared.now();
        let renewed = self.shared.write().lessor.renew(id, now);
        Ok(renewed.ok_or(StoreError::LeaseNotFound)?)
    }

    async fn lease(
        &self,
        id: LeaseId,
        keys: bool,
        caller: Option<&Caller>,
    ) -> Result<Option<LeaseView>, NodeError> {
        let now = self.shared.now();
        let state = self.shared.read();
        let Some(granted_s) = state.store.leases().ttl_s(id) else { return Ok(None) };
        let left = state.lessor.remaining(id, now).unwrap_or_default();
        let keys: Vec<Bytes> = if keys { state.store.leases().keys(id).collect() } else { Vec::new() };
        state.store.auth().check_lease(caller, &keys, Access::Read)?;
        Ok(Some(LeaseView { granted_s, left_s: i64::try_from(left.as_secs()).unwrap_or(i64::MAX), keys }))
    }

    fn leases(&self) -> Vec<LeaseId> {
        self.shared.read().lessor.by_expiry()
    }

    fn shortest_lease_s(&self) -> i64 {
        2
    }

    fn members(&self) -> Vec<Member> {
        self.shared.read().members.clone()
    }

    async fn change_members(&self, change: MemberChange) -> Result<(Vec<Member>, MemberId), NodeError> {
        let mut state = self.shared.write();
        let id = members::change(&mut state, change)?;
        state.index += 1;
        Ok((state.members.clone(), id))
    }

    async fn move_leader(&self, to: MemberId) -> Result<(), NodeError> {
        if to == MEMBER { Ok(()) } else { Err(NodeError::BadTransferee) }
    }

    fn sizes(&self) -> Sizes {
        let state = self.shared.read();
        let size = state.store.size();
        Sizes { total: size.held as u64, in_use: size.in_use as u64, quota: state.quota }
    }

    fn alarms(&self) -> Vec<Alarm> {
        self.shared.read().store.alarms().collect()
    }

    fn cluster_version(&self) -> Option<String> {
        self.shared.read().store.facts().version.clone()
    }

    fn downgrade_target(&self) -> Option<String> {
        self.shared.read().store.facts().downgrade.clone()
    }

    async fn hash(&self) -> Result<u32, NodeError> {
        Ok(self.hash_kv(None).await?.0.hash)
    }

    async fn hash_kv(&self, revision: Option<Revision>) -> Result<(HashKv, Revision), NodeError> {
        let state = self.shared.read();
        Ok((state.store.hash_kv(revision)?, state.store.revision()))
    }

    async fn defragment(&self) -> Result<(), NodeError> {
        Ok(())
    }

    async fn snapshot(&self) -> Result<Snapshot, NodeError> {
        let whole = self.shared.snapshot.clone();
        let total = whole.len() as u64;
        let chunks: Vec<_> = whole.chunks(CHUNK).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
        Ok(Snapshot { total, chunks: stream::iter(chunks).boxed() })
    }

    fn auth_state(&self) -> (bool, u64) {
        let status = self.shared.read().store.auth().status();
        (status.enabled, status.revision)
    }

    fn caller(&self, credentials: &Credentials) -> Result<Option<Caller>, AuthError> {
        self.recognise(credentials)
    }

    fn check_root(&self, caller: Option<&Caller>) -> Result<(), AuthError> {
        self.shared.read().store.auth().check_admin(caller)
    }

    async fn log_in(&self, user: &str, password: &str) -> Result<String, NodeError> {
        self.token_for(user, password)
    }

    async fn password_hash(&self, password: &str) -> Result<String, NodeError> {
        login::hashed(password)
    }

    fn users(&self) -> Vec<UserName> {
        self.shared.read().store.auth().users().cloned().collect()
    }

    fn user(&self, user: &str) -> Result<Vec<RoleName>, AuthError> {
        Ok(self.shared.read().store.auth().user(user)?.cloned().collect())
    }

    fn roles(&self) -> Vec<RoleName> {
        self.shared.read().store.auth().roles().cloned().collect()
    }

    fn role(&self, role: &str) -> Result<Vec<Permission>, AuthError> {
        Ok(self.shared.read().store.auth().role(role)?.collect())
    }
}
