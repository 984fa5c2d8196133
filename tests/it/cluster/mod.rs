//! What the store leaves on disk, seen by etcd's own tools; the store's server beside the real one.

mod differential;
mod server;
mod snapshot_file;
