//! What reaches a collector: of all exports those that their host has signed.
//!
//! An export is verified when it is new or changed, or its host has another key; what stays is passed over. It works in a task of
//! its own, and lets others in between, so that thousands that come at once hold up nobody.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use tokio::time::Instant;

use super::export_encoding::decode;
use super::export_seal::{SealError, open};
use super::keys;
use super::trust::Grounds;
use super::vouching::{AllPapers, Vouched, Vouching};
use super::watcher::Watcher;
use crate::cluster::store::key::KeyRange;
use crate::cluster::world::view::follow_map;
use crate::engine::id::Label;
use crate::engine::world::{
    Collected, CollectedId, Collection, ExportId, Follow, Followed, HostName, Seen, follow,
};

/// After so long others get their turn.
const TURN: Duration = Duration::from_millis(2);
/// The papers of a new host may come a moment after what it exports: so long nobody is warned, and nothing counted.
const GRACE: Duration = Duration::from_secs(5);
/// Warnings about so many exports, no more: a host that is broken must not fill the log.
const MOST_WARNED: usize = 1_000;

type Raw = Arc<BTreeMap<CollectedId, Bytes>>;

/// Follows the exports of a kind, without those that are not believed; those are counted.
pub(super) fn collect(
    watcher: &Arc<Watcher>,
    vouching: &Arc<Vouching>,
    dropped: &Arc<AtomicU64>,
    kind: &str,
    ranges: &[KeyRange],
) -> Follow<Collection> {
    let raw: Follow<Raw> = follow_map(watcher, ranges, |key, entry| {
        Some((keys::collected_of(key)?, entry.map(|entry| entry.value.clone())))
    });
    let (tell, told) = follow();
    let sieve = Sieve {
        kind: kind.into(),
        vouching: vouching.clone(),
        dropped: dropped.clone(),
        judged: BTreeMap::new(),
        warned: BTreeSet::new(),
        good: Collection::default(),
        tell,
        told: None,
    };
    tokio::spawn(sieve.run(raw, vouching.papers(watcher)));
    told
}

struct Sieve {
    kind: Arc<str>,
    vouching: Arc<Vouching>,
    dropped: Arc<AtomicU64>,
    judged: BTreeMap<CollectedId, Judged>,
    /// Of which somebody was warned.
    warned: BTreeSet<CollectedId>,
    /// What was told last.
    good: Collection,
    tell: Followed<Collection>,
    /// What was told last: since when it is stale.
    told: Option<Option<SystemTime>>,
}

/// What an export was found to be.
struct Judged {
    value: Bytes,
    key: Vouched,
    found: Result<Arc<Collected>, SealError>,
    at: Instant,
    /// It is among those that were dropped.
    counted: bool,
}

impl Sieve {
    async fn run(mut self, mut raw: Follow<Raw>, mut papers: Follow<AllPapers>) {
        let mut trust = self.vouching.trust.follow();
        loop {
            let grounds = trust.borrow_and_update().clone();
            // What is not held while one waits need not be copied when it changes.
            if let (Some(raw), Some(papers), Some(grounds)) = (raw.now(), papers.now(), grounds) {
                self.look(raw, &papers.value, &grounds).await;
            }
            let warn_at = self.warn();
            let seen = tokio::select! {
                seen = raw.changed() => seen.is_some(),
                seen = papers.changed() => seen.is_some(),
                changed = trust.changed() => changed.is_ok(),
                () = self.tell.alone() => false,
                () = at(warn_at) => true,
            };
            if !seen {
                return;
            }
        }
    }

    /// Looks at all, and tells if anything is other than before.
    async fn look(&mut self, raw: Seen<Raw>, papers: &AllPapers, grounds: &Arc<Grounds>) {
        let mut turn = Turn::default();
        let mut keys = HashMap::new();
        for id in raw.value.keys() {
            let vouch = || self.vouching.key_of(grounds, &id.from, papers.get(&id.from));
            keys.entry(&id.from).or_insert_with(vouch);
            turn.pass().await;
        }
        let News { gone, other } = self.news(&raw.value, &keys);
        let mut changes = Vec::with_capacity(gone.len() + other.len());
        for id in gone {
            self.judged.remove(&id);
            changes.push((id, None));
        }
        for (id, value, key) in other {
            let found = self.judge(grounds, key, id, value);
            changes.push((id.clone(), found.as_ref().ok().cloned()));
            let (value, key) = (value.clone(), key.clone());
            let judged = Judged { value, key, found, at: Instant::now(), counted: false };
            self.judged.insert(id.clone(), judged);
            turn.pass().await;
        }
        if !changes.is_empty() || self.told != Some(raw.stale) {
            self.tell(changes, raw.stale);
        }
    }

    /// What is not as it was judged: all exports that there are, and all that were judged, side by side.
    fn news<'r>(
        &self,
        raw: &'r BTreeMap<CollectedId, Bytes>,
        keys: &'r HashMap<&HostName, Vouched>,
    ) -> News<'r> {
        let mut news = News::default();
        let mut known = self.judged.iter().peekable();
        for (id, value) in raw {
            while let Some((old, _)) = known.next_if(|(old, _)| *old < id) {
                news.gone.push(old.clone());
            }
            let judged = known.next_if(|(old, _)| *old == id);
            let key = keys.get(&id.from).expect("it was asked for of each");
            if !judged.is_some_and(|(_, judged)| judged.holds(value, key)) {
                news.other.push((id, value, key));
            }
        }
        news.gone.extend(known.map(|(old, _)| old.clone()));
        news
    }

    fn tell(&mut self, changes: Vec<(CollectedId, Option<Arc<Collected>>)>, stale: Option<SystemTime>) {
        let Self { good, tell, told, .. } = self;
        *told = Some(stale);
        tell.amend(|seen| {
            // What was told last goes first: then all is copied only for those who still look at it.
            *seen = None;
            if !changes.is_empty() {
                let good = Arc::make_mut(good);
                for (id, found) in changes {
                    match found {
                        Some(found) => drop(good.insert(id, found)),
                        None => drop(good.remove(&id)),
                    }
                }
            }
            *seen = Some(Seen { value: good.clone(), stale });
            true
        });
    }

    fn judge(
        &mut self,
        grounds: &Grounds,
        key: &Vouched,
        id: &CollectedId,
        value: &[u8],
    ) -> Result<Arc<Collected>, SealError> {
        self.vouching.judged.fetch_add(1, Ordering::Relaxed);
        let found = verified(&self.kind, grounds, key, id, value);
        if found.is_ok() {
            self.warned.remove(id);
        }
        found
    }

    /// Counts what is dropped, and warns of it, once of each; returns when it is time for those that may still turn out well.
    fn warn(&mut self) -> Option<Instant> {
        let mut next = None;
        for (id, judged) in &mut self.judged {
            let Err(why) = &judged.found else { continue };
            let at = judged.at + GRACE;
            if *why == SealError::NoPapers && Instant::now() < at {
                next = Some(next.map_or(at, |next: Instant| next.min(at)));
                continue;
            }
            if !std::mem::replace(&mut judged.counted, true) {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
            if self.warned.len() >= MOST_WARNED || self.warned.contains(id) {
                continue;
            }
            let (host, to, name) = (&id.from, &id.to, &id.name);
            tracing::warn!(%host, kind = %self.kind, %name, %to, %why, "an export is dropped");
            self.warned.insert(id.clone());
            if self.warned.len() == MOST_WARNED {
                tracing::warn!(kind = %self.kind, "more exports that are dropped are not named any more");
            }
        }
        next
    }
}

impl Judged {
    /// Whether this is what was judged, and by this key.
    fn holds(&self, value: &Bytes, key: &Vouched) -> bool {
        // Mostly it is the very same bytes, and as long as they are kept nothing else lies there.
        let same = self.value.as_ptr() == value.as_ptr() && self.value.len() == value.len();
        (same || self.value == *value) && self.key == *key
    }
}

/// What is not as it was judged.
#[derive(Default)]
struct News<'r> {
    gone: Vec<CollectedId>,
    /// New or changed, or its host has another key.
    other: Vec<(&'r CollectedId, &'r Bytes, &'r Vouched)>,
}

/// Lets others get their turn.
struct Turn(Instant);

impl Default for Turn {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Turn {
    async fn pass(&mut self) {
        if self.0.elapsed() >= TURN {
            tokio::task::yield_now().await;
            self.0 = Instant::now();
        }
    }
}

fn verified(
    kind: &Arc<str>,
    grounds: &Grounds,
    key: &Vouched,
    id: &CollectedId,
    value: &[u8],
) -> Result<Arc<Collected>, SealError> {
    let key = key.as_ref().as_ref().map_err(Clone::clone)?;
    let place = ExportId { to: id.to.clone(), label: Label { kind: kind.clone(), name: id.name.clone() } };
    Ok(Arc::new(decode(open(&grounds.mesh, key, &id.from, &place, value)?)))
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}
