//! The etcd v3 gRPC and HTTP surface over the store: the only place beside `cluster/raft` that knows a wire format.

pub mod convert;
pub mod log_entry;
pub mod node;
pub mod pb;
pub mod status;
