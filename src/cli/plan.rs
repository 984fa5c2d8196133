//! `mgmt plan`: what would change.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;

use super::exit;
use super::output::{self, Ink, Paint};
use crate::agent::plan::{self, Change, Plan};
use crate::engine::drift::Shown;
use crate::engine::runtime::prepare;

/// Show what would change, and change nothing
///
/// Everything is looked at once. Nothing is written, not even by the agent for itself, and a running agent is not
/// disturbed. What can only be told once something before it has been applied is "known after apply". What would fail
/// for a reason that is plain already, such as a package that nobody has, is a failure here too.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mgmt plan site.yaml                        what `mgmt run` would do here
  mgmt plan --detailed-exitcode site.yaml    for scripts: 0 nothing, 2 something, 3 a check failed, or it would fail")]
pub struct Args {
    /// The graph
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
    /// Exit with 2 if something would change
    #[arg(long)]
    detailed_exitcode: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
    /// The agent's folder, which is only read
    /// [default: $STATE_DIRECTORY, /var/lib/mgmt, or the user's cache folder]
    #[arg(long, env = "MGMT_PREFIX", value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    prefix: Option<PathBuf>,
    /// Without automatic edges
    #[arg(long, env = "MGMT_NO_AUTOEDGES")]
    no_autoedges: bool,
    /// Without automatic grouping
    #[arg(long, env = "MGMT_NO_AUTOGROUP")]
    no_autogroup: bool,
    /// At most N resources at once, by a semaphore around each
    #[arg(long, env = "MGMT_SEMA", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    sema: Option<u32>,
    /// At most N resources at once
    #[arg(long, env = "MGMT_JOBS", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    jobs: Option<u32>,
}

/// Runs the command.
pub fn main(args: Args) -> ExitCode {
    let options = plan::Options {
        file: args.file.clone(),
        prefix: args.prefix,
        prepare: prepare::Options { autoedges: !args.no_autoedges, autogroup: !args.no_autogroup },
        sema: args.sema,
        jobs: args.jobs,
    };
    let plan = match output::block_on(plan::plan(options)).flatten() {
        Ok(plan) => plan,
        Err(error) => return output::complain(&error, Some(&args.file), None),
    };
    output::show(&plan.warnings);
    output::show(plan.failures.iter().map(|failure| &failure.diagnostic));
    if args.json {
        output::print_json(&Report::of(&plan));
    } else {
        output::print(&shown(&plan, Paint::stdout()));
    }
    ExitCode::from(match () {
        () if !plan.failures.is_empty() => exit::FAILED,
        () if args.detailed_exitcode && !plan.is_empty() => exit::DIFFERS,
        () => 0,
    })
}

/// The plan for people, but for failures.
fn shown(plan: &Plan, paint: Paint) -> String {
    let mut out = String::new();
    for change in &plan.changes {
        show_change(&mut out, change, paint);
    }
    for (label, by) in &plan.blocked {
        let by = by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
        let _ = writeln!(out, "{} {label} is blocked{by}", paint.ink(Ink::Red, "!"));
    }
    if !plan.changes.is_empty() || !plan.blocked.is_empty() {
        out.push('\n');
    }
    out.push_str(&summary(plan, paint));
    out.push('\n');
    out
}

fn show_change(out: &mut String, change: &Change, paint: Paint) {
    let label = paint.ink(Ink::Bold, &change.declared.label);
    let place = match &change.declared.origin {
        Some(origin) => paint.ink(Ink::Dim, output::clean(&format!("at {origin}"))),
        None => paint.ink(Ink::Dim, "no longer declared: undone"),
    };
    let _ = writeln!(out, "{} {label} {place}", mark(change, paint));
    if change.is_unknown() {
        let _ = writeln!(out, "    known after apply");
    }
    for item in &change.items {
        let _ = writeln!(out, "    {}", output::clean(&item.to_string()));
    }
    for line in change.diff.iter().flat_map(|diff| diff.lines()) {
        let ink = match line.as_bytes().first() {
            Some(b'+') => Some(Ink::Green),
            Some(b'-') => Some(Ink::Red),
            Some(b'@') => Some(Ink::Cyan),
            _ => None,
        };
        let line = output::clean(line);
        let _ = writeln!(out, "    {}", ink.map_or_else(|| line.clone(), |ink| paint.ink(ink, &line)));
    }
}

/// Made, removed, changed, or not yet known.
fn mark(change: &Change, paint: Paint) -> String {
    let appears = change.items.iter().any(|item| item.what == "state" && item.found == Shown::Absent);
    let vanishes = change.items.iter().any(|item| item.what == "state" && item.wanted == Shown::Absent);
    match () {
        () if change.is_unknown() => paint.ink(Ink::Yellow, "?"),
        () if appears => paint.ink(Ink::Green, "+"),
        () if vanishes => paint.ink(Ink::Red, "-"),
        () => paint.ink(Ink::Yellow, "~"),
    }
}

fn summary(plan: &Plan, paint: Paint) -> String {
    let (changes, unknown) = plan.counts();
    let mut text = format!("plan: {changes} to change, ");
    if unknown > 0 {
        let _ = write!(text, "{unknown} known after apply, ");
    }
    let _ = write!(text, "{} as wanted, {} failed", plan.as_wanted, plan.failures.len());
    if !plan.blocked.is_empty() {
        let _ = write!(text, ", {} blocked", plan.blocked.len());
    }
    paint.ink(Ink::Bold, text)
}

/// The plan for programs.
#[derive(Serialize)]
struct Report<'a> {
    /// The version of this format.
    version: u32,
    graph: &'a str,
    to_change: usize,
    known_after_apply: usize,
    as_wanted: usize,
    failed: usize,
    changes: Vec<ChangeRow<'a>>,
    failures: Vec<FailureRow<'a>>,
    blocked: Vec<BlockedRow>,
}

#[derive(Serialize)]
struct ChangeRow<'a> {
    resource: String,
    origin: Option<String>,
    known_after_apply: bool,
    items: Vec<ItemRow>,
    diff: Option<&'a str>,
}

#[derive(Serialize)]
struct ItemRow {
    what: &'static str,
    found: String,
    wanted: String,
}

#[derive(Serialize)]
struct FailureRow<'a> {
    resource: String,
    error: &'a str,
    hints: &'a [String],
}

#[derive(Serialize)]
struct BlockedRow {
    resource: String,
    by: Option<String>,
}

impl<'a> Report<'a> {
    fn of(plan: &'a Plan) -> Self {
        let (to_change, known_after_apply) = plan.counts();
        let changes = plan.changes.iter().map(|change| ChangeRow {
            resource: change.declared.label.to_string(),
            origin: change.declared.origin.as_ref().map(ToString::to_string),
            known_after_apply: change.is_unknown(),
            items: change
                .items
                .iter()
                .map(|item| ItemRow {
                    what: item.what,
                    found: item.found.to_string(),
                    wanted: item.wanted.to_string(),
                })
                .collect(),
            diff: change.diff.as_deref(),
        });
        let failures = plan.failures.iter().map(|failure| FailureRow {
            resource: failure.label.to_string(),
            error: &failure.error,
            hints: &failure.diagnostic.hints,
        });
        let blocked = plan.blocked.iter().map(|(label, by)| BlockedRow {
            resource: label.to_string(),
            by: by.as_ref().map(ToString::to_string),
        });
        Self {
            version: 1,
            graph: &plan.graph,
            to_change,
            known_after_apply,
            as_wanted: plan.as_wanted,
            failed: plan.failures.len(),
            changes: changes.collect(),
            failures: failures.collect(),
            blocked: blocked.collect(),
        }
    }
}
