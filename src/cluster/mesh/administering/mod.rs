//! What a person decides about the mesh, with an administrator's keys.
//!
//! | file | what |
//! |---|---|
//! | [`Office`] | an administrator at work: the keys, and the way to the store |
//! | `evicting` | a host is out |
//! | `granting` | hosts may write what is everybody's |
//!
//! What is decided is signed here and stands in the store; hosts verify it, and go by it. Nothing here needs a host's keys.

mod evicting;
mod granting;
mod office;

pub use evicting::Evicted;
pub use office::Office;
