//! All integration tests, in one binary: it links once.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod cli;
mod engine;
mod yaml;
