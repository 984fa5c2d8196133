//! Keys and ranges of keys.

use std::ops::Bound;

use bytes::Bytes;

/// The keys that a request is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum KeyRange {
    /// One key.
    One(Bytes),
    /// Each key from this one on.
    From(Bytes),
    /// From the first up to, not including, the second. Holds nothing when the second is not greater.
    Span(Bytes, Bytes),
}

impl KeyRange {
    /// The range of a request's `key` and `range_end`: an empty end means one key, a single zero byte no end.
    pub fn of(key: Bytes, end: Bytes) -> Self {
        match &*end {
            [] => Self::One(key),
            [0] => Self::From(key),
            _ => Self::Span(key, end),
        }
    }

    /// Where it starts.
    pub fn start(&self) -> &Bytes {
        match self {
            Self::One(key) | Self::From(key) | Self::Span(key, _) => key,
        }
    }

    /// Whether a key is in it.
    pub fn contains(&self, key: &[u8]) -> bool {
        match self {
            Self::One(one) => one == key,
            Self::From(start) => key >= &**start,
            Self::Span(start, end) => key >= &**start && key < &**end,
        }
    }

    /// Whether it can hold nothing.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Span(start, end) if end <= start)
    }

    /// The bounds of a look-up in an ordered map. Not for an empty range: a map refuses such bounds.
    pub fn bounds(&self) -> (Bound<&[u8]>, Bound<&[u8]>) {
        match self {
            Self::One(key) => (Bound::Included(key), Bound::Included(key)),
            Self::From(start) => (Bound::Included(start), Bound::Unbounded),
            Self::Span(start, end) => (Bound::Included(start), Bound::Excluded(end)),
        }
    }
}
