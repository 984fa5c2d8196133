//! How the members of a store talk to one another: gRPC over HTTP/2, at their peer URLs.
//!
//! [`Peers`] is the calling side: it keeps connections to all other members, and gives them Raft's messages, snapshots
//! and questions. [`PeerServer`] is the called side. Both tell a [`PeerHandler`], which is the node, what arrives and
//! what does not. Messages may be lost, delayed or overtaken, which Raft copes with; they are never changed.
//!
//! It knows nothing of what the messages mean, but for which of them are urgent.

mod address;
mod backoff;
mod believing;
mod calls;
mod channel;
mod door;
mod error;
mod handler;
mod identity;
mod lane;
mod link;
mod pb;
mod peers;
mod queue;
mod refusal;
mod refusals;
mod server;
mod service;
mod snapshot;
mod tls;

#[cfg(test)]
mod tests;

pub use address::{PeerUrl, PeerUrlError};
pub use calls::members_at;
pub(in crate::cluster) use channel::{Channel, MESSAGE_LIMIT_BYTES};
pub use door::{PATH, PeerDoor};
pub use error::{CallError, ConnectError, ListenError};
pub use handler::{LeaseLeft, Membership, PeerHandler};
pub use identity::PeerIdentity;
pub use peers::Peers;
pub use refusal::Refusal;
pub use server::{PeerServer, PeerServerSettings};
pub use tls::{PeerTls, PeerTlsError, PeerTlsFiles, PeerTrust};
