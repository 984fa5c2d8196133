//! One version of one key, in one allocation.
//!
//! Half a million keys must cost little more than their bytes. So a version is a single shared run of bytes that holds
//! numbers, key and value; index, log, leases and snapshots all point at that same one.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::sync::Arc;

use bytes::Bytes;

use super::id::{LeaseId, Mark, Revision};
use super::reply::KeyValue;

/// The key was deleted.
const TOMBSTONE: u8 = 1;
/// Eight bytes of lease follow the numbers.
const LEASED: u8 = 2;
/// A place within the revision follows it.
const PLACED: u8 = 4;

/// One version of one key; immutable. Cloning shares it.
///
/// Bytes: flags, length of the key, key, main revision, \[sub\], then for all but tombstones: how far back the key was
/// made, version, \[lease\], value. Numbers are LEB128.
#[derive(Clone)]
pub(super) struct Record(Arc<[u8]>);

/// What a version says beside its key.
pub(super) struct Content<'a> {
    /// Where it stands in the log.
    pub mark: Mark,
    /// When the key was made.
    pub created: Revision,
    /// How often it was written; 0 for a tombstone.
    pub version: i64,
    /// The lease; 0: none.
    pub lease: LeaseId,
    /// The value.
    pub value: &'a [u8],
}

impl Record {
    /// A written version. `scratch` is room that calls share.
    pub(super) fn written(scratch: &mut Vec<u8>, key: &[u8], content: &Content<'_>) -> Self {
        let lease = content.lease.0;
        start(scratch, if lease == 0 { 0 } else { LEASED }, key, content.mark);
        put_number(scratch, content.mark.main.0.wrapping_sub(content.created.0) as u64);
        put_number(scratch, content.version as u64);
        if lease != 0 {
            scratch.extend_from_slice(&lease.to_le_bytes());
        }
        scratch.extend_from_slice(content.value);
        Self(Arc::from(&scratch[..]))
    }

    /// The mark of a deletion.
    pub(super) fn tombstone(scratch: &mut Vec<u8>, key: &[u8], mark: Mark) -> Self {
        start(scratch, TOMBSTONE, key, mark);
        Self(Arc::from(&scratch[..]))
    }

    /// The key.
    pub(super) fn key(&self) -> &[u8] {
        let mut at = 1;
        let length = number(&self.0, &mut at) as usize;
        &self.0[at..at + length]
    }

    /// Whether the key was deleted.
    pub(super) fn is_tombstone(&self) -> bool {
        self.0[0] & TOMBSTONE != 0
    }

    /// The revision that wrote it.
    pub(super) fn main(&self) -> Revision {
        let mut at = 1;
        let length = number(&self.0, &mut at) as usize;
        at += length;
        Revision(number(&self.0, &mut at) as i64)
    }

    /// Where it stands in the log.
    pub(super) fn mark(&self) -> Mark {
        self.parts().1.mark
    }

    /// The lease; 0: none.
    pub(super) fn lease(&self) -> LeaseId {
        if self.0[0] & LEASED == 0 { LeaseId(0) } else { self.content().lease }
    }

    /// All but the key.
    pub(super) fn content(&self) -> Content<'_> {
        self.parts().1
    }

    /// Its bytes on the heap, without the counts of its owners.
    pub(super) fn size(&self) -> usize {
        self.0.len()
    }

    /// As clients see it, with or without the value. Of a tombstone: key and revision alone.
    pub(super) fn to_kv(&self, with_value: bool) -> KeyValue {
        let (key_at, content) = self.parts();
        let value_at = self.0.len() - content.value.len();
        let key_end = key_at + self.key().len();
        let shared = Bytes::from_owner(Whole(self.clone()));
        let value =
            if with_value && value_at < self.0.len() { shared.slice(value_at..) } else { Bytes::new() };
        KeyValue {
            key: shared.slice(key_at..key_end),
            created: content.created,
            modified: content.mark.main,
            version: content.version,
            value,
            lease: content.lease,
        }
    }

    fn parts(&self) -> (usize, Content<'_>) {
        let bytes = &self.0;
        let flags = bytes[0];
        let mut at = 1;
        let length = number(bytes, &mut at) as usize;
        let key_at = at;
        at += length;
        let main = Revision(number(bytes, &mut at) as i64);
        let sub = if flags & PLACED == 0 { 0 } else { number(bytes, &mut at) as u32 };
        let mark = Mark { main, sub };
        if flags & TOMBSTONE != 0 {
            let nothing =
                Content { mark, created: Revision(0), version: 0, lease: LeaseId(0), value: &bytes[at..] };
            return (key_at, nothing);
        }
        let created = Revision(main.0.wrapping_sub(number(bytes, &mut at) as i64));
        let version = number(bytes, &mut at) as i64;
        let mut lease = LeaseId(0);
        if flags & LEASED != 0
            && let Some(eight) = bytes[at..].first_chunk()
        {
            lease = LeaseId(i64::from_le_bytes(*eight));
            at += eight.len();
        }
        (key_at, Content { mark, created, version, lease, value: &bytes[at..] })
    }
}

impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}@{}", Bytes::copy_from_slice(self.key()), self.mark())
    }
}

/// A record as the owner of `Bytes`.
struct Whole(Record);

impl AsRef<[u8]> for Whole {
    fn as_ref(&self) -> &[u8] {
        &self.0.0
    }
}

/// A record that is ordered by its key alone, so that maps need no copies of keys.
#[derive(Clone, Debug)]
pub(super) struct ByKey(pub(super) Record);

impl PartialEq for ByKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.key() == other.0.key()
    }
}

impl Eq for ByKey {}

impl PartialOrd for ByKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ByKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.key().cmp(other.0.key())
    }
}

impl Borrow<[u8]> for ByKey {
    fn borrow(&self) -> &[u8] {
        self.0.key()
    }
}

fn start(scratch: &mut Vec<u8>, flags: u8, key: &[u8], mark: Mark) {
    scratch.clear();
    scratch.push(if mark.sub == 0 { flags } else { flags | PLACED });
    put_number(scratch, key.len() as u64);
    scratch.extend_from_slice(key);
    put_number(scratch, mark.main.0 as u64);
    if mark.sub != 0 {
        put_number(scratch, u64::from(mark.sub));
    }
}

pub(super) fn put_number(to: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        to.push(number as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

fn number(bytes: &[u8], at: &mut usize) -> u64 {
    let mut value = 0;
    let mut shift = 0;
    loop {
        let byte = bytes[*at];
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return value;
        }
        shift += 7;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out() {
        let mut scratch = Vec::new();
        for _ in 0..2000 {
            let key: Vec<u8> = (0..fastrand::usize(1..300)).map(|_| fastrand::u8(..)).collect();
            let value: Vec<u8> = (0..fastrand::usize(..300)).map(|_| fastrand::u8(..)).collect();
            let main = Revision(fastrand::i64(1..i64::MAX) >> fastrand::u32(..62));
            let mark = Mark { main, sub: fastrand::u32(..) >> fastrand::u32(..32) };
            let lease = LeaseId(if fastrand::bool() { 0 } else { fastrand::i64(..) });
            let created = Revision(fastrand::i64(0..=main.0));
            let content = Content { mark, created, version: fastrand::i64(1..), lease, value: &value };
            let record = Record::written(&mut scratch, &key, &content);
            assert_eq!(record.key(), key);
            assert_eq!((record.main(), record.mark(), record.lease()), (main, mark, lease));
            let kv = record.to_kv(true);
            assert_eq!(
                (&*kv.key, &*kv.value, kv.created, kv.version),
                (&*key, &*value, created, content.version)
            );
            assert!(record.to_kv(false).value.is_empty());
            let stone = Record::tombstone(&mut scratch, &key, mark);
            assert!(stone.is_tombstone() && stone.mark() == mark && stone.key() == key);
        }
    }
}
