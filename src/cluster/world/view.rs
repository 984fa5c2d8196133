//! What mirrors show, decoded, for those who follow it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use super::mirror::{Changed, Entry, Mirror};
use super::watcher::{MirrorId, Sink, Watcher};
use crate::cluster::store::key::KeyRange;
use crate::engine::world::{Follow, Followed, Seen, follow};

/// A map of what one or several mirrors show: told once all of them have been seen.
struct Joined<K, V> {
    map: Arc<BTreeMap<K, V>>,
    /// Of each mirror: whether it was seen, and since when it is stale.
    parts: Vec<Option<Option<SystemTime>>>,
    tell: Arc<Followed<Arc<BTreeMap<K, V>>>>,
}

/// One of the mirrors.
struct Part<K, V, F> {
    joined: Arc<Mutex<Joined<K, V>>>,
    at: usize,
    decode: F,
}

impl<K, V, F> Sink for Part<K, V, F>
where
    K: Ord + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    F: Fn(&[u8], Option<&Entry>) -> Option<(K, Option<V>)> + Send + 'static,
{
    fn told(&mut self, _: &Mirror, changes: &[Changed], stale: Option<SystemTime>) {
        let decoded: Vec<(K, Option<V>)> =
            changes.iter().filter_map(|change| (self.decode)(&change.key, change.now.as_ref())).collect();
        let mut joined = self.joined.lock().unwrap_or_else(PoisonError::into_inner);
        let Joined { map, parts, tell } = &mut *joined;
        parts[self.at] = Some(stale);
        // As stale as the stalest of them.
        let seen = parts.iter().copied().collect::<Option<Vec<_>>>();
        let stalest = seen.map(|seen| seen.into_iter().flatten().min());
        tell.amend(|told| {
            // What was told last goes first: then the map is copied only for those who still look at it, and not once a
            // change.
            *told = None;
            if !decoded.is_empty() {
                let map = Arc::make_mut(map);
                for (key, value) in decoded {
                    match value {
                        Some(value) => drop(map.insert(key, value)),
                        None => drop(map.remove(&key)),
                    }
                }
            }
            *told = stalest.map(|stale| Seen { value: map.clone(), stale });
            told.is_some()
        });
    }
}

/// Follows stretches of keys as a map. What `decode` gives no key for is left out.
pub fn follow_map<K, V, F>(
    watcher: &Arc<Watcher>,
    ranges: &[KeyRange],
    decode: F,
) -> Follow<Arc<BTreeMap<K, V>>>
where
    K: Ord + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    F: Fn(&[u8], Option<&Entry>) -> Option<(K, Option<V>)> + Clone + Send + 'static,
{
    let (tell, told) = follow();
    let tell = Arc::new(tell);
    let joined = Joined { map: Arc::default(), parts: vec![None; ranges.len()], tell: tell.clone() };
    let joined = Arc::new(Mutex::new(joined));
    let part = |(at, range): (usize, &KeyRange)| {
        watcher.follow(range.clone(), Part { joined: joined.clone(), at, decode: decode.clone() })
    };
    let ids = ranges.iter().enumerate().map(part).collect();
    leave_when_alone(watcher, ids, tell);
    told
}

/// One of the mirrors of a single key.
struct Single<T, F> {
    tell: Arc<Followed<Option<T>>>,
    decode: F,
}

impl<T, F> Sink for Single<T, F>
where
    T: Send + Sync + 'static,
    F: Fn(&Entry) -> Option<T> + Send + 'static,
{
    fn told(&mut self, mirror: &Mirror, _: &[Changed], stale: Option<SystemTime>) {
        let value = mirror.iter().next().and_then(|(_, entry)| (self.decode)(entry));
        self.tell.tell(Seen { value, stale });
    }
}

/// Follows one key.
pub fn follow_one<T, F>(watcher: &Arc<Watcher>, key: String, decode: F) -> Follow<Option<T>>
where
    T: Clone + Send + Sync + 'static,
    F: Fn(&Entry) -> Option<T> + Send + 'static,
{
    let (tell, told) = follow();
    let tell = Arc::new(tell);
    let id = watcher.follow(KeyRange::One(key.into()), Single { tell: tell.clone(), decode });
    leave_when_alone(watcher, vec![id], tell);
    told
}

/// The mirrors go when nobody follows any more.
fn leave_when_alone<T: Send + Sync + 'static>(
    watcher: &Arc<Watcher>,
    ids: Vec<MirrorId>,
    tell: Arc<Followed<T>>,
) {
    let (ended, watcher) = (watcher.ended(), Arc::downgrade(watcher));
    tokio::spawn(async move {
        tokio::select! {
            () = tell.alone() => {}
            () = ended => {}
        }
        if let Some(watcher) = watcher.upgrade() {
            ids.into_iter().for_each(|id| watcher.leave(id));
        }
    });
}
