//! Writes what waits, in order, batch by batch, each once.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Notify, oneshot};

use super::batch::{self, Outcome};
use super::export_seal;
use super::journal::Journal;
use super::outbox::{Full, Outbox, Ticket, Write};
use super::session::Session;
use super::trust::Trust;
use crate::cluster::link::{Backoff, Link, Standing, Trouble, chance};
use crate::cluster::store::id::ClusterId;
use crate::engine::world::{Deadline, WorldError, Written};

/// What may wait for the store, in bytes of keys and values.
const LIMIT_BYTES: u64 = 64 << 20;
/// A store that is away for longer is not waited for: the write is kept on disk.
const GRACE: Duration = Duration::from_millis(500);
/// How long a transaction may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What became of a write, for who waits.
type Answer = Result<Written, WorldError>;

/// Writes. It ends with its last clone.
#[derive(Clone, Debug)]
pub struct Writer {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Something waits, or something has arrived, or nobody writes any more.
    more: Arc<Notify>,
    link: Link,
    session: Session,
    seq_key: String,
    /// With what exports are signed; `None`: they are not.
    trust: Option<Trust>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.more.notify_one();
    }
}

#[derive(Debug)]
struct State {
    outbox: Outbox<oneshot::Sender<Answer>>,
    journal: Option<Journal>,
    /// The keys of which the journal holds a write.
    journaled: HashSet<Bytes>,
    /// The newest write that is in the journal.
    kept: Option<Ticket>,
    /// A batch of an earlier run of which it is not known whether it arrived.
    doubtful: Option<(u64, Vec<Write>)>,
    /// What the store holds for sure, of what this run has written.
    known: HashMap<Bytes, Known>,
}

/// What a key holds.
#[derive(Clone, Debug)]
struct Known {
    value: Bytes,
    leased: bool,
}

impl Writer {
    /// Starts to write, first what an earlier run has left in the journal at `path`. To be called inside a tokio runtime.
    ///
    /// # Errors
    /// When the journal cannot be read or made.
    pub fn start(
        link: Link,
        session: Session,
        seq_key: String,
        trust: Option<Trust>,
        path: Option<&Path>,
    ) -> std::io::Result<Self> {
        let mut outbox = Outbox::new(LIMIT_BYTES);
        let (mut journal, mut doubtful, mut journaled, mut kept) = (None, None, HashSet::new(), None);
        if let Some(path) = path {
            let (opened, left) = Journal::open(path)?;
            journal = Some(opened);
            for write in left.waiting {
                journaled.insert(write.key.clone());
                // It was within the limit before.
                kept = outbox.push(write, None).ok().or(kept);
            }
            journaled.extend(left.sent.iter().flat_map(|(_, writes)| writes).map(|write| write.key.clone()));
            doubtful = left.sent;
        }
        let state = State { outbox, journal, journaled, kept, doubtful, known: HashMap::new() };
        let shared =
            Arc::new(Shared { state: Mutex::new(state), more: Arc::default(), link, session, seq_key, trust });
        tokio::spawn(run(shared.more.clone(), Arc::downgrade(&shared)));
        Ok(Self { shared })
    }

    /// Writes, and waits until the store has it; while that is away, until it is on this host's disk.
    ///
    /// # Errors
    /// When there is no room, or the store refuses.
    pub async fn write(&self, operation: &'static str, write: Write, by: Deadline) -> Answer {
        let (answer, answered) = oneshot::channel();
        let ticket = {
            let mut state = self.shared.state();
            let pushed = state.outbox.push(write, Some(answer));
            pushed.map_err(|Full { count, bytes }| WorldError::OutboxFull { operation, count, bytes })?
        };
        self.shared.more.notify_one();
        tokio::select! {
            biased;
            answer = answered => answer.unwrap_or(Err(WorldError::Ended { operation })),
            () = self.patience(by) => self.keep(operation, ticket).await,
        }
    }

    /// Puts a write in line, for nobody to wait for.
    pub fn push(&self, write: Write) -> Result<(), Full> {
        self.shared.state().outbox.push(write, None)?;
        self.shared.more.notify_one();
        Ok(())
    }

    /// Whether a key holds this, or will, as far as this run knows.
    pub fn is_written(&self, key: &[u8], value: &[u8]) -> bool {
        let state = self.shared.state();
        match state.outbox.pending(key) {
            Some(write) => write.value.as_deref() == Some(value),
            None => state.known.get(key).is_some_and(|known| *known.value == *value),
        }
    }

    /// Forgets what a key holds: it was seen to hold something else.
    pub fn forget(&self, key: &[u8]) {
        self.shared.state().known.remove(key);
    }

    /// The store has begun anew, and may have lost what it had taken: what is this host's alone is written again.
    pub fn write_again(&self, is_own: impl Fn(&[u8]) -> bool) {
        let lost = self.shared.state().write_again(is_own);
        if lost > 0 {
            tracing::warn!(lost, "so much waits for the mesh that what it has lost is not written again");
        }
        self.shared.more.notify_one();
    }

    /// What waits for a key: `Some(None)` that it goes.
    pub fn pending(&self, key: &[u8]) -> Option<Option<Bytes>> {
        self.shared.state().outbox.pending(key).map(|write| write.value.clone())
    }

    /// How many writes wait, and how many bytes they are.
    pub fn depth(&self) -> (usize, u64) {
        let state = self.shared.state();
        (state.outbox.len(), state.outbox.bytes())
    }

    /// Puts what waits on disk: for an end while the store is away.
    pub async fn keep_all(&self) -> Result<(), WorldError> {
        self.shared.clone().keep("end").await
    }

    /// Returns when the store has been away for a while, or the time is up.
    async fn patience(&self, by: Deadline) {
        let mut standing = self.shared.link.follow();
        let away = async {
            loop {
                let since = match &*standing.borrow_and_update() {
                    Standing::Away(away) => Some(away.since),
                    Standing::Up(_) => None,
                };
                match since {
                    // One that has just started has not been away.
                    Some(since) => {
                        let grace = GRACE.saturating_sub(since.elapsed());
                        if tokio::time::timeout(grace, standing.changed()).await.is_err() {
                            return;
                        }
                    }
                    None => {
                        if standing.changed().await.is_err() {
                            return;
                        }
                    }
                }
            }
        };
        tokio::select! {
            () = away => {}
            () = tokio::time::sleep(by.left()) => {}
        }
    }

    async fn keep(&self, operation: &'static str, ticket: Ticket) -> Answer {
        self.shared.clone().keep(operation).await?;
        // It may have arrived in the meantime.
        let waits = self.shared.state().outbox.holds(ticket);
        Ok(if waits { Written::Queued } else { Written::Stored })
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // A holder that panicked has left a queue that is whole: it is changed by calls that do not panic halfway.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn keep(self: Arc<Self>, operation: &'static str) -> Result<(), WorldError> {
        let kept = tokio::task::spawn_blocking(move || self.state().keep()).await;
        let failed = |why: String| WorldError::OutboxDisk { operation, why };
        kept.map_err(|error| failed(error.to_string()))?.map_err(|error| failed(error.to_string()))
    }

    /// A batch as it is sent: exports are signed on the way out, so that what waits on disk needs no key, and is signed with the
    /// one that counts when it leaves. Equal exports have equal signatures.
    fn sealed(&self, batch: &[(Ticket, Write)]) -> Result<Vec<Write>, Trouble> {
        let Some(trust) = &self.trust else {
            return Ok(batch.iter().map(|(_, write)| write.clone()).collect());
        };
        // It is known before there is a connection.
        let grounds = trust.now().ok_or(Trouble::Busy(None))?;
        let seal = |(_, write): &(Ticket, Write)| {
            let seal = |value: &Bytes| {
                export_seal::seal(&grounds, &write.key, value).unwrap_or_else(|why| {
                    let key = String::from_utf8_lossy(&write.key);
                    tracing::error!(%key, why, "an export goes out unsigned: nobody will take it");
                    value.clone()
                })
            };
            Write { value: write.value.as_ref().map(seal), ..write.clone() }
        };
        Ok(batch.iter().map(seal).collect())
    }

    /// Whether there is nothing to do.
    fn is_idle(&self) -> bool {
        let state = self.state();
        state.outbox.is_empty() && state.doubtful.is_none()
    }
}

impl State {
    /// Puts what waits into the journal.
    fn keep(&mut self) -> std::io::Result<()> {
        let Some(journal) = &mut self.journal else { return Ok(()) };
        let fresh: Vec<(Ticket, &Write)> = self.outbox.since(self.kept).collect();
        journal.keep(fresh.iter().map(|(_, write)| *write))?;
        for (ticket, write) in fresh {
            self.kept = Some(ticket);
            self.journaled.insert(write.key.clone());
        }
        Ok(())
    }

    /// A batch is about to be sent: if the journal holds some of it, it must know.
    fn sending(&mut self, seq: u64, batch: &[(Ticket, Write)]) -> std::io::Result<()> {
        let keys: Vec<Bytes> = batch
            .iter()
            .map(|(_, write)| write.key.clone())
            .filter(|key| self.journaled.contains(key))
            .collect();
        match &mut self.journal {
            Some(journal) if !keys.is_empty() => journal.sent(seq, keys),
            _ => Ok(()),
        }
    }

    /// A batch has arrived.
    fn arrived(&mut self, seq: u64, batch: Vec<(Ticket, Write)>, written: &[Written]) {
        let was_journaled = batch.iter().any(|(_, write)| self.journaled.contains(&write.key));
        for (at, (ticket, write)) in batch.into_iter().enumerate() {
            let became = written.get(at).copied().unwrap_or(Written::Stored);
            for waiter in self.outbox.done(ticket) {
                // Who has gone does not care.
                let _ = waiter.send(Ok(became));
            }
            self.journaled.remove(&write.key);
            match write.value {
                Some(value) => self.known.insert(write.key, Known { value, leased: write.leased }),
                None => self.known.remove(&write.key),
            };
        }
        if was_journaled {
            self.note(|journal| journal.arrived(seq));
        }
        if self.journaled.is_empty() {
            self.note(Journal::clear);
        }
    }

    /// Puts what is known to be in the store in line once more; returns how much had no room.
    fn write_again(&mut self, is_own: impl Fn(&[u8]) -> bool) -> usize {
        let known = std::mem::take(&mut self.known);
        let own = known.into_iter().filter(|(key, _)| is_own(key) && self.outbox.pending(key).is_none());
        let writes: Vec<Write> =
            own.map(|(key, Known { value, leased })| Write { key, value: Some(value), leased }).collect();
        writes.into_iter().filter(|write| self.outbox.push(write.clone(), None).is_err()).count()
    }

    fn note(&mut self, note: impl FnOnce(&mut Journal) -> std::io::Result<()>) {
        if let Some(Err(error)) = self.journal.as_mut().map(note) {
            // At worst a batch is looked up again after a restart.
            tracing::warn!(%error, "cannot note what has been written to the mesh");
        }
    }

    fn refuse(&mut self, ticket: Ticket, key: &Bytes, why: &str) {
        let waiters = self.outbox.done(ticket);
        if waiters.iter().all(oneshot::Sender::is_closed) {
            let key = String::from_utf8_lossy(key);
            tracing::error!(%key, why, "the store refuses a write that has waited for it: it is given up");
        }
        for waiter in waiters {
            let refused = WorldError::Refused { operation: "write", why: why.to_owned() };
            let _ = waiter.send(Err(refused));
        }
        if self.journaled.remove(key) && self.journaled.is_empty() {
            self.note(Journal::clear);
        }
    }
}

/// What came of a step.
enum Sent {
    /// The next one.
    Done,
    /// The same again, soon.
    Again(Option<Duration>),
}

async fn run(more: Arc<Notify>, shared: std::sync::Weak<Shared>) {
    let mut drain = Drain { seq: None, limit: batch::COUNT, under_way: None, of: None };
    let mut backoff = Backoff::default();
    loop {
        let Some(alive) = shared.upgrade() else { return };
        if drain.under_way.is_none() && alive.is_idle() {
            drop(alive);
            more.notified().await;
            continue;
        }
        let link = alive.link.clone();
        drop(alive);
        // Whoever waits for the store must not keep a writer alive that nobody has any more.
        let mut standing = link.follow();
        tokio::select! {
            up = standing.wait_for(|standing| matches!(standing, Standing::Up(_))) => {
                if up.is_err() {
                    return;
                }
            }
            () = more.notified() => continue,
        }
        let Some(alive) = shared.upgrade() else { return };
        let sent = drain.step(&alive).await;
        drop(alive);
        match sent {
            Sent::Done => backoff = Backoff::default(),
            Sent::Again(asked) => tokio::time::sleep(backoff.next(chance(), asked)).await,
        }
    }
}

/// The writing of batches.
struct Drain {
    /// How many batches this host has made; `None`: not yet known.
    seq: Option<u64>,
    /// How many writes the next batch may hold: one after another when one of them is refused.
    limit: usize,
    /// A batch that was sent, and of which it is not known whether it was made.
    under_way: Option<Vec<(Ticket, Write)>>,
    /// The store that was written to last.
    of: Option<ClusterId>,
}

impl Drain {
    async fn step(&mut self, shared: &Arc<Shared>) -> Sent {
        let Standing::Up(line) = shared.link.standing() else { return Sent::Done };
        if self.of.replace(line.cluster).is_some_and(|before| before != line.cluster) {
            // Of a store that has begun anew nothing is known.
            self.seq = None;
            self.under_way = None;
        }
        let made = self.send(shared, &line).await;
        match made {
            Ok(()) => Sent::Done,
            Err(Trouble::Busy(after)) => Sent::Again(after),
            Err(Trouble::Line(why)) => {
                tracing::debug!(why, "a write has no answer");
                shared.link.is_useless(line.id);
                Sent::Again(None)
            }
            Err(Trouble::Refused(why)) => self.refused(shared, &why),
        }
    }

    async fn send(&mut self, shared: &Arc<Shared>, line: &crate::cluster::link::Line) -> Result<(), Trouble> {
        let by = Deadline::after(PATIENCE);
        let seq = match self.seq {
            Some(seq) => seq,
            None => self.learn(shared, line, by).await?,
        };
        let is_again = self.under_way.is_some();
        let batch = match &self.under_way {
            Some(batch) => batch.clone(),
            None => shared.state().outbox.batch(self.limit, batch::BYTES),
        };
        if batch.is_empty() {
            return Ok(());
        }
        if let Err(error) = shared.state().sending(seq + 1, &batch) {
            tracing::warn!(%error, "cannot note what is written to the mesh; it waits");
            return Err(Trouble::Busy(Some(Duration::from_secs(1))));
        }
        let lease = match batch.iter().any(|(_, write)| write.leased) {
            true => {
                let lease = shared.session.lease("write", by).await;
                lease.map_err(|error| Trouble::Line(error.to_string()))?.id
            }
            false => 0,
        };
        let writes = shared.sealed(&batch)?;
        let request = batch::txn(&shared.seq_key, seq, &writes, lease);
        self.under_way = Some(batch.clone());
        let outcome = batch::outcome(line.txn(request, by).await?);
        match outcome {
            Outcome::Made(written) => {
                self.seq = Some(seq + 1);
                self.under_way = None;
                self.limit = (self.limit * 2).min(batch::COUNT);
                shared.state().arrived(seq + 1, batch, &written);
            }
            // The answer to an earlier attempt was lost.
            Outcome::Elsewhere(now) if is_again && now == seq + 1 => {
                self.seq = Some(now);
                self.under_way = None;
                shared.state().arrived(now, batch, &[]);
            }
            Outcome::Elsewhere(now) => {
                self.seq = Some(now);
                self.under_way = None;
            }
        }
        Ok(())
    }

    /// Learns how many batches this host has made, and with it what became of a doubtful one.
    async fn learn(
        &mut self,
        shared: &Arc<Shared>,
        line: &crate::cluster::link::Line,
        by: Deadline,
    ) -> Result<u64, Trouble> {
        use crate::cluster::etcd::pb::etcdserverpb::RangeRequest;
        let request = RangeRequest { key: shared.seq_key.clone().into(), ..Default::default() };
        let found = line.range(request, by).await?;
        let seq = found.kvs.first().map_or(0, |kv| batch::seq_of(&kv.value));
        self.seq = Some(seq);
        let mut state = shared.state();
        if let Some((doubtful, writes)) = state.doubtful.take() {
            if seq < doubtful {
                for write in writes {
                    // Something newer for the same key goes before it.
                    if state.outbox.pending(&write.key).is_none() {
                        let _ = state.outbox.push(write, None);
                    }
                }
            } else {
                for write in writes
                    .iter()
                    .filter(|write| state.outbox.pending(&write.key).is_none())
                    .collect::<Vec<_>>()
                {
                    state.journaled.remove(&write.key);
                }
                state.note(|journal| journal.arrived(doubtful));
            }
        }
        Ok(seq)
    }

    /// The store refuses a batch: each of it is tried alone, and the one that is at fault is given back.
    fn refused(&mut self, shared: &Arc<Shared>, why: &str) -> Sent {
        let Some(batch) = self.under_way.take() else {
            tracing::warn!(why, "the store refuses to be read");
            return Sent::Again(Some(Duration::from_secs(1)));
        };
        if why.contains("lease not found") {
            shared.session.is_lost();
            return Sent::Again(None);
        }
        if why.contains("space exceeded") {
            // Nothing can be written until someone has made room.
            tracing::warn!(why, "the store takes no writes; they wait");
            return Sent::Again(Some(Duration::from_secs(2)));
        }
        if batch.len() > 1 {
            self.limit = 1;
            return Sent::Done;
        }
        for (ticket, write) in batch {
            shared.state().refuse(ticket, &write.key, why);
        }
        self.limit = batch::COUNT;
        Sent::Done
    }
}
