//! Running a tool of the system's that does one thing and ends.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::process::{DEFAULT_PATH, Ending, Env, Invocation, Outcome, ProcessError, Processes};
use crate::engine::{Cancel, Class, ResourceError};

/// Lines shown of what a failed tool wrote to standard error.
const LINES: usize = 5;
/// Bytes shown of it.
const BYTES: usize = 1024;

/// Why a tool failed.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// It could not be run.
    #[error("run {tool}")]
    Start {
        /// Its name.
        tool: Arc<str>,
        /// Why.
        #[source]
        source: ProcessError,
    },
    /// It ran and failed.
    #[error("{tool}: {ending}{}", said_of(.tool, .said))]
    Failed {
        /// Its name.
        tool: Arc<str>,
        /// How it ended.
        ending: Ending,
        /// The end of what it wrote.
        said: Box<str>,
    },
}

fn without_name<'a>(line: &'a str, tool: &str) -> &'a str {
    line.strip_prefix(tool).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(line)
}

/// What a tool said; most begin each line with their own name, which stands before it already.
fn said_of(tool: &str, said: &str) -> String {
    let lines: Vec<&str> = said.lines().map(|line| without_name(line, tool)).collect();
    if lines.is_empty() { String::new() } else { format!(": {}", lines.join("; ")) }
}

impl ToolError {
    /// The exit status with which it ended by itself.
    pub fn code(&self) -> Option<i32> {
        match self {
            Self::Failed { ending: Ending::Exit(code), .. } => Some(*code),
            _ => None,
        }
    }

    /// The end of what it wrote to standard error.
    pub fn said(&self) -> &str {
        match self {
            Self::Failed { said, .. } => said,
            Self::Start { .. } => "",
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Start { source, .. } => source.hint(),
            Self::Failed { .. } => None,
        }
    }
}

impl From<ToolError> for ResourceError {
    fn from(error: ToolError) -> Self {
        Self::of(Class::Transient, error.hint(), error)
    }
}

/// Runs a tool to its end, with `input` to read if it is given one. One that has begun is not stopped half-way when the
/// run is merely cancelled, for it may hold locks and have done half its work; it is when the run is killed.
///
/// # Errors
/// When it cannot be run, or does not end well. Its words may hold secrets: only its name is shown, and what it says.
pub async fn run(
    processes: &dyn Processes,
    words: &[&str],
    input: Option<&[u8]>,
    cancel: &Cancel,
) -> Result<Outcome, ToolError> {
    let tool: Arc<str> = words.first().copied().unwrap_or_default().into();
    let failed = |source| ToolError::Start { tool: tool.clone(), source };
    if cancel.is_cancelled() {
        return Err(failed(ProcessError::Cancelled));
    }
    // Its messages are parsed by nobody, but shown; times are compared as UTC.
    let env: BTreeMap<Arc<str>, Arc<str>> = [("LC_ALL", "C.UTF-8"), ("PATH", DEFAULT_PATH), ("TZ", "UTC")]
        .map(|(k, v)| (k.into(), v.into()))
        .into();
    let invocation = Invocation {
        cwd: Some("/".into()),
        env: Env(Arc::new(env)),
        ..Invocation::new(words.iter().copied())
    };
    let own = Cancel::default();
    let running = async {
        match input {
            Some(input) => processes.run_fed(&invocation, input, &own).await,
            None => processes.run(&invocation, &own).await,
        }
    };
    tokio::pin!(running);
    let outcome = tokio::select! {
        outcome = &mut running => outcome,
        () = cancel.killed() => {
            own.kill();
            running.await
        }
    };
    let outcome = outcome.map_err(failed)?;
    if outcome.ending.is_success() {
        return Ok(outcome);
    }
    let said = outcome.stderr.last_lines(LINES, BYTES).into();
    Err(ToolError::Failed { tool, ending: outcome.ending, said })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_tool_is_told_once() {
        let told = |said: &str| {
            let error =
                ToolError::Failed { tool: "useradd".into(), ending: Ending::Exit(6), said: said.into() };
            error.to_string()
        };
        assert_eq!(
            told("useradd: group 'x' does not exist"),
            "useradd: exit status 6: group 'x' does not exist"
        );
        assert_eq!(told("useradd: a\nuseradds: b"), "useradd: exit status 6: a; useradds: b");
        assert_eq!(told(""), "useradd: exit status 6");
    }
}
