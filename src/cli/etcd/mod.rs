//! `mgmt etcd`: the store alone, with etcd's flags.

mod args;
mod setup;

use std::process::ExitCode;

use super::exit;
use crate::agent::log::{self, LogFormat};
use crate::cluster::etcd::surface::VERSION;
use crate::cluster::node::Ended;
use crate::cluster::server::{Server, open_files};

pub use args::Args;

/// What `--version` prints: the API level in etcd's words, which tools read, then who this is.
pub fn version() -> String {
    format!(
        "etcd Version: {VERSION}\nmgmt Version: {}\nGo OS/Arch: {}/{}",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH
    )
}

/// Runs the store until it is stopped.
pub fn main(args: &Args) -> ExitCode {
    if args.version {
        super::output::say(&version());
        return ExitCode::SUCCESS;
    }
    if let Err(error) = log::start(LogFormat::Text, &args.log_level) {
        return failed(&error, None, exit::USAGE);
    }
    #[cfg(feature = "failpoints")]
    if let Err(error) = crate::cluster::failpoints::start() {
        return failed(&error, None, exit::USAGE);
    }
    open_files::allow_all();
    let settings = match setup::settings(args) {
        Ok(settings) => settings,
        Err(error) => return failed(&error, error.hint(), exit::USAGE),
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error, None, exit::BUSY),
    };
    runtime.block_on(async {
        match Server::start(settings).await {
            Ok(server) => {
                if server.run(setup::stop_signal()).await == Ended::Asked {
                    ExitCode::SUCCESS
                } else {
                    ExitCode::from(exit::BUSY)
                }
            }
            Err(error) => failed(&error, error.hint(), exit::BUSY),
        }
    })
}

fn failed(error: &dyn std::error::Error, hint: Option<&str>, code: u8) -> ExitCode {
    let mut text = format!("error: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        // Some texts hold their cause already.
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str("\n  = cause: ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    if let Some(hint) = hint {
        text.push_str("\n  = hint: ");
        text.push_str(hint);
    }
    super::output::warn(&format!("{text}\n"));
    ExitCode::from(code)
}
