//! What the store keeps on disk, in etcd's own formats: so that etcd's tools read it, and a real etcd can take it over.
//!
//! - [`wal`]: the write-ahead log;
//! - [`bbolt`]: database files, written whole and read;
//! - [`snap`]: the folder of snapshots;
//! - [`durable`]: directories that are synced and locked.

pub mod bbolt;
pub mod durable;
pub mod snap;
pub mod wal;
