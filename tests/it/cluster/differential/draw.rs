//! Draws requests: from few keys and few leases, so that they meet; one in some is malformed.

use bytes::Bytes;
use fastrand::Rng;
use mgmt::cluster::etcd::pb::etcdserverpb::compare::TargetUnion;
use mgmt::cluster::etcd::pb::etcdserverpb::request_op::Request as Op;
use mgmt::cluster::etcd::pb::etcdserverpb::*;

use super::request::Request;

/// How deep transactions are nested.
const DEEPEST: usize = 2;
/// Keys are `k` and one of these letters twice.
const LETTERS: &[u8] = b"abcdef";
/// etcd's default for `--max-txn-ops`.
const MOST_OPS: usize = 128;

/// What both servers are given as `--max-request-bytes`: some values come near it.
pub const MAX_REQUEST_BYTES: usize = 16_384;

/// A seeded source of requests that knows where the servers are.
pub struct Draw {
    pub random: Rng,
    /// The servers' revision.
    pub revision: i64,
    /// What is compacted there; 0: nothing.
    pub compacted: i64,
    /// Whether compactions are drawn.
    pub compacts: bool,
    /// Whether no range ends before it begins: who may read such a one depends in etcd on how its tree of rights
    /// happens to be balanced.
    pub ordered: bool,
    /// Whether transactions have others within: without space, etcd overlooks the puts of those. We refuse them, as they
    /// would grow without a bound.
    pub nests: bool,
}

impl Draw {
    /// One chance in so many.
    pub fn one_in(&mut self, many: u32) -> bool {
        self.random.u32(..many) == 0
    }

    fn letter(&mut self) -> u8 {
        LETTERS[self.random.usize(..LETTERS.len())]
    }

    /// One of the keys; seldom none, or a strange one.
    pub fn key(&mut self) -> Bytes {
        match self.random.u32(..200) {
            0 => Bytes::new(),
            1 => Bytes::from_static(b"\0"),
            2 => Bytes::from_static(b"\xff\xff"),
            _ => Bytes::from(vec![b'k', self.letter(), self.letter()]),
        }
    }

    /// A key and the end of its range: one key, few, a prefix, all, or nothing.
    pub fn range(&mut self) -> (Bytes, Bytes) {
        match self.any_range() {
            (key, end) if self.ordered && !end.is_empty() && *end != [0] && end <= key => (key, Bytes::new()),
            any => any,
        }
    }

    fn any_range(&mut self) -> (Bytes, Bytes) {
        let key = self.key();
        match self.random.u32(..12) {
            0..=4 => (key, Bytes::new()),
            5 | 6 => self.narrow_range(),
            7 => (key, Bytes::from_static(b"\0")),
            8 => (Bytes::from_static(b"\0"), Bytes::from_static(b"\0")),
            9 => (Bytes::from_static(b"k"), Bytes::from_static(b"l")),
            _ => (key, self.key()),
        }
    }

    /// What roles may be granted: for each key always the same end. To grant, etcd looks at one permission of the key only
    /// and may so add another one for the same range; we replace the one that is there.
    pub fn grantable(&mut self) -> (Bytes, Bytes) {
        let key = self.key();
        let end = match key.last() {
            Some(b'a' | b'b') => Bytes::from(vec![b'k', key[1] + 1]),
            Some(b'c') => Bytes::from_static(b"\0"),
            Some(b'd') => Bytes::from_static(b"ka"),
            _ => Bytes::new(),
        };
        (key, end)
    }

    /// At most six keys: etcd sorts so few stably.
    fn narrow_range(&mut self) -> (Bytes, Bytes) {
        let letter = self.letter();
        (Bytes::from(vec![b'k', letter]), Bytes::from(vec![b'k', letter + 1]))
    }

    fn value(&mut self) -> Bytes {
        let length = match self.random.u32(..600) {
            0 => MAX_REQUEST_BYTES,
            // The limit itself differs by a few bytes: the length of an id in the log's entry counts.
            1 => MAX_REQUEST_BYTES - 2048,
            _ => self.random.usize(..24),
        };
        (0..length).map(|_| self.random.alphanumeric() as u8).collect()
    }

    /// Mostly none; then one of ten that may be there.
    pub fn lease(&mut self) -> i64 {
        if self.one_in(4) { self.random.i64(1..=10) } else { 0 }
    }

    /// Mostly the current one; then near, compacted, future, negative ones.
    pub fn at_revision(&mut self) -> i64 {
        match self.random.u32(..10) {
            0 | 1 => (self.revision - self.random.i64(0..200)).max(0),
            2 => self.revision,
            3 if self.one_in(4) => self.revision + self.random.i64(1..5),
            4 if self.one_in(4) => -1,
            _ => 0,
        }
    }

    /// One whose digest both make anew: up to the last compaction's, etcd 3.5 tells a digest that it made then, whatever
    /// was asked for. We tell the true one.
    pub fn digest_revision(&mut self) -> i64 {
        if self.revision <= self.compacted || self.one_in(8) {
            return self.revision + 1000;
        }
        self.random.i64(self.compacted + 1..=self.revision)
    }

    fn bound(&mut self) -> i64 {
        if self.one_in(10) { self.revision - self.random.i64(0..60) } else { 0 }
    }

    /// A read with any of its options, but no order that nobody knows: etcd 3.5 takes those (and panics on such a target),
    /// and we refuse them as later versions do.
    pub fn get(&mut self) -> RangeRequest {
        let (mut key, mut range_end) = self.range();
        let sort_target = if self.one_in(3) { self.random.i32(0..=4) } else { 0 };
        // etcd's order of those that are equal is not defined beyond a dozen.
        if sort_target != 0 && !range_end.is_empty() {
            (key, range_end) = self.narrow_range();
        }
        RangeRequest {
            key,
            range_end,
            limit: if self.one_in(3) { self.random.i64(-1..8) } else { 0 },
            revision: self.at_revision(),
            sort_order: self.random.i32(0..=2),
            sort_target,
            serializable: self.random.bool(),
            keys_only: self.one_in(6),
            count_only: self.one_in(6),
            min_mod_revision: self.bound(),
            max_mod_revision: self.bound(),
            min_create_revision: self.bound(),
            max_create_revision: self.bound(),
        }
    }

    /// A put with any of its options.
    pub fn put(&mut self) -> PutRequest {
        let (ignore_value, ignore_lease) = (self.one_in(12), self.one_in(12));
        PutRequest {
            key: self.key(),
            value: if ignore_value && !self.one_in(5) { Bytes::new() } else { self.value() },
            lease: if ignore_lease && !self.one_in(5) { 0 } else { self.lease() },
            prev_kv: self.one_in(3),
            ignore_value,
            ignore_lease,
        }
    }

    /// A delete.
    pub fn delete(&mut self) -> DeleteRangeRequest {
        let (key, range_end) = if self.one_in(4) { self.range() } else { (self.key(), Bytes::new()) };
        DeleteRangeRequest { key, range_end, prev_kv: self.random.bool() }
    }

    /// A delete with an end: one without may delete what its own transaction puts. Then etcd 3.5 panics where the put
    /// keeps the value, and loses the key in a compaction at that very revision.
    fn bounded_delete(&mut self) -> DeleteRangeRequest {
        let mut delete = self.delete();
        if *delete.range_end == [0] {
            delete.range_end = Bytes::from_static(b"l");
        }
        delete
    }

    fn compare(&mut self) -> Compare {
        let (key, range_end) = if self.one_in(4) { self.range() } else { (self.key(), Bytes::new()) };
        let number = match self.random.u32(..3) {
            0 => 0,
            1 => self.random.i64(0..6),
            _ => self.revision - self.random.i64(0..100),
        };
        let kind = self.random.i32(0..=4);
        let union = match if self.one_in(20) { self.random.i32(0..=4) } else { kind } {
            0 => TargetUnion::Version(number),
            1 => TargetUnion::CreateRevision(number),
            2 => TargetUnion::ModRevision(number),
            3 => TargetUnion::Value(self.value()),
            _ => TargetUnion::Lease(self.lease()),
        };
        Compare {
            result: if self.one_in(100) { 9 } else { self.random.i32(0..=3) },
            target: if self.one_in(100) { 9 } else { kind },
            key,
            range_end,
            target_union: (!self.one_in(40)).then_some(union),
        }
    }

    fn op(&mut self, depth: usize) -> RequestOp {
        let request = match self.random.u32(..10) {
            0..=2 => Op::RequestRange(self.get()),
            3..=6 => Op::RequestPut(self.put()),
            7 | 8 => Op::RequestDeleteRange(self.bounded_delete()),
            _ if depth < DEEPEST && self.nests => Op::RequestTxn(self.txn_at(depth + 1)),
            _ => Op::RequestPut(self.put()),
        };
        RequestOp { request: (!self.one_in(300)).then_some(request) }
    }

    fn txn_at(&mut self, depth: usize) -> TxnRequest {
        let (compares, then, otherwise) =
            (self.random.usize(..3), self.random.usize(..4), self.random.usize(..4));
        TxnRequest {
            compare: (0..compares).map(|_| self.compare()).collect(),
            success: (0..then).map(|_| self.op(depth)).collect(),
            failure: (0..otherwise).map(|_| self.op(depth)).collect(),
        }
    }

    /// A transaction; seldom one with too many operations.
    pub fn txn(&mut self) -> TxnRequest {
        let mut txn = self.txn_at(0);
        if self.one_in(150) {
            let many = MOST_OPS + self.random.usize(..2);
            txn.success =
                (0..many).map(|_| RequestOp { request: Some(Op::RequestRange(self.get())) }).collect();
        }
        txn
    }

    /// A compaction, mostly of what is long past.
    pub fn compaction(&mut self) -> CompactionRequest {
        let revision = match self.random.u32(..8) {
            0 => self.revision + 1,
            1 => 0,
            2 => self.revision,
            _ => self.revision - self.random.i64(50..300),
        };
        CompactionRequest { revision, physical: self.random.bool() }
    }

    /// What changes something, or may: these are asked one by one.
    pub fn write(&mut self) -> Request {
        match self.random.u32(..1000) {
            0..=449 => Request::Put(self.put()),
            450..=549 => Request::Delete(self.delete()),
            550..=849 => Request::Txn(self.txn()),
            850..=854 if self.compacts => Request::Compact(self.compaction()),
            855..=909 => {
                let ttl = if self.one_in(20) { 9_000_000_001 } else { self.random.i64(5000..6000) };
                Request::Grant(LeaseGrantRequest { id: self.random.i64(1..=10), ttl })
            }
            910..=929 => Request::Revoke(LeaseRevokeRequest { id: self.random.i64(1..=12) }),
            930..=939 => Request::KeepAlive(
                (0..3).map(|_| LeaseKeepAliveRequest { id: self.random.i64(1..=12) }).collect(),
            ),
            _ => self.rare_write(),
        }
    }

    /// What only reads, or is refused: several of these are asked at once.
    pub fn read(&mut self) -> Request {
        match self.random.u32(..100) {
            0..=79 => Request::Range(self.get()),
            80..=83 => Request::TimeToLive(LeaseTimeToLiveRequest {
                id: self.random.i64(0..=12),
                keys: self.random.bool(),
            }),
            84 => Request::Leases(LeaseLeasesRequest {}),
            85..=91 => {
                let op = |draw: &mut Draw| RequestOp { request: Some(Op::RequestRange(draw.get())) };
                let (success, failure) =
                    ((0..2).map(|_| op(self)).collect(), (0..2).map(|_| op(self)).collect());
                Request::Txn(TxnRequest { compare: vec![self.compare(), self.compare()], success, failure })
            }
            _ => self.rare_read(),
        }
    }
}
