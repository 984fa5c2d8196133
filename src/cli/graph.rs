//! `mgmt graph`: the resource graph.

use std::path::PathBuf;
use std::process::ExitCode;

use super::output;
use crate::agent::error::AgentError;
use crate::agent::load;
use crate::engine::Graph;
use crate::engine::graph::{dot, json, svg, text};
use crate::engine::runtime::prepare;

/// Show the resource graph
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mgmt graph site.yaml                                       what waits for what
  mgmt graph --autoedges --format svg site.yaml > site.svg   a picture, with the edges that mgmt adds")]
pub struct Args {
    /// The graph
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
    /// How
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// With automatic edges
    #[arg(long)]
    autoedges: bool,
    /// With what is applied together in one vertex
    #[arg(long)]
    grouped: bool,
}

/// How a graph is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For a terminal: by levels
    Text,
    /// For Graphviz
    Dot,
    /// A picture
    Svg,
    /// For programs
    Json,
}

/// Runs the command.
pub fn main(args: &Args) -> ExitCode {
    let (graph, warnings) = match read(args) {
        Ok(read) => read,
        Err(error) => return output::complain(&error, Some(&args.file), None),
    };
    output::show(&warnings);
    match if args.json { Format::Json } else { args.format } {
        Format::Text => match text::render(&graph) {
            Ok(text) => output::print(&output::clean(&text)),
            Err(error) => return output::complain(&error.into(), Some(&args.file), None),
        },
        Format::Dot => output::print(&dot::render(&graph)),
        Format::Svg => output::print(&svg::render(&graph)),
        Format::Json => output::print_json(&json::shown(&graph)),
    }
    ExitCode::SUCCESS
}

fn read(args: &Args) -> Result<(Graph, Vec<crate::lang::Diagnostic>), AgentError> {
    let registry = load::registry();
    let parsed = output::block_on(load::load(&args.file, &registry)).flatten()?;
    let options = prepare::Options { autoedges: args.autoedges, autogroup: args.grouped };
    let graph = prepare::complete(parsed.graph, options)?;
    Ok((graph, parsed.warnings))
}
