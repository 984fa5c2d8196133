//! The state machine: keys with their history, transactions, watches, leases, users. Pure: no clock, no I/O.

pub mod auth;
pub mod error;
pub mod id;
pub mod key;
pub mod member;
pub mod refusal;
pub mod reply;
pub mod request;
