//! What generators of load have in common: connections with little processor time a request, latencies, processor time.

#![allow(dead_code, reason = "each generator uses some of it")]

pub mod connection;
pub mod histogram;
pub mod keys;
pub mod measured;
pub mod process;
pub mod requests;

/// An error of the network or of the server ends the run.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
