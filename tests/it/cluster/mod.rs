//! The store inside the binary: its cluster, simulated; as its clients see it, and beside the real one; what it leaves on
//! disk, seen by etcd's own tools.

mod inside;
pub mod process;
mod processes;
mod raw;
mod served;

mod admission;
mod corruption;
mod differential;
mod etcdctl;
mod exchange;
#[cfg(feature = "failpoints")]
mod failpoints;
mod headers;
pub mod hosts;
mod identities;
mod leaving;
mod mesh_scale;
mod pages;
mod queues;
mod rebirth;
mod refusals;
mod rights;
mod rotation;
mod sim;
mod snapshot_file;
mod steward_sim;
mod tls;
mod watches;
mod weather;
mod world;
