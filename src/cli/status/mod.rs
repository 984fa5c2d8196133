//! `mgmt status`: what the running agent says of itself.

mod text;
mod watch;

use std::io::{self, Write as _};
use std::process::ExitCode;

use super::exit;
use super::reach::{self, Reach};
use crate::agent::control::ControlError;
use crate::agent::control::client::Client;
use crate::agent::control::protocol::{Asked, Status};
use crate::engine::runtime::snapshot::Rows;

/// Show how the agent on this host is: its resources by state, what fails and why
///
/// Exit codes: 0 all is well, 3 something failed or is blocked, 75 no agent answers.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mgmt status                 once
  mgmt status --watch         again and again, as it changes
  mgmt status --json --all    for programs, a row a resource")]
pub struct Args {
    #[command(flatten)]
    reach: Reach,
    /// Go on, and show each change
    #[arg(long, short)]
    watch: bool,
    /// As JSON; with --watch, an object a line
    #[arg(long)]
    json: bool,
    /// Show all resources, and not only those that need attention
    #[arg(long)]
    all: bool,
}

/// Runs the command.
pub fn main(args: &Args) -> ExitCode {
    reach::wait(async {
        let asked = Asked::rows(if args.all { Rows::All } else { Rows::Notable });
        let answered = if args.watch { watch::watch(args, asked).await } else { once(args, asked).await };
        answered.unwrap_or_else(|error| reach::complain(&error))
    })
}

async fn once(args: &Args, asked: Asked) -> Result<ExitCode, ControlError> {
    let status = Client::connect(&args.reach.socket())?.status(asked).await?;
    let shown = if args.json {
        json(&status, true)
    } else {
        text::render(&status, args.all, reach::color_on_stdout())
    };
    // A reader who has left is no reason to complain.
    let _ = io::stdout().write_all(shown.as_bytes());
    Ok(ExitCode::from(code(&status)))
}

fn code(status: &Status) -> u8 {
    let counts = &status.snapshot.counts;
    if counts.failed + counts.blocked > 0 { exit::FAILED } else { 0 }
}

/// The version of the JSON form is that of the control protocol, which it is.
fn json(status: &Status, pretty: bool) -> String {
    let text = if pretty { serde_json::to_string_pretty(status) } else { serde_json::to_string(status) };
    text.expect("maps with string keys are always JSON") + "\n"
}
