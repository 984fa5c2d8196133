//! Database files of bbolt, etcd's own backend: written whole, in one pass, and read, so that our snapshots are etcd's.
//!
//! A file is pages of 4096 bytes. Pages 0 and 1 say where the root bucket is and how many pages there are; the root bucket's
//! entries are buckets; each is a tree of branch and leaf pages, its keys in order. What does not fit in a page overflows into
//! the pages behind it. Nothing here changes a file that is there: that is what a database is for, and we have none.
//!
//! `layout` has the numbers, [`Writer`] and [`Reader`] the two directions.

mod error;
mod layout;
mod reader;
#[cfg(test)]
mod tests;
mod tree;
mod writer;

pub use error::{ReadError, WriteError};
pub use layout::PAGE_BYTES;
pub use reader::{Entries, Pages, Reader};
pub use writer::Writer;
