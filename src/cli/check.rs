//! `mgmt check`: parse and validate, and nothing else.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;

use super::exit;
use super::output::{self, Ink, Paint, count_errors, counted};
use crate::agent::error::AgentError;
use crate::agent::load;
use crate::lang::{Diagnostic, Parsed, Severity};

/// Parse and validate graphs, and nothing else
///
/// All that is wrong is shown at once. The host is not looked at.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mgmt check site.yaml
  mgmt check --json *.yaml    for editors and CI")]
pub struct Args {
    /// The graphs
    #[arg(value_name = "FILE", required = true, value_hint = clap::ValueHint::FilePath)]
    files: Vec<PathBuf>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// What is to be said of one file.
#[derive(Serialize)]
struct Verdict {
    file: String,
    fine: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    graph: Option<Size>,
    diagnostics: Vec<Diagnostic>,
}

#[derive(Serialize)]
struct Size {
    name: String,
    resources: usize,
    edges: usize,
}

/// Runs the command.
pub fn main(args: Args) -> ExitCode {
    let registry = load::registry();
    let mut verdicts = Vec::with_capacity(args.files.len());
    for file in &args.files {
        match output::block_on(load::load(file, &registry)).flatten() {
            Ok(parsed) => verdicts.push(Verdict::fine(file, parsed)),
            Err(AgentError::Text(diagnostics)) => verdicts.push(Verdict::wrong(file, diagnostics)),
            Err(other) => return output::complain(&other, Some(file), None),
        }
    }
    if args.json {
        output::print_json(&verdicts);
    } else {
        verdicts.iter().for_each(Verdict::tell);
    }
    let fine = verdicts.iter().all(|verdict| verdict.fine);
    ExitCode::from(if fine { 0 } else { exit::TEXT })
}

impl Verdict {
    fn fine(file: &Path, parsed: Parsed) -> Self {
        let size = Size {
            name: parsed.graph.name.to_string(),
            resources: parsed.graph.len(),
            edges: parsed.graph.edge_count(),
        };
        let file = file.display().to_string();
        Self { file, fine: true, graph: Some(size), diagnostics: parsed.warnings }
    }

    fn wrong(file: &Path, diagnostics: Vec<Diagnostic>) -> Self {
        Self { file: file.display().to_string(), fine: false, graph: None, diagnostics }
    }

    /// Diagnostics on stderr, the summary on stdout.
    fn tell(&self) {
        let paint = Paint::stdout();
        output::show(&self.diagnostics);
        let file = output::clean(&self.file);
        let verdict = match &self.graph {
            None => paint.ink(Ink::Red, count_errors(&self.diagnostics)),
            Some(size) => {
                let warnings = self.diagnostics.iter().filter(|known| known.severity == Severity::Warning);
                let verdict = match warnings.count() {
                    0 => paint.ink(Ink::Green, "fine"),
                    count => paint.ink(Ink::Yellow, format!("fine, with {}", counted(count, "warning"))),
                };
                format!("{}, {}: {verdict}", counted(size.resources, "resource"), counted(size.edges, "edge"))
            }
        };
        output::say(&format!("{file}: {verdict}"));
    }
}
