//! What a person decides about the mesh, with an administrator's keys.
//!
//! | file | what |
//! |---|---|
//! | [`Office`] | an administrator at work: the keys, and the way to the store |
//! | `evicting` | a host is out |
//! | [`hand_over`] | the same, told directly to a server that is cut off |
//! | `granting` | hosts may write what is everybody's |
//! | `staffing` | who else decides |
//! | `rotating` | another authority for the mesh |
//! | [`certify`] | a person's certificate |
//! | `noting` | what was done is written down |
//!
//! What is decided is signed here and stands in the store; hosts verify it, and go by it. Nothing here needs a host's keys.

mod certifying;
mod evicting;
mod granting;
mod handing;
mod noting;
mod office;
mod rotating;
mod staffing;

pub(in crate::cluster::mesh) use certifying::{OwnPapers, own_papers};
pub use certifying::{certify, show};
pub use evicting::Evicted;
pub use handing::hand_over;
pub use office::Office;
pub use rotating::Rotated;
pub use staffing::{Colleague, Dismissed, export, make_keys};
