//! What the store answers.

use bytes::Bytes;

use super::id::MemberId;
use super::id::{LeaseId, Revision};
use super::request::AlarmKind;

/// A key as it was after one write. Cheap to clone: key and value are shared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyValue {
    /// The key.
    pub key: Bytes,
    /// Made at this revision.
    pub created: Revision,
    /// Last written at this revision.
    pub modified: Revision,
    /// How often it was written since it was made; the first write makes 1.
    pub version: i64,
    /// The value.
    pub value: Bytes,
    /// Its lease; 0: none.
    pub lease: LeaseId,
}

/// What a change answers, with the store's revision after it.
#[derive(Clone, Debug, PartialEq)]
pub struct Applied {
    /// The store's revision: the change's own when it wrote keys.
    pub revision: Revision,
    /// The answer.
    pub reply: Reply,
}

/// The answers, in the order of `Change`.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// To a put.
    Put(PutReply),
    /// To a delete.
    Delete(DeleteReply),
    /// To a transaction.
    Txn(TxnReply),
    /// To a granted lease.
    LeaseGranted {
        /// Its number.
        id: LeaseId,
        /// How long it lives, in seconds.
        ttl_s: i64,
    },
    /// To a change of alarms: those that were changed.
    Alarms(Vec<Alarm>),
    /// To a change of authentication.
    Auth(super::auth::AuthReply),
    /// To everything that has nothing to tell.
    Done,
}

/// To a put.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PutReply {
    /// What was there, when that was asked for.
    pub previous: Option<KeyValue>,
}

/// To a delete.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteReply {
    /// How many keys were deleted.
    pub deleted: usize,
    /// What was there, when that was asked for.
    pub previous: Vec<KeyValue>,
}

/// To a range.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RangeReply {
    /// What was found.
    pub kvs: Vec<KeyValue>,
    /// The limit left some out.
    pub more: bool,
    /// How many keys the range holds, whatever limit and filters leave out.
    pub count: usize,
}

/// To a transaction.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TxnReply {
    /// The comparisons held.
    pub succeeded: bool,
    /// One a request of the list that was done, with the store's revision at that point.
    pub replies: Vec<(Revision, OpReply)>,
}

/// To a request within a transaction.
#[derive(Clone, Debug, PartialEq)]
pub enum OpReply {
    /// To a range.
    Range(RangeReply),
    /// To a put.
    Put(PutReply),
    /// To a delete.
    Delete(DeleteReply),
    /// To a transaction in a transaction.
    Txn(TxnReply),
}

/// A member's trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Alarm {
    /// Whose.
    pub member: MemberId,
    /// Which.
    pub kind: AlarmKind,
}
