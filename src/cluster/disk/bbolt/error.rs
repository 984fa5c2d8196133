//! Why a database file cannot be written or read.

use std::io;

use bytes::Bytes;

/// Why a database file cannot be written.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum WriteError {
    #[error("cannot write the database file")]
    Write(#[from] io::Error),
    #[error("key {key:?} does not come after the one before it")]
    KeyOrder { key: Bytes },
    #[error("bucket {name:?} does not come after the one before it")]
    BucketOrder { name: Bytes },
    #[error("a key of {length} bytes: it must have 1 to {}", super::layout::LARGEST_KEY)]
    Key { length: usize },
    #[error("a value of {length} bytes: it may have {}", super::layout::LARGEST_VALUE)]
    Value { length: usize },
}

/// Why a database file cannot be read.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum ReadError {
    #[error("cannot read page {page}")]
    Read { page: u64, source: io::Error },
    #[error("no bbolt database: {0}")]
    NoDatabase(&'static str),
    #[error("page {page} is malformed: {reason}")]
    Page { page: u64, reason: &'static str },
    #[error("there is no bucket {name:?}")]
    NoBucket { name: Bytes },
}
