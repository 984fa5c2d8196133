//! Random changes against a store that is a list of all its states, and watches against the list of all events.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::cluster::store::id::WatchId;
use crate::cluster::store::reply::OpReply;
use crate::cluster::store::request::{Compare, Operand, Sort, SortBy, Test};
use crate::cluster::store::validate::check_txn;
use crate::cluster::store::watch::{
    Event, EventKind, Limits, Notice, Outbox, StreamId, Syncing, Wanted as Events, WatchHub, WatchSpec,
};
use crate::engine::sched::Time;
use fastrand::Rng;

type State = BTreeMap<Bytes, KeyValue>;

/// The naive store.
struct Model {
    /// By revision; the first two are empty.
    states: Vec<State>,
    events: Vec<Event>,
    leases: BTreeSet<i64>,
    compacted: i64,
}

impl Model {
    fn new() -> Self {
        Self {
            states: vec![State::new(), State::new()],
            events: Vec::new(),
            leases: BTreeSet::new(),
            compacted: -1,
        }
    }

    fn revision(&self) -> i64 {
        self.states.len() as i64 - 1
    }

    fn now(&self) -> &State {
        self.states.last().unwrap()
    }

    fn write(&mut self, op: &Op, state: &mut State, next: i64) -> Option<OpReply> {
        let next = Revision(next);
        Some(match op {
            Op::Range(_) | Op::Txn(_) => return None,
            Op::Put(put) => {
                let previous = state.get(&put.key).cloned();
                let old = previous.clone().unwrap_or_default();
                let kv = KeyValue {
                    key: put.key.clone(),
                    created: previous.as_ref().map_or(next, |old| old.created),
                    modified: next,
                    version: old.version + 1,
                    value: put.value.clone().unwrap_or(old.value),
                    lease: put.lease.unwrap_or(old.lease),
                };
                state.insert(put.key.clone(), kv.clone());
                // To a watch, a transaction is one step; a key that is made anew was nothing before it.
                let before = self.now().get(&put.key).filter(|_| kv.version > 1).cloned();
                self.events.push(Event { kind: EventKind::Put, kv, previous: before });
                OpReply::Put(PutReply { previous })
            }
            Op::Delete(delete) => {
                let previous: Vec<KeyValue> =
                    state.values().filter(|kv| delete.range.contains(&kv.key)).cloned().collect();
                for old in &previous {
                    state.remove(&old.key);
                    let kv = KeyValue { key: old.key.clone(), modified: next, ..KeyValue::default() };
                    let before = self.now().get(&old.key).cloned();
                    self.events.push(Event { kind: EventKind::Delete, kv, previous: before });
                }
                OpReply::Delete(DeleteReply { deleted: previous.len(), previous })
            }
        })
    }

    fn write_all(&mut self, ops: &[Op]) -> Vec<OpReply> {
        let mut state = self.now().clone();
        let next = self.revision() + 1;
        let count = self.events.len();
        let replies = ops.iter().filter_map(|op| self.write(op, &mut state, next)).collect();
        if self.events.len() > count {
            self.states.push(state);
        }
        replies
    }

    fn refusal(&self, ops: &[Op]) -> Option<StoreError> {
        ops.iter().find_map(|op| match op {
            Op::Put(put) => {
                let missing = !self.now().contains_key(&put.key);
                let lease = put.lease.map_or(0, |lease| lease.0);
                if missing && (put.value.is_none() || put.lease.is_none()) {
                    Some(StoreError::KeyNotFound)
                } else {
                    (lease != 0 && !self.leases.contains(&lease)).then_some(StoreError::LeaseNotFound)
                }
            }
            _ => None,
        })
    }

    fn range(&self, range: &Range) -> Result<RangeReply, StoreError> {
        let at = range.revision.map_or(self.revision(), |revision| revision.0);
        if at > self.revision() {
            return Err(StoreError::FutureRevision);
        }
        if at < self.compacted {
            return Err(StoreError::Compacted);
        }
        let mut kvs: Vec<KeyValue> =
            self.states[at as usize].values().filter(|kv| range.range.contains(&kv.key)).cloned().collect();
        let count = kvs.len();
        let filter = range.filter;
        kvs.retain(|kv| {
            let admits = |least: i64, most: i64, it: Revision| it.0 >= least && (most == 0 || it.0 <= most);
            admits(filter.min_modified, filter.max_modified, kv.modified)
                && admits(filter.min_created, filter.max_created, kv.created)
        });
        if let Some(sort) = range.sort {
            kvs.sort_by(|left, right| {
                let order = match sort.by {
                    SortBy::Key => left.key.cmp(&right.key),
                    SortBy::Version => left.version.cmp(&right.version),
                    SortBy::Created => left.created.cmp(&right.created),
                    SortBy::Modified => left.modified.cmp(&right.modified),
                    SortBy::Value => left.value.cmp(&right.value),
                };
                if sort.descending { order.reverse() } else { order }
            });
        }
        let limit = range.limit.unwrap_or(usize::MAX);
        let more = kvs.len() > limit;
        kvs.truncate(limit);
        Ok(RangeReply { kvs, more, count })
    }
}

fn some_key(rng: &mut Rng) -> String {
    let length = rng.usize(1..3);
    (0..length).map(|_| rng.char('a'..='e')).collect()
}

fn some_span(rng: &mut Rng) -> KeyRange {
    match rng.u32(..4) {
        0 => KeyRange::From(bytes(&some_key(rng))),
        1 => KeyRange::Span(bytes(&some_key(rng)), bytes(&some_key(rng))),
        _ => KeyRange::One(bytes(&some_key(rng))),
    }
}

fn some_write(rng: &mut Rng) -> Op {
    if rng.u32(..4) == 0 {
        return Op::Delete(Delete { range: some_span(rng), previous: true });
    }
    let mut put = put_of(&some_key(rng), &format!("{}", rng.u32(..1000)));
    if rng.u32(..8) == 0 {
        put.value = None;
    }
    match rng.u32(..6) {
        0 => put.lease = None,
        1 => put.lease = Some(LeaseId(rng.i64(1..5))),
        _ => {}
    }
    Op::Put(put)
}

fn some_range(rng: &mut Rng, model: &Model) -> Range {
    let by = [SortBy::Key, SortBy::Version, SortBy::Created, SortBy::Modified, SortBy::Value];
    let mut some = |most: i64| if rng.bool() { 0 } else { rng.i64(0..=most) };
    let now = model.revision();
    let filter = Filter {
        min_modified: some(now),
        max_modified: some(now),
        min_created: some(now),
        max_created: some(now),
    };
    Range {
        range: some_span(rng),
        revision: rng.bool().then(|| Revision(rng.i64(1..now + 2))),
        limit: rng.bool().then(|| rng.usize(1..6)),
        sort: rng.bool().then(|| Sort { by: by[rng.usize(..5)], descending: rng.bool() }),
        sorted: None,
        wanted: Wanted::All,
        filter: if rng.bool() { filter } else { Filter::default() },
    }
}

/// Does one random change to both, and compares the answers.
fn change(rng: &mut Rng, store: &mut Store, model: &mut Model) {
    match rng.u32(..20) {
        0 => {
            let id = rng.i64(1..5);
            let granted = apply(store, Change::LeaseGrant { id: LeaseId(id), ttl_s: 5 }).is_ok();
            assert_eq!(granted, model.leases.insert(id));
        }
        1 => {
            let id = rng.i64(1..5);
            let revoked = apply(store, Change::LeaseRevoke { id: LeaseId(id) }).is_ok();
            assert_eq!(revoked, model.leases.remove(&id));
            if revoked {
                let hung = model.now().values().filter(|kv| kv.lease == LeaseId(id));
                let ops: Vec<Op> = hung
                    .map(|kv| Op::Delete(Delete { range: KeyRange::One(kv.key.clone()), previous: false }))
                    .collect();
                model.write_all(&ops);
            }
        }
        2 => {
            let revision = model.revision() - rng.i64(0..30);
            let expected = if revision <= model.compacted { Err(StoreError::Compacted) } else { Ok(()) };
            assert_eq!(compact(store, revision).map(drop), expected);
            model.compacted = model.compacted.max(revision);
        }
        3..8 => transact(rng, store, model),
        _ => {
            let op = some_write(rng);
            let change = match op.clone() {
                Op::Put(put) => Change::Put(put),
                Op::Delete(delete) => Change::Delete(delete),
                Op::Range(_) | Op::Txn(_) => unreachable!(),
            };
            let reply = apply(store, change);
            if model.refusal(std::slice::from_ref(&op)).is_some() {
                assert!(reply.is_err());
                return;
            }
            let reply = match reply.unwrap().reply {
                Reply::Put(reply) => OpReply::Put(reply),
                Reply::Delete(reply) => OpReply::Delete(reply),
                other => panic!("{other:?}"),
            };
            assert_eq!(model.write_all(&[op]), [reply]);
        }
    }
}

fn transact(rng: &mut Rng, store: &mut Store, model: &mut Model) {
    let key = some_key(rng);
    let version = rng.i64(0..3);
    let compare =
        Compare { range: KeyRange::One(bytes(&key)), test: Test::Equal, with: Operand::Version(version) };
    let ops = |rng: &mut Rng| (0..rng.usize(..6)).map(|_| some_write(rng)).collect::<Vec<_>>();
    let request = Txn { compares: vec![compare], then: ops(rng), otherwise: ops(rng) };
    if check_txn(&request).is_err() {
        return;
    }
    let held = model.now().get(key.as_bytes()).map_or(0, |kv| kv.version) == version;
    let list = if held { request.then.clone() } else { request.otherwise.clone() };
    let reply = txn(store, request);
    match model.refusal(&list) {
        Some(error) => assert_eq!(reply, Err(error)),
        None => {
            let reply = reply.unwrap();
            assert_eq!(reply.succeeded, held);
            let replies: Vec<OpReply> = reply.replies.into_iter().map(|(_, reply)| reply).collect();
            assert_eq!(model.write_all(&list), replies);
        }
    }
}

#[test]
fn the_store_answers_as_a_list_of_all_its_states_would() {
    for seed in 0..40 {
        let rng = &mut Rng::with_seed(seed);
        let (mut store, mut model) = (Store::new(), Model::new());
        for _ in 0..400 {
            change(rng, &mut store, &mut model);
            assert_eq!(store.revision().0, model.revision(), "seed {seed}");
            for _ in 0..3 {
                let range = some_range(rng, &model);
                assert_eq!(store.range(&range), model.range(&range), "seed {seed}: {range:?}");
            }
            if rng.bool() {
                store.compact_step(rng.usize(1..20));
            }
            for id in 1..5 {
                let hung = model.now().values().filter(|kv| kv.lease == LeaseId(id));
                let hung: Vec<Bytes> = hung.map(|kv| kv.key.clone()).collect();
                assert_eq!(store.leases().keys(LeaseId(id)).collect::<Vec<_>>(), hung, "seed {seed}");
            }
        }
    }
}

/// A watch and what came of it.
struct Seen {
    name: (StreamId, WatchId),
    spec: WatchSpec,
    /// Where it starts to know of events.
    from: i64,
    events: Vec<Event>,
    /// It was told that the watch is there.
    open: bool,
    ended: bool,
}

struct Watchers {
    hub: WatchHub,
    streams: Vec<(StreamId, Arc<Outbox>)>,
    seen: Vec<Seen>,
}

impl Watchers {
    fn add(&mut self, rng: &mut Rng, revision: i64) {
        let (stream, _) = self.streams[rng.usize(..self.streams.len())];
        let start = match rng.u32(..3) {
            0 => 0,
            1 => rng.i64(1..=revision),
            _ => revision + rng.i64(1..20),
        };
        let spec = WatchSpec {
            id: None,
            range: some_span(rng),
            start: Revision(start),
            wanted: Events { no_put: rng.u32(..5) == 0, no_delete: rng.u32(..5) == 0, previous: rng.bool() },
            progress: rng.bool(),
        };
        let from = if start == 0 { revision + 1 } else { start };
        if let Some(watch) = self.hub.create(stream, spec.clone(), Time(0)) {
            self.seen.push(Seen {
                name: (stream, watch),
                spec,
                from,
                events: Vec::new(),
                open: false,
                ended: false,
            });
        }
    }

    fn read(&mut self, stream: usize, store: &Store, model: &Model) -> bool {
        let (stream, outbox) = &self.streams[stream];
        let Some(notice) = outbox.try_take() else { return false };
        let of = |watch| (*stream, watch);
        match notice {
            Notice::Events { watch, events, revision } => {
                let seen = self.seen.iter_mut().find(|seen| seen.name == of(watch)).unwrap();
                assert!(!seen.ended);
                let last = seen.events.last().map_or(Revision(0), |event| event.kv.modified);
                assert!(events[0].kv.modified > last, "a revision was torn or came twice");
                assert!(events.last().unwrap().kv.modified <= revision);
                seen.events.extend(events.iter().cloned());
            }
            Notice::Compacted { watch, compacted } => {
                assert!(compacted <= store.compacted());
                self.end(of(watch));
            }
            Notice::Progress { watch: None, revision } => {
                let told = self.seen.iter().filter(|seen| seen.name.0 == *stream && seen.open);
                for seen in told {
                    let expected = seen.expected(model);
                    let until = expected.iter().take_while(|event| event.kv.modified <= revision).count();
                    assert_eq!(seen.events.len(), until, "progress overtook events");
                }
            }
            Notice::Canceled { watch, .. } => {
                self.end(of(watch));
            }
            Notice::Created { watch, .. } => {
                self.seen.iter_mut().find(|seen| seen.name == of(watch)).unwrap().open = true;
            }
            Notice::Refused { .. } | Notice::Progress { .. } => {}
        }
        true
    }
}

impl Watchers {
    fn end(&mut self, name: (StreamId, WatchId)) {
        let seen = self.seen.iter_mut().find(|seen| seen.name == name).unwrap();
        seen.open = false;
        seen.ended = true;
    }
}

impl Seen {
    fn expected<'m>(&self, model: &'m Model) -> Vec<&'m Event> {
        let wanted = self.spec.wanted;
        model
            .events
            .iter()
            .filter(|event| event.kv.modified.0 >= self.from && self.spec.range.contains(&event.kv.key))
            .filter(|event| match event.kind {
                EventKind::Put => !wanted.no_put,
                EventKind::Delete => !wanted.no_delete,
            })
            .collect()
    }

    fn check(&self, model: &Model, seed: u64) {
        let wanted = self.spec.wanted;
        let expected = self.expected(model);
        if !self.ended {
            assert_eq!(self.events.len(), expected.len(), "seed {seed}: {:?}", self.spec);
        }
        for (found, expected) in self.events.iter().zip(expected) {
            assert_eq!(
                (found.kind, &found.kv),
                (expected.kind, &expected.kv),
                "seed {seed}: {:?}",
                self.spec
            );
            let lost = found.kv.modified.0 - 1 < model.compacted && found.previous.is_none();
            let previous = if wanted.previous && !lost { &expected.previous } else { &None };
            assert_eq!(&found.previous, previous, "seed {seed}");
        }
    }
}

#[test]
fn each_watch_is_told_the_log_filtered_without_skips_or_repeats() {
    for seed in 0..150 {
        let rng = &mut Rng::with_seed(seed);
        let (mut store, mut model) = (Store::new(), Model::new());
        let limits = Limits { queued_events: rng.usize(1..8), progress_every: Duration::from_secs(600) };
        let mut hub = WatchHub::new(&store, limits);
        let streams = (0..3).map(|_| hub.open()).collect();
        let mut watchers = Watchers { hub, streams, seen: Vec::new() };
        for _ in 0..400 {
            match rng.u32(..16) {
                0 => watchers.add(rng, model.revision()),
                1..4 => {
                    watchers.hub.sync_step(&store, rng.usize(1..10));
                }
                4..8 => {
                    watchers.read(rng.usize(..3), &store, &model);
                }
                8 => watchers.hub.request_progress(watchers.streams[rng.usize(..3)].0),
                9 if !watchers.seen.is_empty() && rng.u32(..4) == 0 => {
                    let (stream, watch) = watchers.seen[rng.usize(..watchers.seen.len())].name;
                    watchers.hub.cancel(stream, watch);
                }
                10 if rng.bool() => {
                    store.compact_step(rng.usize(1..30));
                }
                11 if rng.u32(..20) == 0 => watchers.hub.restored(&store),
                _ => {
                    change(rng, &mut store, &mut model);
                    watchers.hub.notify(&store);
                }
            }
        }
        loop {
            let syncing = watchers.hub.sync_step(&store, 7);
            let mut read = false;
            for stream in 0..3 {
                while watchers.read(stream, &store, &model) {
                    read = true;
                }
            }
            if syncing == Syncing::Done && !read {
                break;
            }
        }
        for seen in &watchers.seen {
            seen.check(&model, seed);
        }
    }
}
