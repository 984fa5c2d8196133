//! What generators of load have in common: connections with little processor time a request, latencies, processor time.

#![allow(dead_code, reason = "each generator uses some of it")]

pub mod connection;
pub mod histogram;
pub mod keys;
pub mod measured;
pub mod process;
pub mod requests;
pub mod tls;

/// Runs what was asked for on this thread and prints its report. `cargo test --all-targets` starts a generator too:
/// without a subcommand it does nothing.
pub fn main<A: clap::Parser, F: Future<Output = Result<serde_json::Value, Failure>>>(
    work: impl FnOnce(A) -> F,
) -> Result<(), Failure> {
    if std::env::args().nth(1).is_none_or(|first| first == "--bench") {
        return Ok(());
    }
    let arguments = A::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    println!("{}", runtime.block_on(work(arguments))?);
    Ok(())
}

/// An error of the network or of the server ends the run.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
