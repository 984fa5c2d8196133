//! TLS of a mesh: what this host shows of itself on every connection, and whom it believes.
//!
//! | file | what |
//! |---|---|
//! | [`Passport`] | what a connection shows: certificate and key, the mesh's roots, who is out |
//! | [`MeshTls`] | connections with it, both ways; it may be replaced while they last |
//! | `belief` | whose certificates are believed: rustls asks it |
//! | `joining` | a connection to join by: nothing is shown, and only the authorities of a token are believed |
//!
//! TLS 1.3 only, and both sides show a certificate of the mesh: `ALPN` tells what is spoken. `h2` and `http/1.1` are
//! for who is of the mesh; [`JOIN`] is for who wants to be, or wants a new certificate.

mod belief;
mod error;
mod joining;
mod mesh_tls;
mod passport;

#[cfg(test)]
mod tests;

use std::time::SystemTime;

pub use error::TlsError;
pub use joining::JoinTls;
pub use mesh_tls::{Accepted, Desk, JoinStream, Joins, MeshTls};
pub use passport::Passport;

use super::identity::UnixSeconds;

/// The protocol by which a host gets a certificate.
pub const JOIN: &[u8] = b"mgmt-join/1";
/// What a signature is made over, so that it is good for one connection only (RFC 8446, 7.5).
const EXPORTER: &[u8] = b"EXPORTER-mgmt-join";

/// What the clock of this host says.
pub fn now() -> UnixSeconds {
    SystemTime::now().into()
}
