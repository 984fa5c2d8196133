//! mgmt: a peer-to-peer, event-driven configuration agent for Linux.
//!
//! A frontend turns text into a stream of resource graphs; a pure scheduler ([`engine`]) turns events into commands
//! that small [`resources`] carry out on this host.

pub mod agent;
pub mod cli;
pub mod cluster;
pub mod engine;
pub mod lang;
pub mod resources;
