//! The mesh and its store.

pub mod etcd;
pub mod store;
