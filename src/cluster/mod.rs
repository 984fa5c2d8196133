//! The store inside the binary, and the mesh that carries it.

pub mod disk;
pub mod etcd;
pub mod failpoints;
pub mod fake;
pub mod identity;
pub mod joining;
pub mod link;
pub mod mesh;
pub mod node;
pub mod peer;
pub mod raft;
pub mod server;
mod shell_word;
pub mod store;
pub mod tls;
pub mod world;

pub use shell_word::shell_word;
