//! All integration tests, in one binary: it links once.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod control;
mod engine;
mod yaml;
