//! Operations on keys, as they are asked for.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// Where no key of the tests lies behind.
const FAR: &str = "/zzz";

/// Everything that can be done with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Range,
    Count,
    RangeBeyond,
    Comparison,
    RangeInTheOtherBranch,
    Watch,
    WatchBeyond,
    Put,
    PutThatReads,
    PutUnderOwnLease,
    PutUnderAnothersLease,
    PutBeside,
    PutInTheOtherBranch,
    PutNested,
    PutWhereNothingIs,
    Delete,
    DeleteThatReads,
    DeleteInTheOtherBranch,
    DeleteBeyond,
}

/// With what it is tried.
#[derive(Clone, Copy, Debug)]
pub struct With<'w> {
    pub key: &'w str,
    /// What is written: what is there, if anything is.
    pub value: &'w [u8],
    /// A key that whoever asks may write.
    pub harmless: &'w str,
    pub own_lease: i64,
    pub anothers_lease: i64,
}

/// A call: its gRPC method, its path at the gateway, and what is asked, in the form of the gateway.
#[derive(Clone, Debug)]
pub struct Call {
    pub method: String,
    pub path: String,
    pub body: Value,
}

impl Call {
    pub fn new(method: &str, path: &str, body: Value) -> Self {
        Self { method: method.to_owned(), path: path.to_owned(), body }
    }
}

/// Bytes as JSON has them.
pub fn base64(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

pub fn range(key: &str) -> Value {
    json!({ "key": base64(key) })
}

fn beyond(key: &str) -> Value {
    json!({ "key": base64(key), "range_end": base64(FAR) })
}

pub fn put(key: &str, value: &[u8]) -> Value {
    json!({ "key": base64(key), "value": base64(value) })
}

/// A value with another field.
fn and(mut value: Value, name: &str, field: impl Into<Value>) -> Value {
    value[name] = field.into();
    value
}

/// Whether a key has this version.
fn version(key: &str, version: i64) -> Value {
    json!({ "key": base64(key), "target": "VERSION", "result": "EQUAL", "version": version.to_string() })
}

fn txn(compare: &[Value], then: &[Value], otherwise: &[Value]) -> Value {
    json!({ "compare": compare, "success": then, "failure": otherwise })
}

impl Operation {
    /// What is asked.
    pub fn call(self, with: &With<'_>) -> Call {
        let With { key, value, harmless, own_lease, anothers_lease } = *with;
        let kv = |what: &str, body| Call::new(&format!("etcdserverpb.KV/{what}"), &path_of(what), body);
        let watch = |what| Call::new("etcdserverpb.Watch/Watch", "watch", json!({ "create_request": what }));
        let good = json!({ "request_put": put(harmless, b"x") });
        let bad = json!({ "request_put": put(key, value) });
        let leased = |lease: i64| and(put(key, value), "lease", lease.to_string());
        // Something that never holds: what follows is judged, and not done.
        let never = [version(harmless, 4711)];
        match self {
            Self::Range => kv("Range", range(key)),
            Self::Count => kv("Range", and(range(key), "count_only", true)),
            Self::RangeBeyond => kv("Range", and(beyond(key), "limit", "1")),
            Self::Comparison => kv("Txn", txn(&[version(key, 1)], &[], &[])),
            Self::RangeInTheOtherBranch => {
                kv("Txn", txn(&never, &[json!({ "request_range": range(key) })], &[]))
            }
            Self::Watch => watch(range(key)),
            Self::WatchBeyond => watch(beyond(key)),
            Self::Put => kv("Put", put(key, value)),
            Self::PutThatReads => kv("Put", and(put(key, value), "prev_kv", true)),
            Self::PutUnderOwnLease => kv("Put", leased(own_lease)),
            Self::PutUnderAnothersLease => kv("Put", leased(anothers_lease)),
            Self::PutBeside => kv("Txn", txn(&[], &[good, bad], &[])),
            Self::PutInTheOtherBranch => kv("Txn", txn(&[], &[good], &[bad])),
            Self::PutNested => {
                let within = json!({ "request_txn": txn(&[], &[bad], &[]) });
                kv("Txn", txn(&[], &[json!({ "request_txn": txn(&[], &[within], &[]) })], &[]))
            }
            Self::PutWhereNothingIs => kv("Txn", txn(&[version(key, 0)], &[bad], &[])),
            Self::Delete => kv("DeleteRange", range(key)),
            Self::DeleteThatReads => kv("DeleteRange", and(range(key), "prev_kv", true)),
            Self::DeleteInTheOtherBranch => {
                kv("Txn", txn(&never, &[json!({ "request_delete_range": range(key) })], &[]))
            }
            Self::DeleteBeyond => {
                kv("Txn", txn(&never, &[json!({ "request_delete_range": beyond(key) })], &[]))
            }
        }
    }
}

/// The path of a method of etcd's keys.
fn path_of(method: &str) -> String {
    format!("kv/{}", method.to_lowercase())
}
