//! The report at the end: a row a vertex, as JSON.

use std::path::Path;

use serde::Serialize;

use super::error::AgentError;
use super::{Ending, write_file};
use crate::engine::runtime::snapshot::Snapshot;

#[derive(Serialize)]
struct Report<'a> {
    /// The version of this format.
    version: u32,
    converged: bool,
    exit_code: u8,
    ran_ms: u64,
    #[serde(flatten)]
    last: &'a Snapshot,
}

/// Writes the report.
pub(super) fn write(path: &Path, ending: &Ending) -> Result<(), AgentError> {
    let report = Report {
        version: 1,
        converged: ending.converged,
        exit_code: ending.exit_code(),
        ran_ms: u64::try_from(ending.ran.as_millis()).unwrap_or(u64::MAX),
        last: &ending.last,
    };
    let text = serde_json::to_string_pretty(&report).map_err(|error| AgentError::File {
        operation: "write",
        path: path.to_owned(),
        source: error.into(),
    })?;
    write_file(path, &(text + "\n"))
}

impl Ending {
    /// The exit code that says how it ended.
    pub fn exit_code(&self) -> u8 {
        let counts = &self.last.counts;
        match self.asked {
            Some(code) => code,
            None if self.apart.is_some() => 75,
            None if self.out_of_time => 4,
            None if (self.converged || self.ran_out) && counts.failed + counts.blocked > 0 => 3,
            None => 0,
        }
    }

    /// What people want to know at the end of a one-shot run.
    pub fn summary(&self) -> String {
        use std::fmt::Write as _;
        let (last, counts) = (&self.last, &self.last.counts);
        let mut text = format!(
            "{}: {} ok ({} changed), {} failed, {} blocked",
            match self {
                _ if self.out_of_time => "out of time",
                _ if self.converged || self.ran_out => "converged",
                _ => "stopped",
            },
            counts.ok,
            last.changed,
            counts.failed,
            counts.blocked,
        );
        let open = counts.total() - counts.settled();
        if open > 0 {
            let _ = write!(text, ", {open} not done");
        }
        let would = last.rows.iter().filter(|row| !row.would_change.is_empty()).count();
        if would > 0 {
            let _ = write!(text, ", {would} would change");
        }
        let _ = write!(text, " in {:.2} s", self.ran.as_secs_f64());
        for row in last.rows.iter().filter(|row| row.is_bad()) {
            let _ = match (&row.blocked_by, &row.error) {
                (Some(by), _) => write!(text, "\n  blocked {} by {by}", row.label),
                (None, Some(error)) => write!(text, "\n  failed {}: {error}", row.label),
                (None, None) => write!(text, "\n  {} {}", row.state, row.label),
            };
        }
        text
    }
}
