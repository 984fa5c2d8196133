//! What the store leaves on disk, seen by etcd's own tools.

mod snapshot_file;
