//! The calling side.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::calls::Line;
use super::lane::{Lane, Urgency};
use super::link::{Activity, Link};
use super::queue::Pushed;
use super::snapshot::{Owed, Sending};
use super::{CallError, LeaseLeft, PeerHandler, PeerIdentity, PeerTls, PeerUrl};
use crate::cluster::raft::wire::{Message, MessageType};
use crate::cluster::store::hash::HashKv;
use crate::cluster::store::id::{LeaseId, MemberId, Revision};

/// The other members, as this one reaches them.
pub struct Peers {
    identity: PeerIdentity,
    own_urls: Arc<[PeerUrl]>,
    tls: Option<Arc<PeerTls>>,
    handler: Arc<dyn PeerHandler>,
    runtime: Handle,
    others: Mutex<Others>,
}

enum Others {
    Open(BTreeMap<MemberId, Peer>),
    Closed,
}

/// One other member. Its connections end when it is dropped.
struct Peer {
    urls: Vec<PeerUrl>,
    known_by: KnownBy,
    prompt: Arc<Lane>,
    bulk: Arc<Lane>,
    line: Arc<Line>,
    activity: Activity,
    /// For one snapshot at a time.
    snapshot: Arc<Semaphore>,
    tasks: JoinSet<()>,
}

/// Why a peer is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KnownBy {
    /// It is a member, as far as this one's log has been applied.
    Membership,
    /// It connected, and may be one.
    Itself,
}

/// How many peers may be reached that this member's log does not know yet.
const MOST_STRANGERS: usize = 64;

impl Peers {
    /// Nobody yet; `own_urls` is where this member is called itself. To be called within a tokio runtime, which will carry the connections; the other methods that are
    /// not `async` may be called from any thread.
    pub fn new(
        identity: PeerIdentity,
        own_urls: Vec<PeerUrl>,
        tls: Option<Arc<PeerTls>>,
        handler: Arc<dyn PeerHandler>,
    ) -> Self {
        let others = Mutex::new(Others::Open(BTreeMap::new()));
        Self { identity, own_urls: own_urls.into(), tls, handler, runtime: Handle::current(), others }
    }

    /// Who the others are from now on, and where: connections to who is no longer there, or elsewhere, end, but for
    /// those who were met and never named here. This member itself is passed over, and so is who has no URL.
    pub fn set_members(&self, members: &[(MemberId, Vec<PeerUrl>)]) {
        let mut others = self.others();
        let Others::Open(peers) = &mut *others else { return };
        let mut before = std::mem::take(peers);
        for (id, urls) in members {
            if *id == self.identity.member || urls.is_empty() {
                continue;
            }
            let peer = before.remove(id).filter(|peer| peer.urls == *urls);
            let peer = peer.map(|peer| Peer { known_by: KnownBy::Membership, ..peer });
            peers.insert(*id, peer.unwrap_or_else(|| self.peer(*id, urls, KnownBy::Membership)));
        }
        peers.extend(before.extract_if(.., |_, peer| peer.known_by == KnownBy::Itself));
        drop(others);
        // Ending them may report a snapshot that did not arrive.
        drop(before);
    }

    /// A member connected that may not have been named yet: it is reached, too, where it says that it is.
    pub fn meet(&self, member: MemberId, urls: &[PeerUrl]) {
        let mut others = self.others();
        let Others::Open(peers) = &mut *others else { return };
        let strangers = peers.values().filter(|peer| peer.known_by == KnownBy::Itself).count();
        if member == self.identity.member || urls.is_empty() || strangers >= MOST_STRANGERS {
            return;
        }
        peers.entry(member).or_insert_with(|| self.peer(member, urls, KnownBy::Itself));
    }

    /// Sends a message to `message.to`, soon. Never waits; what cannot be sent is lost, see
    /// [`PeerHandler::unreachable`]. Snapshots go through [`Peers::send_snapshot`].
    pub fn send(&self, message: Message) {
        let to = MemberId(message.to);
        if message.r#type() == MessageType::Snap {
            tracing::warn!(member = %to, "a snapshot without its file is not sent");
            return self.handler.snapshot_sent(to, false);
        }
        let lane = self.with(to, |peer| match Urgency::of(&message) {
            Urgency::Prompt => peer.prompt.clone(),
            Urgency::Bulk => peer.bulk.clone(),
        });
        // A message to who is no member any more is lost in silence.
        if let Some(lane) = lane
            && lane.push(message) == Pushed::DroppedFirst
        {
            tracing::debug!(member = %to, "messages are dropped: too many wait");
            self.handler.unreachable(to);
        }
    }

    /// Sends a file and the message that it belongs to, which arrive together; answered by
    /// [`PeerHandler::snapshot_sent`]. One at a time for each member: a second one does not arrive.
    pub fn send_snapshot(&self, message: Message, file: PathBuf) {
        let to = MemberId(message.to);
        let owed = Owed::new(self.handler.clone(), to);
        let (identity, tls) = (self.identity, self.tls.clone());
        let mut others = self.others();
        let peer = match &mut *others {
            Others::Open(peers) => peers.get_mut(&to),
            Others::Closed => None,
        };
        let Some((peer, turn)) = peer.and_then(|peer| {
            let turn = peer.snapshot.clone().try_acquire_owned().ok()?;
            Some((peer, turn))
        }) else {
            // The report must not find the lock taken.
            drop(others);
            return drop(owed);
        };
        while peer.tasks.try_join_next().is_some() {}
        let sending = Sending { to, urls: peer.urls.clone(), identity, tls, message, file };
        peer.tasks.spawn_on(
            async move {
                let sent = sending.run().await;
                // The next one may be asked for as soon as this one is reported.
                drop(turn);
                match sent {
                    Ok(()) => owed.settle(),
                    Err(error) => tracing::warn!(member = %to, %error, "a snapshot did not arrive"),
                }
            },
            &self.runtime,
        );
    }

    /// Since when this member has been connected to another without a break; `None`: it is not.
    pub fn active_since(&self, member: MemberId) -> Option<Instant> {
        self.with(member, |peer| peer.activity.since())?
    }

    /// Has the leader let leases live for their whole time again; returns that time in seconds for each, `None`: there
    /// is no such lease. Within 5 s.
    pub async fn renew_leases(
        &self,
        leader: MemberId,
        leases: &[LeaseId],
    ) -> Result<Vec<Option<i64>>, CallError> {
        self.line(leader)?.renew_leases(leases).await
    }

    /// Asks the leader how long a lease still lives; `None`: there is no such lease. Within 5 s.
    pub async fn lease_left(&self, leader: MemberId, lease: LeaseId) -> Result<Option<LeaseLeft>, CallError> {
        self.line(leader)?.lease_left(lease).await
    }

    /// Asks a member for a digest of its keys up to a revision; `None`: its current one. Within a minute.
    pub async fn hash_kv(&self, member: MemberId, revision: Option<Revision>) -> Result<HashKv, CallError> {
        self.line(member)?.hash_kv(revision).await
    }

    /// Ends all connections. What is sent afterwards is lost.
    pub fn close(&self) {
        let before = std::mem::replace(&mut *self.others(), Others::Closed);
        drop(before);
    }

    fn peer(&self, to: MemberId, urls: &[PeerUrl], known_by: KnownBy) -> Peer {
        let line = Line {
            to,
            urls: urls.to_vec(),
            identity: self.identity,
            tls: self.tls.clone(),
            kept: tokio::sync::Mutex::new(None),
        };
        let mut peer = Peer {
            urls: urls.to_vec(),
            known_by,
            prompt: Arc::default(),
            bulk: Arc::default(),
            line: Arc::new(line),
            activity: Activity::default(),
            snapshot: Arc::new(Semaphore::new(1)),
            tasks: JoinSet::new(),
        };
        for (urgency, lane) in [(Urgency::Prompt, &peer.prompt), (Urgency::Bulk, &peer.bulk)] {
            let link = Link {
                to,
                urls: urls.to_vec(),
                own_urls: self.own_urls.clone(),
                urgency,
                lane: lane.clone(),
                activity: peer.activity.clone(),
                identity: self.identity,
                tls: self.tls.clone(),
                handler: self.handler.clone(),
            };
            peer.tasks.spawn_on(link.run(), &self.runtime);
        }
        peer
    }

    fn line(&self, member: MemberId) -> Result<Arc<Line>, CallError> {
        self.with(member, |peer| peer.line.clone()).ok_or(CallError::UnknownMember(member))
    }

    fn with<T>(&self, member: MemberId, look: impl FnOnce(&Peer) -> T) -> Option<T> {
        match &*self.others() {
            Others::Open(peers) => peers.get(&member).map(look),
            Others::Closed => None,
        }
    }

    fn others(&self) -> MutexGuard<'_, Others> {
        // It is whole after each statement that changes it, but for `set_members`, which then has members too few.
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many messages wait for a member.
    #[cfg(test)]
    pub(super) fn waiting(&self, member: MemberId) -> usize {
        self.with(member, |peer| peer.prompt.len() + peer.bulk.len()).unwrap_or_default()
    }
}
