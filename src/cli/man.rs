//! `mgmt man`: the manual's pages.

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
    let failed = |operation: &'static str, path: &Path, source| {
        let error = AgentError::File { operation, path: path.to_owned(), source };
        output::complain(&error, None, None)
    };
    let Some(dir) = &args.dir else {
        let mut page = Vec::new();
        return match Man::new(super::definition()).render(&mut page) {
            Ok(()) => {
                output::print(&String::from_utf8_lossy(&page));
                ExitCode::SUCCESS
            }
            Err(source) => failed("render", Path::new("mgmt.1"), source),
        };
    };
    if let Err(source) = std::fs::create_dir_all(dir) {
        return failed("make the folder", dir, source);
    }
    match clap_mangen::generate_to(super::definition(), dir) {
        Ok(()) => ExitCode::SUCCESS,
        Err(source) => failed("write the pages into", dir, source),
    }
}
