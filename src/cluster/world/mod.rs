//! The world as hosts share it, over a store that speaks etcd's API: ours, or any other.

pub mod batch;
pub mod export_encoding;
pub mod journal;
pub mod keys;
pub mod mirror;
pub mod outbox;
pub mod session;
pub mod watcher;
pub mod writer;
