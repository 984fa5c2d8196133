//! The etcd v3 gRPC and HTTP surface over the store: the only place beside `cluster/raft` that knows a wire format.

pub mod admission;
pub mod backend;
mod calls;
mod codec;
pub mod convert;
pub mod front;
pub mod guard;
mod http;
mod leader_guard;
pub mod log_entry;
pub mod lone;
mod methods;
pub mod node;
pub mod pb;
pub mod serve;
pub mod services;
pub mod status;
pub mod surface;
