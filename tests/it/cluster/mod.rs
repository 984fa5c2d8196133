//! The store inside the binary: its cluster, simulated; as its clients see it, and beside the real one; what it leaves on
//! disk, seen by etcd's own tools.

mod raw;
mod served;
mod server;

mod differential;
mod etcdctl;
mod headers;
mod pages;
mod queues;
mod refusals;
mod rights;
mod sim;
mod snapshot_file;
mod tls;
mod watches;
