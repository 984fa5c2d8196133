//! The command line: one file a command.

mod audit;
mod check;
mod completions;
mod deploy;
mod deploys;
mod environment;
mod etcd;
mod exit;
mod explain;
mod fake;
mod foreign_settings;
mod graph;
mod join_token;
mod kv;
mod man;
mod mesh;
mod mesh_reach;
mod moment;
mod output;
mod plan;
mod reach;
mod reference;
mod replay;
mod rollback;
mod run;
mod secret;
mod span;
mod spoken;
mod status;
mod top;
mod topic;

use std::process::ExitCode;

use clap::{ArgAction, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

/// A peer-to-peer, event-driven configuration agent for Linux.
#[derive(Debug, Parser)]
#[command(
    name = "mgmt",
    version,
    propagate_version = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(Box<run::Args>),
    Plan(plan::Args),
    Check(check::Args),
    Graph(graph::Args),
    Status(status::Args),
    Top(top::Args),
    Replay(replay::Args),
    Explain(explain::Args),
    Completions(completions::Args),
    Man(man::Args),
    Mesh(mesh::Args),
    Kv(kv::Args),
    Secret(secret::Args),
    Deploy(Box<deploy::Args>),
    Deploys(deploys::Args),
    Rollback(rollback::Args),
    Audit(audit::Args),
    Etcd(Box<etcd::Args>),
    #[command(hide = true)]
    Fake(fake::Args),
}

/// The command line, from which help, completions and man pages derive too.
fn definition() -> clap::Command {
    Cli::command().mut_subcommands(|command| {
        command.mut_args(|arg| {
            // The environment's present values are nobody's business, and would make pages differ by host.
            let arg = arg.hide_env_values(true);
            match arg.get_action() {
                ArgAction::SetTrue => arg.value_parser(switch),
                _ => arg,
            }
        })
    })
}

/// What a switch may be set to in the environment.
fn switch(text: &str) -> Result<bool, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "t" | "yes" | "y" | "on" => Ok(true),
        "" | "0" | "false" | "f" | "no" | "n" | "off" => Ok(false),
        _ => Err("expected true, yes or 1, or else false, no, 0 or nothing".to_owned()),
    }
}

/// The arguments. A binary that is called `etcd` is `mgmt etcd`.
fn arguments() -> Vec<std::ffi::OsString> {
    let mut arguments: Vec<_> = std::env::args_os().collect();
    let called = arguments.first().and_then(|called| std::path::Path::new(called).file_name());
    if called.is_some_and(|called| called == "etcd") {
        arguments.insert(1, "etcd".into());
    }
    arguments
}

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    if let Some(refused) = foreign_settings::refused() {
        return refused;
    }
    let parsed =
        definition().try_get_matches_from(arguments()).and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(mut error) => {
            environment::explain(&mut error, definition());
            // A closed pipe is no reason to complain.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(exit::USAGE) } else { ExitCode::SUCCESS };
        }
    };
    match cli.command {
        Command::Run(args) => run::main(*args),
        Command::Status(args) => status::main(&args),
        Command::Top(args) => top::main(&args),
        Command::Replay(args) => replay::main(&args),
        Command::Plan(args) => plan::main(args),
        Command::Check(args) => check::main(args),
        Command::Graph(args) => graph::main(&args),
        Command::Explain(args) => explain::main(&args),
        Command::Completions(args) => completions::main(&args),
        Command::Man(args) => man::main(&args),
        Command::Mesh(args) => mesh::main(&args),
        Command::Secret(args) => secret::main(&args),
        Command::Kv(args) => kv::main(&args),
        Command::Deploy(args) => deploy::main(&args),
        Command::Deploys(args) => deploys::main(&args),
        Command::Rollback(args) => rollback::main(&args),
        Command::Audit(args) => audit::main(&args),
        Command::Etcd(args) => etcd::main(&args),
        Command::Fake(args) => fake::main(&args),
    }
}
