//! What reaches a collector: of all exports those that their host has signed.
//!
//! An export is verified when it is new or changed, or its host has another key; what stays costs nothing. It works in a task of
//! its own, and lets others in between, so that thousands that come at once hold up nobody.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use tokio::time::Instant;

use super::export_encoding::decode;
use super::export_seal::{SealError, open};
use super::keys;
use super::trust::Grounds;
use super::vouching::{AllPapers, Vouching};
use super::watcher::Watcher;
use crate::cluster::identity::VerifyingKey;
use crate::cluster::store::key::KeyRange;
use crate::cluster::world::view::follow_map;
use crate::engine::id::Label;
use crate::engine::world::{Collected, CollectedId, Collection, ExportId, Follow, Followed, Seen, follow};

/// So many are verified before others get their turn: a millisecond or two.
const AT_ONCE: usize = 32;
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
    tell: Followed<Collection>,
    /// What was told last: since when it is stale.
    told: Option<Option<SystemTime>>,
}

/// What an export was found to be.
struct Judged {
    value: Bytes,
    key: Result<VerifyingKey, SealError>,
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
        let count = self.judged.len();
        self.judged.retain(|id, _| raw.value.contains_key(id));
        let mut is_other = self.judged.len() != count;
        let mut verified = 0;
        for (id, value) in &*raw.value {
            let key = self.vouching.key_of(grounds, &id.from, papers.get(&id.from));
            if self.judged.get(id).is_some_and(|known| known.key == key && known.value == *value) {
                continue;
            }
            let found = self.judge(grounds, &key, id, value);
            if found.is_ok() {
                self.warned.remove(id);
            }
            let judged = Judged { value: value.clone(), key, found, at: Instant::now(), counted: false };
            self.judged.insert(id.clone(), judged);
            is_other = true;
            verified += 1;
            if verified % AT_ONCE == 0 {
                tokio::task::yield_now().await;
            }
        }
        if is_other || self.told != Some(raw.stale) {
            self.told = Some(raw.stale);
            let good = |(id, judged): (&CollectedId, &Judged)| {
                Some((id.clone(), judged.found.as_ref().ok()?.clone()))
            };
            let value = Arc::new(self.judged.iter().filter_map(good).collect());
            self.tell.tell(Seen { value, stale: raw.stale });
        }
    }

    fn judge(
        &self,
        grounds: &Grounds,
        key: &Result<VerifyingKey, SealError>,
        id: &CollectedId,
        value: &[u8],
    ) -> Result<Arc<Collected>, SealError> {
        let key = key.as_ref().map_err(Clone::clone)?;
        let label = Label { kind: self.kind.clone(), name: id.name.clone() };
        let place = ExportId { to: id.to.clone(), label };
        let text = open(&grounds.mesh, key, &id.from, &place, value)?;
        Ok(Arc::new(decode(text)))
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

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}
