//! The store inside the binary: its cluster, simulated; what it leaves on disk, seen by etcd's own tools.

mod sim;
mod snapshot_file;
