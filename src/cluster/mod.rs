//! The mesh and its store.

pub mod store;
