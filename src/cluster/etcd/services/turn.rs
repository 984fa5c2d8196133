//! Who came first: keys under one name, each with a lease, ordered by the revision that made them. Locks and elections
//! are this.

use bytes::Bytes;
use tonic::Status;

use super::lease::any_lease;
use crate::cluster::etcd::admission::Origin;
use crate::cluster::etcd::surface::{Surface, wrong_reply};
use crate::cluster::store::id::{LeaseId, Revision};
use crate::cluster::store::key::KeyRange;
use crate::cluster::store::reply::{KeyValue, OpReply, Reply};
use crate::cluster::store::request::{
    Caller, Change, Compare, Delete, Filter, Op, Operand, Put, Range, Sort, SortBy, Test, Txn,
};
use crate::cluster::store::watch::{EventKind, Notice, Wanted as Told, WatchSpec};

/// How long a session lives that the server makes for a client that has none, in seconds.
const SESSION_S: i64 = 60;

/// A place in the line under a name.
pub struct Turn {
    surface: Surface,
    caller: Option<Caller>,
    /// The key that stands in line.
    pub key: Bytes,
    /// Its lease.
    pub lease: LeaseId,
    /// The revision that made the key.
    pub created: Revision,
    /// The revision when it stood in line: what the header of the answer says.
    pub stood: Revision,
    /// The value that it was found with.
    pub value: Bytes,
    prefix: Bytes,
    /// Whether the key is to go when this is dropped: the client gave up waiting.
    leaves: bool,
}

/// The keys under a name.
pub fn prefix_of(name: &[u8]) -> Bytes {
    let mut prefix = name.to_vec();
    prefix.push(b'/');
    prefix.into()
}

/// All keys that begin with a prefix that ends with a slash: up to the character after it.
pub fn under(prefix: &Bytes) -> KeyRange {
    let mut end = prefix.to_vec();
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    KeyRange::Span(prefix.clone(), end.into())
}

/// A range that asks for one key: the oldest, or the newest that is not newer than a revision.
pub fn first_of(range: KeyRange, order: SortBy, descending: bool, max_created: i64) -> Range {
    Range {
        limit: Some(1),
        sort: Some(Sort { by: order, descending }),
        filter: Filter { max_created, ..Filter::default() },
        ..Range::of(range)
    }
}

impl Turn {
    /// Stands in line, unless a key of that lease does already.
    pub async fn stand(
        surface: &Surface,
        caller: Option<Caller>,
        name: &[u8],
        lease: LeaseId,
        value: &Bytes,
    ) -> Result<Self, Status> {
        let lease = if lease == LeaseId(0) { session(surface, caller.clone()).await? } else { lease };
        let prefix = prefix_of(name);
        let key = Bytes::from([&prefix[..], format!("{lease}").as_bytes()].concat());
        let one = KeyRange::One(key.clone());
        let missing = Compare { range: one.clone(), test: Test::Equal, with: Operand::Created(0) };
        let put = Put { key: key.clone(), value: Some(value.clone()), lease: Some(lease), previous: false };
        let get = first_of(one, SortBy::Key, true, 0);
        let txn = Txn { compares: vec![missing], then: vec![Op::Put(put)], otherwise: vec![Op::Range(get)] };
        let applied = surface.node.propose(Change::Txn(txn), caller.clone()).await.map_err(unknown)?;
        let Reply::Txn(mut reply) = applied.reply else { return Err(wrong_reply()) };
        let mut turn = Self {
            surface: surface.clone(),
            caller,
            key,
            lease,
            created: applied.revision,
            stood: applied.revision,
            value: value.clone(),
            prefix,
            leaves: true,
        };
        if let Some((_, OpReply::Range(found))) = reply.replies.pop()
            && let Some(kv) = found.kvs.into_iter().next()
        {
            (turn.created, turn.value) = (kv.created, kv.value);
        }
        Ok(turn)
    }

    /// Waits until nobody stands before it.
    pub async fn come(&mut self) -> Result<(), Status> {
        let before = first_of(under(&self.prefix), SortBy::Created, true, self.created.0 - 1);
        loop {
            self.surface.barrier().await.map_err(unknown)?;
            let (revision, found) =
                self.surface.node.range(&before, self.caller.as_ref()).map_err(unknown)?;
            let Some(kv) = found.kvs.into_iter().next() else { break };
            gone(&self.surface, kv.key, revision).await?;
        }
        let (_, own) = self.surface.node.range(&self.own(), self.caller.as_ref()).map_err(unknown)?;
        if own.kvs.is_empty() {
            // Its lease ended while it waited.
            return Err(Status::unknown("mvcc: session is expired"));
        }
        self.leaves = false;
        Ok(())
    }

    fn own(&self) -> Range {
        first_of(KeyRange::One(self.key.clone()), SortBy::Key, true, 0)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.leaves {
            return;
        }
        let delete = Delete { range: KeyRange::One(self.key.clone()), previous: false };
        let (node, caller) = (self.surface.node.clone(), self.caller.take());
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            // When that fails too, the lease ends it.
            let leaves = async move { drop(node.propose(Change::Delete(delete), caller).await) };
            match Origin::current() {
                Some(origin) => drop(runtime.spawn(origin.scope(leaves))),
                None => drop(runtime.spawn(leaves)),
            }
        }
    }
}

/// Waits until a key is deleted after a revision.
async fn gone(surface: &Surface, key: Bytes, revision: Revision) -> Result<(), Status> {
    let mut watching = surface.node.watch();
    watching.create(WatchSpec {
        id: None,
        range: KeyRange::One(key),
        start: Revision(revision.0 + 1),
        wanted: Told { no_put: true, ..Told::default() },
        progress: false,
    });
    loop {
        match watching.next().await {
            Some(Notice::Events { events, .. })
                if events.iter().any(|event| event.kind == EventKind::Delete) =>
            {
                return Ok(());
            }
            // What was to be watched may have happened: the caller looks again.
            Some(Notice::Compacted { .. } | Notice::Refused { .. }) => return Ok(()),
            Some(_) => {}
            None => return Err(Status::unavailable("etcdserver: server stopped")),
        }
    }
}

async fn session(surface: &Surface, caller: Option<Caller>) -> Result<LeaseId, Status> {
    let change = Change::LeaseGrant { id: any_lease(surface, caller.as_ref())?, ttl_s: SESSION_S };
    let applied = surface.node.propose(change, caller).await.map_err(unknown)?;
    let Reply::LeaseGranted { id, .. } = applied.reply else { return Err(wrong_reply()) };
    Ok(id)
}

/// The oldest key under a name: who holds it.
pub async fn holder(
    surface: &Surface,
    caller: Option<&Caller>,
    name: &[u8],
) -> Result<(Revision, Option<KeyValue>), Status> {
    surface.barrier().await.map_err(unknown)?;
    let range = first_of(under(&prefix_of(name)), SortBy::Created, false, 0);
    let (revision, found) = surface.node.range(&range, caller).map_err(unknown)?;
    Ok((revision, found.kvs.into_iter().next()))
}

/// etcd's lock and election services are clients of its others, and hand their errors on without the code.
pub fn unknown(error: impl Into<Status>) -> Status {
    Status::unknown(error.into().message())
}
