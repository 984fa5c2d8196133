//! `mgmt man`: the manual's pages.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap_mangen::Man;

use super::output;
use crate::agent::error::AgentError;

/// Print the manual page, or write all pages
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mgmt man | man -l -                            read the main page
  mgmt man --dir /usr/local/share/man/man1       mgmt.1, and a page for each command: mgmt-run.1 …")]
pub struct Args {
    /// Write all pages into DIR, which is made if need be
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    dir: Option<PathBuf>,
}

/// Runs the command.
pub fn main(args: &Args) -> ExitCode {
    match write(args.dir.as_deref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => output::complain(&error, None, None),
    }
}

fn write(dir: Option<&Path>) -> Result<(), AgentError> {
    let failed = |operation: &'static str, path: &Path| {
        let path = path.to_owned();
        move |source| AgentError::File { operation, path, source }
    };
    // Built, so that the pages of commands have their full names and the options of all.
    let mut all = super::definition().disable_help_subcommand(true);
    all.build();
    let Some(dir) = dir else {
        output::print(&page(&Man::new(all)).map_err(failed("render", Path::new("mgmt.1")))?);
        return Ok(());
    };
    std::fs::create_dir_all(dir).map_err(failed("make the folder", dir))?;
    let commands: Vec<_> = all.get_subcommands().filter(|command| !command.is_hide_set()).cloned().collect();
    for command in [all].into_iter().chain(commands) {
        let man = Man::new(command);
        let path = dir.join(man.get_filename());
        let text = page(&man).map_err(failed("render", &path))?;
        std::fs::write(&path, text).map_err(failed("write", &path))?;
    }
    Ok(())
}

/// A page. What help shows last are examples, and not "extra"; their columns stay.
fn page(man: &Man) -> io::Result<String> {
    let mut rendered = Vec::new();
    man.render(&mut rendered)?;
    let text = String::from_utf8_lossy(&rendered).into_owned();
    let Some((before, rest)) = text.split_once(".SH EXTRA\nExamples:\n") else { return Ok(text) };
    let (examples, after) = rest.split_once("\n.SH ").unwrap_or((rest, "VERSION"));
    Ok(format!("{before}.SH EXAMPLES\n.nf\n{examples}\n.fi\n.SH {after}"))
}
