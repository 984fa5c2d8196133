//! The store inside the binary: its cluster, simulated; as its clients see it; what it leaves on disk, seen by etcd's own tools.

mod served;

mod etcdctl;
mod sim;
mod snapshot_file;
