//! The rules of a mesh, in front of the store: who may do what with it.
//!
//! | file | what |
//! |---|---|
//! | [`Guard`] | a member as those outside see it: it asks the rules, then the member |
//! | `judgement` | what a request would do with which keys, and whether that is allowed: pure |
//! | `lease_owner` | whose a lease is: its number tells |
//!
//! Every way in is behind it: gRPC, the JSON gateway, watches. What members do for themselves (the steward's orders, rollouts,
//! choices) goes to the member behind it.

mod guarded;
mod judgement;
mod lease_owner;

#[cfg(test)]
mod tests;

pub use guarded::{Grants, Guard};
