//! The store inside the binary: its cluster, simulated; as its clients see it; what it leaves on disk, seen by etcd's own tools.

mod raw;
mod served;

mod etcdctl;
mod headers;
mod pages;
mod processes;
mod queues;
mod refusals;
mod rights;
mod sim;
mod snapshot_file;
mod tls;
mod watches;
