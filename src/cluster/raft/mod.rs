//! Consensus: which entries all members agree on, and the messages with which they do.

pub mod wire;
