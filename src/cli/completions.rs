//! `mgmt completions`: what a shell must know to complete words.

use std::process::ExitCode;

use clap_complete::Shell;

use super::output;
use super::topic::Topics;
use crate::agent::load;

/// Print completions for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mgmt completions bash > /etc/bash_completion.d/mgmt
  mgmt completions zsh  > /usr/local/share/zsh/site-functions/_mgmt
  mgmt completions fish > ~/.config/fish/completions/mgmt.fish")]
pub struct Args {
    /// Which shell
    #[arg(value_name = "SHELL", value_parser = ["bash", "zsh", "fish"])]
    shell: String,
}

/// Runs the command.
pub fn main(args: &Args) -> ExitCode {
    let shell = match args.shell.as_str() {
        "zsh" => Shell::Zsh,
        "fish" => Shell::Fish,
        _ => Shell::Bash,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut super::definition(), "mgmt", &mut script);
    output::print(&String::from_utf8_lossy(&script));
    if shell == Shell::Fish {
        // The generator for fish knows no values of positional arguments.
        let registry = load::registry();
        let topics = Topics::new(&registry).words().join(" ");
        output::say(&format!(
            "complete -c mgmt -n \"__fish_mgmt_using_subcommand explain\" -f -a \"{topics}\""
        ));
    }
    ExitCode::SUCCESS
}
