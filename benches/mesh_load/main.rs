//! Load for the store of a mesh, over loopback: `bench/mesh.py` starts an agent that carries one and calls this.
//!
//! Hosts are the mesh's own clients (`mgmt::cluster::world`), many in one process with a connection each; where thousands
//! of writes a second are wanted of one core, the same transactions go out over HTTP/2 by hand. Each subcommand prints one
//! line of JSON.

#![allow(clippy::unwrap_used, reason = "a generator of load may fail where it stands")]

use clap::{Parser, Subcommand};

mod collectors;
mod exports;
mod founder;
mod hosts;
#[path = "../load/mod.rs"]
mod load;
mod reconnect;
mod reexport;
mod verify;
mod writers;

use std::path::PathBuf;

use founder::Founder;
use hosts::Mesh;
use load::Failure;

#[derive(Parser)]
struct Arguments {
    /// Where the store is, HOST:PORT
    #[arg(long, global = true, default_value = "127.0.0.1:2379")]
    endpoint: String,
    /// Keys of who founded the mesh; without them it is one without TLS
    #[arg(long, global = true, value_name = "FOLDER")]
    pki: Option<PathBuf>,
    /// Processes whose time is counted as the server's
    #[arg(long, global = true, value_delimiter = ',')]
    pids: Vec<u32>,
    #[command(subcommand)]
    work: Work,
}

#[derive(Subcommand)]
enum Work {
    /// Hosts that collect, until standard input ends
    Collectors(collectors::Collectors),
    /// Hosts whose connections all end at once: until each is told of changes again
    Reconnect(reconnect::Reconnect),
    /// Hosts that export, and then all export anew at once, while one collects everything
    Reexport(reexport::Reexport),
    /// One host that collects what many have exported, and begins cold
    Verify(verify::Verify),
    /// Connections over which batches of a host are written, each after the answer to the last
    Writers(writers::Writers),
}

fn main() -> Result<(), Failure> {
    load::main(async |Arguments { endpoint, pki, pids, work }| {
        let mesh = Mesh { endpoint, founder: pki.as_deref().map(Founder::load).transpose()? };
        match work {
            Work::Collectors(work) => work.run(&mesh).await,
            Work::Reconnect(work) => work.run(&mesh, &pids).await,
            Work::Reexport(work) => work.run(&mesh, &pids).await,
            Work::Verify(work) => work.run(&mesh).await,
            Work::Writers(work) => work.run(&mesh, &pids).await,
        }
    })
}
