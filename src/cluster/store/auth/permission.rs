//! What a role allows.

use bytes::Bytes;

use crate::cluster::store::key::KeyRange;

/// What a role allows on a range of keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Permission {
    /// What may be done.
    pub access: Access,
    /// With which keys.
    pub range: KeyRange,
}

/// What may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// Reading.
    Read,
    /// Writing.
    Write,
    /// Both.
    ReadWrite,
}

impl Permission {
    /// Whether its range can hold a key. etcd grants no other.
    pub fn is_valid(&self) -> bool {
        !self.range.start().is_empty() && !self.range.is_empty()
    }
}

/// A range as roles list theirs: by key, then by end, as the two stand in a request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RangeKey {
    key: Bytes,
    end: Bytes,
}

impl RangeKey {
    /// The range.
    pub(super) fn range(&self) -> KeyRange {
        KeyRange::of(self.key.clone(), self.end.clone())
    }
}

impl From<&KeyRange> for RangeKey {
    fn from(range: &KeyRange) -> Self {
        let (key, end) = match range {
            KeyRange::One(key) => (key, Bytes::new()),
            KeyRange::From(key) => (key, Bytes::from_static(&[0])),
            KeyRange::Span(key, end) => (key, end.clone()),
        };
        Self { key: key.clone(), end }
    }
}
