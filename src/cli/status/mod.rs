//! `mgmt status`: what the running agent says of itself.

mod text;
mod watch;

use std::io::{self, Write as _};
use std::process::ExitCode;

use serde::Serialize;

use super::exit;
use super::reach::{self, Reach};
use crate::agent::control::ControlError;
use crate::agent::control::client::Client;
use crate::agent::control::protocol::{Asked, HostsFacts, Status};
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
    let mut client = Client::connect(&args.reach.socket())?;
    let status = client.status(asked).await?;
    let takes_part = status.mesh.as_ref().is_some_and(|mesh| mesh.failed.is_none() && mesh.away_s.is_none());
    // A store that has just gone is told by the next call.
    let hosts = if takes_part { client.hosts().await.ok() } else { None };
    let shown = if args.json {
        json(&WithHosts { status: &status, hosts: hosts.as_ref() }, true)
    } else {
        text::render(&status, hosts.as_ref(), args.all, reach::color_on_stdout())
    };
    // A reader who has left is no reason to complain.
    let _ = io::stdout().write_all(shown.as_bytes());
    Ok(ExitCode::from(code(&status)))
}

/// The status of this host, and how the others are.
#[derive(Serialize)]
struct WithHosts<'a> {
    #[serde(flatten)]
    status: &'a Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    hosts: Option<&'a HostsFacts>,
}

fn code(status: &Status) -> u8 {
    let counts = &status.snapshot.counts;
    if counts.failed + counts.blocked > 0 { exit::FAILED } else { 0 }
}

/// The version of the JSON form is that of the control protocol, which it is.
fn json(status: &impl Serialize, pretty: bool) -> String {
    let text = if pretty { serde_json::to_string_pretty(status) } else { serde_json::to_string(status) };
    text.expect("maps with string keys are always JSON") + "\n"
}
