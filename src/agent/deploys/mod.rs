//! Graphs for all hosts, on this one: what a deploy is made of, where this host keeps it, and which one it runs.
//!
//! | file | what |
//! |---|---|
//! | [`bundle`] | the files that a deploy is made of, read for `mgmt deploy` |
//! | [`shelf`] | the deploys that this host keeps, verified, on its disk |
//! | `follower` | which deploy this host is to run, fetched and opened |
//! | `telling` | what this host makes of it, for all to see |

pub mod bundle;
mod follower;
pub mod shelf;
mod telling;

pub(super) use follower::{Follower, Open, Proposal};
pub(super) use telling::{Standing, tell};
