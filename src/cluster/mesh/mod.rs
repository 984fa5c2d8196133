//! The mesh: how a host finds the others, what it tells of itself, and whether it carries the store.
//!
//! | file | what |
//! |---|---|
//! | [`Mesh`] | this host's part: joins when the world is first needed, or at once |
//! | [`Options`] | what its administrator wants |
//! | [`Memory`] | what it knows of the mesh, on disk: a restart needs no seed |
//! | `store` | the store that this host carries |
//! | `signpost` | the door of a host that carries none: it tells where the store is |
//! | `presence` | that this host is there, and that no other has its name |

mod door;
mod error;
mod joining;
mod memory;
mod options;
mod presence;
mod signpost;
mod store;

pub use error::MeshError;
pub use joining::{Found, Mesh, Neighbours, Report, Role};
pub use memory::Memory;
pub use options::{Options, Volunteer};
