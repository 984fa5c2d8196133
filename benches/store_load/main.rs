//! Load for an etcd server, ours or the real one, over loopback: `bench/store.py` starts servers and calls this.
//!
//! One thread, HTTP/2 by hand (no gRPC library, so that little of the processor goes to the generator), many connections.
//! Each subcommand prints one line of JSON.

#![allow(clippy::unwrap_used, reason = "a generator of load may fail where it stands")]

use clap::{Parser, Subcommand};

mod certificates;
mod fan_out;
mod fill;
mod first_get;
#[path = "../load/mod.rs"]
mod load;
mod unary;

use load::{Failure, connection, tls};

#[derive(Parser)]
struct Arguments {
    /// Where the servers listen, HOST:PORT, separated by commas; connections are dealt out among them
    #[arg(long, global = true, default_value = "127.0.0.1:2379", value_delimiter = ',')]
    endpoints: Vec<String>,
    /// Processes whose time is counted as the server's
    #[arg(long, global = true, value_delimiter = ',')]
    pids: Vec<u32>,
    /// How many connections share the load
    #[arg(long, global = true, default_value_t = 100)]
    connections: usize,
    #[command(flatten)]
    files: tls::Files,
    #[command(subcommand)]
    work: Work,
}

#[derive(Subcommand)]
enum Work {
    /// Puts of random keys
    Puts(unary::Puts),
    /// Linearizable gets of keys that `fill` made
    Gets(unary::Gets),
    /// One key, many watchers: from the put to the last one told
    FanOut(fan_out::FanOut),
    /// Watch streams that stay open until standard input ends
    HoldWatches(fan_out::HoldWatches),
    /// Keys 0..COUNT, in transactions of many puts
    Fill(fill::Fill),
    /// How long until a linearizable get is answered; connects over and over
    FirstGet(first_get::FirstGet),
    /// Makes certificates for a server and its clients
    Certificates(certificates::Certificates),
}

fn main() -> Result<(), Failure> {
    load::main(async |Arguments { endpoints, pids, connections, files, work }| {
        let tls = files.load()?;
        // Neither is of connections that are open.
        match &work {
            Work::FirstGet(work) => return work.run(&endpoints, &tls).await,
            Work::Certificates(work) => return work.run(),
            _ => {}
        }
        let connections = connection::open(&endpoints, connections, &tls).await?;
        match work {
            Work::Puts(work) => work.run(&connections, &pids).await,
            Work::Gets(work) => work.run(&connections, &pids).await,
            Work::FanOut(work) => work.run(&connections, &pids).await,
            Work::HoldWatches(work) => work.run(&connections).await,
            Work::Fill(work) => work.run(&connections, &pids).await,
            Work::FirstGet(work) => work.run(&endpoints, &tls).await,
            Work::Certificates(work) => work.run(),
        }
    })
}
