//! `mgmt fake`: a store in memory that can be told to misbehave, for tests.

use std::process::ExitCode;

use super::{exit, output};
use crate::cluster::etcd::serve::Address;
use crate::cluster::fake::{Fake, PATH};
use crate::engine::Class;

/// A store in memory that can be told to misbehave: for tests of what talks to one
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where to listen
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:0")]
    listen: Address,
}

/// Runs the store until it is stopped.
pub(super) fn main(args: &Args) -> ExitCode {
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::warn(&format!("error: cannot start: {error}\n"));
            return ExitCode::from(exit::BUSY);
        }
    };
    runtime.block_on(async {
        let stop = async { drop(tokio::signal::ctrl_c().await) };
        match Fake::start(&args.listen, stop).await {
            Ok((fake, served)) => {
                output::say(&format!("serves at {}, faults at {}{PATH}", fake.url, fake.url));
                // It panics only for a bug, which was reported.
                let _ = served.await;
                ExitCode::SUCCESS
            }
            Err(error) => output::failed(&error.to_string(), [], None, Class::Transient),
        }
    })
}
