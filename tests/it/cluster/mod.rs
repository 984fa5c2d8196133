//! The store: whole clusters simulated, and what it leaves on disk, seen by etcd's own tools.

mod sim;
mod snapshot_file;
