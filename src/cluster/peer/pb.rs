//! Messages and service stubs, made from `proto/mgmt/peer.proto` by the build.
#![allow(
    missing_docs,
    clippy::all,
    clippy::pedantic,
    clippy::too_many_lines,
    reason = "written by a program"
)]

include!(concat!(env!("OUT_DIR"), "/mgmt.peer.rs"));
