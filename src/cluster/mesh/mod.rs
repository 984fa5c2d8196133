//! The mesh: how a host finds the others, what it tells of itself, and whether it carries the store.
//!
//! | file | what |
//! |---|---|
//! | [`Mesh`] | this host's part: joins when the world is first needed, or at once |
//! | [`Options`] | what its administrator wants of this host, [`policy`] of all |
//! | [`Memory`] | what it knows of the mesh, on disk: a restart needs no seed |
//! | [`administrator`] | taking part as a person |
//! | [`administering`] | what a person decides about the mesh: who is out, who else decides, who may write what |
//! | [`inviting`], [`enrolling`] | a token for another host; a host that has one, before its agent runs |
//! | `joining` | how it finds the mesh, or founds one |
//! | `part` | what it does from then on: says that it is there, carries the store when it is asked to |
//! | `nearest` | which member it asks first |
//! | `store` | the store that this host carries |
//! | `signpost` | the door of a host that carries none: it tells where the store is |
//! | `stewarding` | its hands, on the member that leads |
//! | `host_facts` | what hosts say of themselves, as those hands need it |
//! | `backups` | snapshots on a schedule |
//! | [`rescue`] | a mesh that begins anew, with what one store holds or with a snapshot |
//! | `rolling` | the member that leads takes a rollout from step to step |
//! | `card` | what a host tells of itself |
//! | [`Security`], `own_identity` | how its connections are protected, and who it is |
//! | `asking` | hosts asked, one after another, by who has no certificate |
//! | `desk` | who answers those who want a certificate |
//! | [`grounds`] | with what is signed here, and whom this host believes |
//! | `keeping` | a new certificate in time, and who is out, as the mesh says |
//! | `serving` | what only those go by who carry the store |
//! | `dismissing` | those who were evicted serve no more |
//! | `audit` | what was done, in the store |
//! | `noting` | what this host has done, written down there |
//! | `outage` | says in the log when the store is away, and why |
//! | `presence` | that this host is there, and that no other has its name |
//! | [`steward`] | who votes, who follows as a learner, who is a client: pure |

pub mod administering;
pub mod administrator;
mod asking;
mod audit;
mod backups;
mod card;
mod desk;
mod dismissing;
mod door;
pub mod enrolling;
mod error;
pub mod grounds;
mod host_facts;
pub mod inviting;
mod joining;
mod keeping;
mod memory;
mod nearest;
mod noting;
mod options;
mod outage;
mod own_identity;
mod part;
pub mod policy;
mod presence;
pub mod rescue;
mod rolling;
mod security;
mod serving;
mod signpost;
pub mod steward;
mod stewarding;
mod store;

pub use crate::engine::world::HostName;
pub use audit::{Broken, Done, Told};
pub use error::MeshError;
pub use joining::{Found, Mesh, Neighbours, Report, Role};
pub use memory::Memory;
pub use options::{Options, Volunteer};
pub use policy::Policy;
pub use security::Security;
pub use stewarding::Said;
