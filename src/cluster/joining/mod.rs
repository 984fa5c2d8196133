//! How a host gets its identity: a conversation of three messages on a stream that TLS has made safe.
//!
//! | file | what |
//! |---|---|
//! | `frame` | how messages lie on the stream |
//! | `message`, `reason`, `authority_pem` | what is said, why somebody is refused, and the one secret that is ever sent |
//! | `desk` | the answering side, on every host that carries the store |
//! | `pointing` | the same on those that carry none |
//! | `admission` | what it checks, in which order: pure |
//! | `registry`, `node_registry` | what it must know, and where that is kept: in the store |
//! | `asking`, `enrolment` | the asking side: what it sends, what it believes, and what it keeps |
//! | `certifying` | the same for a person who administers the mesh, and what they hand over directly |
//! | `founding` | a new mesh: all that its first host needs |
//! | `inviting` | an invite, and its token |
//!
//! The server speaks first, so that who asks knows that it speaks to one that carries the store before it says anything. Then one
//! question comes, and one answer. What a stranger says is checked whole before anything is written; nothing that was recorded
//! can be said again elsewhere, since a proof is over a value that both ends have from their TLS session and nobody else; and the
//! token's key never leaves the host that joins.
//!
//! No connection is opened here and no port: who calls brings a stream, the session's value ([`Binding`]) and the certificate that
//! TLS has verified, if one was shown.

mod admission;
mod asking;
mod authority_pem;
mod certifying;
mod desk;
mod enrolment;
mod error;
mod founding;
mod frame;
mod inviting;
mod message;
mod node_registry;
mod pointing;
mod reason;
mod registry;
#[cfg(test)]
mod scene;
#[cfg(test)]
mod tests;

pub use asking::{Applicant, Held, Line, authority, join, renew};
pub use certifying::{Certified, NextRoot, Person, certify, deny, rotate};
pub use desk::{Answered, Clock, Desk, DeskSettings, Keeper};
pub use enrolment::{Enrolment, has_identity, own_keys};
pub use error::JoinError;
pub use founding::{Founder, Founding, found};
pub use frame::{MOST_ANSWERED, MOST_ASKED};
pub use inviting::{Invitation, Inviting, Terms, invite};
pub use message::{ALPN, Binding, EXPORTER_LABEL};
pub use node_registry::NodeRegistry;
pub use pointing::point_elsewhere;
pub use reason::{Reason, Refusal};
pub use registry::{Enrolled, Known, Registry, Stamp, Use, View};

use std::time::Duration;

/// How long a conversation may take: as long as a store that has just lost its leader needs to find another, and to spare.
pub const PATIENCE: Duration = Duration::from_secs(10);
