//! The seam to the services: what clients want, asked of the core or read off the machine.

mod auth;
mod leaving;
mod members;
mod proposing;

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use tokio::sync::oneshot;

use super::core;
use super::ended::Ended;
use super::inbox::Returned;
use super::shared::{Shared, Status};
use super::snapshots;
use super::version::CLUSTER_VERSION;
use super::watching::Stream;
use crate::cluster::etcd::admission::Class;
use crate::cluster::etcd::node::{
    Credentials, Identity, LeaseView, Member, MemberChange, Node, NodeError, Sizes, Snapshot, Standing,
    Vitals, Watching,
};
use crate::cluster::store::auth::{Access, AuthError, Permission, RoleName, UserName};
use crate::cluster::store::error::StoreError;
use crate::cluster::store::hash::HashKv;
use crate::cluster::store::id::{LeaseId, MemberId, Revision};
use crate::cluster::store::key::KeyRange;
use crate::cluster::store::member::LogLevel;
use crate::cluster::store::reply::{Alarm, Applied, RangeReply, Reply};
use crate::cluster::store::request::{AlarmChange, AlarmKind, Caller, Change, Command, Range, Txn};

pub use leaving::{LeaveError, Left};

/// What a member tells of itself is asked for again after so long.
const PUBLISH_AGAIN: Duration = Duration::from_millis(500);
/// How many bytes a part of a snapshot has.
const CHUNK: usize = 1 << 16;
/// How many elections without a leader end what relies on one; etcd's.
const LEADERLESS_ELECTIONS: u32 = 3;

/// What services ask. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(super) shared: Arc<Shared>,
}

impl Handle {
    /// Makes this member known to clients of the others, and the cluster's version, once there is a leader. Returns
    /// when that is done, or the member ends.
    pub async fn publish(&self) {
        loop {
            if self.shared.standing.borrow().has_ended() || self.is_published().await {
                return;
            }
            tokio::time::sleep(PUBLISH_AGAIN).await;
        }
    }

    /// Forgets what was before a revision, although no client asked.
    pub async fn compact(&self, revision: Revision) -> Result<(), NodeError> {
        let caller = self.shared.read().store.auth().own_caller();
        self.propose(Change::Compact { revision }, caller).await.map(drop)
    }

    /// Returns once the member has ended, by itself or not, and why. One that was removed while it was down learns it
    /// from the others as soon as it reaches one of them.
    pub async fn ended(&self) -> Ended {
        let mut status = self.shared.standing.subscribe();
        // The sender lives as long as this handle.
        let ended = status.wait_for(Status::has_ended).await;
        ended.ok().and_then(|status| status.ended).unwrap_or(Ended::Panicked)
    }

    /// Whether a change of two members is not over yet.
    pub fn change_under_way(&self) -> bool {
        self.shared.standing.borrow().joint
    }

    /// How often a leader is heard.
    pub fn heartbeat(&self) -> Duration {
        self.shared.config.tick
    }

    /// Renews leases, if this member leads: for each its whole time in seconds, `None`: there is no such lease.
    pub async fn renew_as_leader(&self, ids: &[LeaseId]) -> Result<Vec<Option<i64>>, NodeError> {
        if self.standing().leader != Some(self.shared.identity.member) {
            return Err(NodeError::NotLeader);
        }
        // Whoever was cut off and does not know it must not promise more life.
        self.barrier().await?;
        let now = self.shared.now();
        let mut lessor = self.shared.lessor();
        Ok(ids.iter().map(|id| lessor.renew(*id, now)).collect())
    }

    /// How long a lease still lives and how long it was granted, in seconds; the outer `None`: this member does not
    /// lead, the inner one: there is no such lease.
    pub fn left_as_leader(&self, id: LeaseId) -> Option<Option<(i64, i64)>> {
        let machine = self.shared.read();
        let now = self.shared.now();
        let lessor = self.shared.lessor();
        if !lessor.leads() {
            return None;
        }
        let left = lessor.remaining(id, now).zip(machine.store.leases().ttl_s(id));
        Some(left.map(|(left, granted_s)| (i64::try_from(left.as_secs()).unwrap_or(i64::MAX), granted_s)))
    }

    async fn is_published(&self) -> bool {
        let config = &self.shared.config;
        let id = self.shared.identity.member;
        let (known, version) = {
            let machine = self.shared.read();
            let own = machine.members.get(id);
            let known =
                own.is_some_and(|own| own.name == config.name && own.client_urls == config.client_urls);
            let known = known && own.is_some_and(|own| own.level == LogLevel::OWN);
            (known, machine.store.facts().version.clone())
        };
        if !known {
            let change = Change::MemberAttributes {
                id,
                name: config.name.clone(),
                client_urls: config.client_urls.clone(),
                level: LogLevel::OWN,
            };
            if self.propose(change, None).await.is_err() {
                return false;
            }
        }
        if version.is_some() {
            return true;
        }
        let change = Change::ClusterVersion { version: CLUSTER_VERSION.to_owned() };
        self.propose(change, None).await.is_ok()
    }

    fn full(&self, change: &Change) -> bool {
        let quota = self.shared.config.quota_bytes;
        quota > 0 && change.grows() && self.shared.read().store.size().in_use as u64 > quota
    }

    /// Raises a member's alarm for all members; `false`: it is on already.
    pub(super) async fn raise(&self, member: MemberId, kind: AlarmKind) -> bool {
        let caller = {
            let machine = self.shared.read();
            let raised = |alarm: Alarm| alarm.member == member && alarm.kind == kind;
            if machine.store.alarms().any(raised) {
                return false;
            }
            machine.store.auth().own_caller()
        };
        let alarm = AlarmChange { raise: true, member, kind: Some(kind) };
        // Should that fail, who notices next raises it.
        let _ = self.propose(Change::Alarm(alarm), caller).await;
        true
    }

    fn patience(&self) -> Duration {
        core::patience(self.shared.config.tick, self.shared.config.election_ticks)
    }

    fn returned(returned: Returned) -> NodeError {
        match returned {
            Returned::NoRoom(class) => NodeError::NoRoom { retry_after: class.retry_after() },
            Returned::Full => NodeError::TooManyRequests,
            Returned::Closed => NodeError::Stopped,
        }
    }

    /// What came, or why nothing did in time.
    async fn in_time<T>(&self, answer: oneshot::Receiver<Result<T, NodeError>>) -> Result<T, NodeError> {
        match tokio::time::timeout(self.patience(), answer).await {
            Ok(Ok(answered)) => answered,
            Ok(Err(_)) => Err(NodeError::Stopped),
            Err(_) if self.standing().leader.is_none() => Err(NodeError::TimeoutLeaderFailed),
            Err(_) => Err(NodeError::Timeout),
        }
    }

    /// Who leads, waiting for one.
    fn leader(&self) -> Result<MemberId, NodeError> {
        self.standing().leader.ok_or(NodeError::NoLeader)
    }
}

#[async_trait]
impl Node for Handle {
    fn identity(&self) -> Identity {
        self.shared.identity
    }

    fn standing(&self) -> Standing {
        self.shared.standing.borrow().standing
    }

    async fn leaderless(&self) {
        let config = &self.shared.config;
        let limit = config.tick * config.election_ticks * LEADERLESS_ELECTIONS;
        let mut status = self.shared.standing.subscribe();
        loop {
            let since = status.borrow_and_update().leaderless_since;
            let changed = status.wait_for(|status| status.leaderless_since != since || status.has_ended());
            match since {
                None => drop(changed.await),
                Some(since) => {
                    if tokio::time::timeout_at((since + limit).into(), changed).await.is_err() {
                        return;
                    }
                }
            }
            if self.shared.standing.borrow().has_ended() {
                return;
            }
        }
    }

    async fn propose(&self, change: Change, caller: Option<Caller>) -> Result<Applied, NodeError> {
        if self.full(&change) {
            self.raise(self.shared.identity.member, AlarmKind::NoSpace).await;
            return Err(StoreError::NoSpace.into());
        }
        let command = Command { id: self.shared.ids.next(), caller, change };
        self.in_time(self.ask_core(command)?).await
    }

    async fn barrier(&self) -> Result<(), NodeError> {
        // All that was ever acknowledged is applied before it is.
        if self.shared.standing.borrow().alone {
            return Ok(());
        }
        self.shared.barrier.pass(&self.shared.inbox).await
    }

    fn revision(&self) -> Revision {
        self.shared.read().store.revision()
    }

    fn range(&self, range: &Range, caller: Option<&Caller>) -> Result<(Revision, RangeReply), NodeError> {
        let machine = self.shared.read();
        machine.store.auth().check_range(caller, &range.range)?;
        Ok((machine.store.revision(), machine.store.range(range)?))
    }

    fn read_txn(&self, txn: &Txn, caller: Option<&Caller>) -> Result<Applied, NodeError> {
        let machine = self.shared.read();
        machine.store.auth().check_read_txn(caller, txn)?;
        let reply = Reply::Txn(machine.store.read_txn(txn)?);
        Ok(Applied { revision: machine.store.revision(), reply })
    }

    async fn swept(&self) {
        let mut ticks = tokio::time::interval(Duration::from_millis(10));
        while self.shared.read().store.compacting() {
            ticks.tick().await;
        }
    }

    fn may_watch(&self, range: &KeyRange, caller: Option<&Caller>) -> Result<(), AuthError> {
        self.shared.read().store.auth().check_range(caller, range)
    }

    fn may_use_lease(&self, id: LeaseId, access: Access, caller: Option<&Caller>) -> Result<(), AuthError> {
        let machine = self.shared.read();
        let auth = machine.store.auth();
        if !auth.is_enabled() {
            return Ok(());
        }
        let keys: Vec<Bytes> = machine.store.leases().keys(id).collect();
        auth.check_lease(caller, &keys, access)
    }

    fn watch(&self) -> Box<dyn Watching> {
        Box::new(Stream::open(&self.shared))
    }

    async fn keep_alive(&self, id: LeaseId) -> Result<i64, NodeError> {
        let leader = self.leader()?;
        let renewed = if leader == self.shared.identity.member {
            self.renew_as_leader(&[id]).await?.remove(0)
        } else {
            let asked = self.shared.renewals.renew(leader, id).await;
            asked.map_err(|_| NodeError::TimeoutConnectionLost)?
        };
        Ok(renewed.ok_or(StoreError::LeaseNotFound)?)
    }

    async fn lease(
        &self,
        id: LeaseId,
        keys: bool,
        caller: Option<&Caller>,
    ) -> Result<Option<LeaseView>, NodeError> {
        let leader = self.leader()?;
        let (granted_s, keys) = {
            let machine = self.shared.read();
            let leases = machine.store.leases();
            let Some(granted_s) = leases.ttl_s(id) else { return Ok(None) };
            let keys: Vec<Bytes> = if keys { leases.keys(id).collect() } else { Vec::new() };
            machine.store.auth().check_lease(caller, &keys, Access::Read)?;
            (granted_s, keys)
        };
        let left = if leader == self.shared.identity.member {
            let now = self.shared.now();
            self.shared.lessor().remaining(id, now)
        } else {
            let asked = self.shared.transport.lease_left(leader, id).await;
            asked.map_err(|_| NodeError::TimeoutConnectionLost)?
        };
        let Some(left) = left else { return Ok(None) };
        Ok(Some(LeaseView { granted_s, left_s: i64::try_from(left.as_secs()).unwrap_or(i64::MAX), keys }))
    }

    fn leases(&self) -> Vec<LeaseId> {
        let ordered = {
            let lessor = self.shared.lessor();
            lessor.leads().then(|| lessor.by_expiry())
        };
        ordered.unwrap_or_else(|| self.shared.read().store.leases().all().map(|(id, _)| id).collect())
    }

    fn shortest_lease_s(&self) -> i64 {
        let config = &self.shared.config;
        let election = config.tick * config.election_ticks;
        let floor = (election * 3).div_f64(2.0).as_secs_f64().ceil();
        // A few seconds.
        floor as i64
    }

    fn members(&self) -> Vec<Member> {
        self.list_members()
    }

    async fn change_members(&self, change: MemberChange) -> Result<(Vec<Member>, MemberId), NodeError> {
        self.change_members_now(change).await
    }

    async fn move_leader(&self, to: MemberId) -> Result<(), NodeError> {
        self.hand_leadership(to).await
    }

    fn sizes(&self) -> Sizes {
        let size = self.shared.read().store.size();
        Sizes { total: size.held as u64, in_use: size.in_use as u64, quota: self.shared.config.quota_bytes }
    }

    fn queued(&self) -> Option<[usize; Class::ALL.len()]> {
        Some(self.shared.inbox.queued())
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
        let snapshot = self.shared.read().store.snapshot();
        let hashed =
            tokio::task::spawn_blocking(move || Ok((snapshot.hash_kv(revision)?, snapshot.revision))).await;
        hashed.unwrap_or(Err(NodeError::Stopped))
    }

    async fn defragment(&self) -> Result<(), NodeError> {
        // Compacted data gives its room back by itself.
        Ok(())
    }

    async fn snapshot(&self) -> Result<Snapshot, NodeError> {
        let contents = snapshots::contents(&self.shared.read());
        let folder = self.shared.scratch.clone();
        let made = tokio::task::spawn_blocking(move || {
            let file = tempfile_in(&folder)?;
            snapshots::write(&contents, &file).map_err(std::io::Error::other)?;
            Ok::<_, std::io::Error>((file.metadata()?.len(), file))
        });
        let files = |cause| NodeError::Files { operation: "write a snapshot", cause };
        let (total, file) =
            made.await.unwrap_or_else(|error| Err(std::io::Error::other(error))).map_err(files)?;
        Ok(Snapshot { total, chunks: chunks(file, total) })
    }

    fn vitals(&self) -> Option<&Vitals> {
        Some(&self.shared.vitals)
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
        self.token_for(user, password).await
    }

    async fn password_hash(&self, password: &str) -> Result<String, NodeError> {
        self.hashed(password).await
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

/// A file that goes with its last handle.
fn tempfile_in(folder: &std::path::Path) -> std::io::Result<File> {
    use rustix::fs::{Mode, OFlags};
    let file =
        rustix::fs::open(folder, OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC, Mode::RUSR | Mode::WUSR)?;
    Ok(file.into())
}

/// A file in parts, from its beginning.
fn chunks(file: File, total: u64) -> BoxStream<'static, std::io::Result<Bytes>> {
    let file = Arc::new(file);
    let parts = futures_util::stream::unfold(0_u64, move |offset| {
        let file = file.clone();
        async move {
            if offset >= total {
                return None;
            }
            let read = tokio::task::spawn_blocking(move || {
                let length = usize::try_from(total - offset).unwrap_or(CHUNK).min(CHUNK);
                let mut part = vec![0; length];
                std::os::unix::fs::FileExt::read_exact_at(&*file, &mut part, offset)?;
                Ok(Bytes::from(part))
            });
            let part = read.await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
            let next = if part.is_ok() { offset + CHUNK as u64 } else { total };
            Some((part, next))
        }
    });
    Box::pin(parts)
}
