//! All integration tests, in one binary: it links once.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod agent;
mod cli;
mod cluster;
mod control;
mod engine;
mod fake_world;
mod host;
mod kinds;
mod mesh;
mod sim;
mod tidy;
mod yaml;
