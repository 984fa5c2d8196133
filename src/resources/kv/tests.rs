//! Shared texts, over a store that is one map.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use super::*;
use crate::engine::Value;
use crate::engine::world::{Deadline, Follow, Followed, Seen, Strings, Texts, WorldError, follow};
use crate::resources::testing::{Bench, Given, PartWorld, Subject, refused};

/// A store that may be away, and in which others may be quicker.
#[derive(Debug, Default)]
struct OneMap(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    texts: BTreeMap<Slot, Arc<str>>,
    followed: Vec<(Slot, Followed<Option<Arc<str>>>)>,
    away: bool,
    /// What others set just before the next replacements.
    overtaken_by: Vec<&'static str>,
    sets: usize,
}

impl Inner {
    fn put(&mut self, slot: &Slot, text: Option<&str>) {
        match text {
            Some(text) => self.texts.insert(slot.clone(), text.into()),
            None => self.texts.remove(slot),
        };
        for (_, told) in self.followed.iter().filter(|(followed, _)| followed == slot) {
            told.tell(self.seen(slot));
        }
    }

    fn seen(&self, slot: &Slot) -> Seen<Option<Arc<str>>> {
        let stale = self.away.then(SystemTime::now);
        Seen { value: self.texts.get(slot).cloned(), stale }
    }
}

impl OneMap {
    fn put(&self, slot: &Slot, text: Option<&str>) {
        self.0.lock().unwrap().put(slot, text);
    }

    fn text(&self, slot: &Slot) -> Option<Arc<str>> {
        self.0.lock().unwrap().texts.get(slot).cloned()
    }
}

#[async_trait]
impl Strings for OneMap {
    async fn get(&self, slot: &Slot, _: Deadline) -> Result<Seen<Option<Arc<str>>>, WorldError> {
        Ok(self.0.lock().unwrap().seen(slot))
    }

    async fn set(&self, slot: &Slot, text: Option<&str>, _: Deadline) -> Result<Written, WorldError> {
        let mut inner = self.0.lock().unwrap();
        inner.sets += 1;
        inner.put(slot, text);
        Ok(if inner.away { Written::Queued } else { Written::Stored })
    }

    async fn replace(
        &self,
        slot: &Slot,
        from: Option<&str>,
        to: Option<&str>,
        _: Deadline,
    ) -> Result<bool, WorldError> {
        let mut inner = self.0.lock().unwrap();
        if inner.away {
            return Err(WorldError::Away { operation: "write a string", away: Duration::ZERO });
        }
        if let Some(other) = inner.overtaken_by.pop() {
            inner.put(slot, Some(other));
        }
        let is_so = inner.texts.get(slot).map(|text| &**text) == from;
        if is_so {
            inner.put(slot, to);
        }
        Ok(is_so)
    }

    fn follow(&self, slot: &Slot) -> Follow<Option<Arc<str>>> {
        let mut inner = self.0.lock().unwrap();
        let (tell, told) = follow();
        tell.tell(inner.seen(slot));
        inner.followed.push((slot.clone(), tell));
        told
    }

    fn follow_hosts(&self, _: &str) -> Follow<Texts> {
        follow().1
    }

    async fn list(&self, _: &str, _: Deadline) -> Result<Vec<(Arc<str>, Arc<str>)>, WorldError> {
        Ok(Vec::new())
    }

    fn follow_all(&self, _: &str) -> Follow<Arc<BTreeMap<Arc<str>, Arc<str>>>> {
        follow().1
    }
}

struct Scene {
    map: Arc<OneMap>,
    bench: Bench,
}

impl Scene {
    fn new() -> Self {
        let map = Arc::new(OneMap::default());
        let world = PartWorld { strings: Some(map.clone()), ..PartWorld::of("me") };
        Self { map, bench: Bench::in_world(Arc::new(world)) }
    }

    fn kv(&self, params: Given<'_>) -> Subject {
        self.bench.build(&KvKind::new(), "k", params)
    }
}

fn shared() -> Slot {
    Slot::Shared { key: "k".into() }
}

fn raised(value: &str) -> [(&'static str, Value); 2] {
    [("value", Value::str(value)), ("skiplessthan", Value::Bool(true))]
}

#[tokio::test]
async fn a_text_is_set_and_removed_again() {
    let scene = Scene::new();
    let subject = scene.kv(&[("value", Value::str("v"))]);
    assert_eq!(subject.noop().await.shown(), ["value: absent -> v"]);
    assert_eq!(scene.map.text(&shared()), None);
    subject.repair().await;
    assert_eq!(scene.map.text(&shared()).as_deref(), Some("v"));
    assert_eq!(scene.kv(&[]).repair().await.shown(), ["value: v -> absent"]);
    assert_eq!(scene.map.text(&shared()), None);
}

#[tokio::test]
async fn a_mapped_text_is_that_of_this_host_and_a_key_replaces_the_name() {
    let scene = Scene::new();
    let params = [("key", Value::str("other")), ("value", Value::str("v")), ("mapped", Value::Bool(true))];
    scene.kv(&params).repair().await;
    let slot = Slot::OfHost { key: "other".into(), host: "me".parse().unwrap() };
    assert_eq!(scene.map.text(&slot).as_deref(), Some("v"));
}

#[tokio::test]
async fn a_text_is_only_raised_and_compared_as_was_asked() {
    let scene = Scene::new();
    scene.map.put(&shared(), Some("9"));
    assert_eq!(scene.kv(&raised("10")).repair().await.shown(), ["value: 9 -> 10"]);
    assert!(scene.kv(&raised("9")).run().await.drift.is_empty());
    let texts = [&raised("9")[..], &[("skipcmpstyle", Value::Int(1))]].concat();
    assert_eq!(scene.kv(&texts).repair().await.shown(), ["value: 10 -> 9"]);
    scene.map.put(&shared(), Some("many"));
    let error = scene.kv(&raised("1")).failure().await;
    assert_eq!(error, "cannot compare \"k\" with a whole number: it is \"many\"");
}

#[tokio::test]
async fn a_refresh_sets_it_although_it_is_higher() {
    let scene = Scene::new();
    scene.map.put(&shared(), Some("7"));
    assert_eq!(scene.kv(&raised("5")).refresh().await.shown(), ["value: 7 -> 5"]);
    assert_eq!(scene.map.text(&shared()).as_deref(), Some("5"));
}

#[tokio::test]
async fn who_raises_at_once_with_others_never_lowers() {
    let scene = Scene::new();
    scene.map.0.lock().unwrap().overtaken_by = vec!["20", "4"];
    let ran = scene.kv(&raised("10")).run().await;
    assert_eq!(ran.shown(), ["value: absent -> 10"]);
    assert_eq!(scene.map.text(&shared()).as_deref(), Some("20"), "after 4 came 20, which stays");
    scene.map.0.lock().unwrap().overtaken_by = vec!["22", "21"];
    scene.kv(&raised("30")).repair().await;
    assert_eq!(scene.map.text(&shared()).as_deref(), Some("30"));
}

#[tokio::test]
async fn while_the_store_is_away_the_last_seen_text_counts_and_a_write_waits() {
    let scene = Scene::new();
    let subject = scene.kv(&[("value", Value::str("v"))]);
    subject.repair().await;
    scene.map.0.lock().unwrap().away = true;
    assert!(subject.run().await.drift.is_empty());
    assert_eq!(scene.kv(&[("value", Value::str("w"))]).run().await.shown(), ["value: v -> w"]);
    scene.map.put(&shared(), Some("1"));
    let error = scene.kv(&raised("10")).failure().await;
    assert!(error.contains("the store is away"), "to raise it must be known: {error}");
}

#[tokio::test]
async fn a_change_by_others_wakes_and_ones_own_is_known_by_its_stamp() {
    let scene = Scene::new();
    let subject = scene.kv(&[("value", Value::str("v"))]);
    let mut wakes = subject.resource.watch(&subject.cx()).await.unwrap().stream.unwrap();
    let cx = subject.cx();
    let drift = subject.resource.check(&cx).await.unwrap().drift;
    subject.resource.apply(&cx, drift).await.unwrap();
    let own = wakes.next().await.unwrap().unwrap();
    assert_eq!(own.stamp, cx.take_wrote());
    scene.map.put(&shared(), Some("other"));
    let other = wakes.next().await.unwrap().unwrap();
    assert!(other.stamp.is_some() && other.stamp != own.stamp);
}

#[tokio::test]
async fn a_plan_without_a_mesh_says_that_the_text_is_unknown() {
    let bench = Bench::new();
    let subject = bench.build(&KvKind::new(), "k", &[("value", Value::str("v"))]);
    assert_eq!(subject.noop().await.shown(), ["value: unknown -> v"]);
    assert!(subject.failure().await.contains("this program runs without a mesh"));
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let kind = KvKind::new();
    assert_eq!(refused(&kind, "k", &raised("ten"))[0].param, Some("value"));
    let style = [("value", Value::str("1")), ("skipcmpstyle", Value::Int(2))];
    assert_eq!(refused(&kind, "k", &style)[0].param, Some("skipcmpstyle"));
}
