//! Whether to run.

use std::io;
use std::path::Path;

use super::error::ExecError;
use super::memory;
use super::run::run;
use super::spec::Spec;
use crate::engine::Cx;
use crate::resources::host::Host;
use crate::resources::host::process::{Ending, Outcome};

/// What the guards say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Run, as things are so.
    Run(String),
    /// There is nothing to do.
    Skip,
}

/// Asks the guards in their order. The first that knows decides.
///
/// # Errors
/// When one cannot be asked.
pub async fn decide(host: &Host, spec: &Spec, cx: &Cx) -> Result<Verdict, ExecError> {
    if let Some(why) = newer(spec, cx)? {
        return Ok(Verdict::Run(why));
    }
    if let Some(command) = &spec.ifcmd {
        // The order of both outputs is exact only in one pipe; then it is not known which came where.
        let merged = spec.ifequals.is_some() && spec.ifequals_stdout.is_none();
        let outcome = run(host, spec, cx, command, merged).await?;
        if !answer(command, &outcome, spec)? || equals(spec, &outcome) {
            return Ok(Verdict::Skip);
        }
    }
    if let Some(command) = &spec.nifcmd {
        let outcome = run(host, spec, cx, command, false).await?;
        if answer(command, &outcome, spec)? {
            return Ok(Verdict::Skip);
        }
    }
    if let Some(path) = &spec.creates
        && exists(Path::new(&**path))?
    {
        return Ok(Verdict::Skip);
    }
    let has_other = spec.ifcmd.is_some() || spec.nifcmd.is_some() || spec.creates.is_some();
    Ok(match spec.mtimes.is_empty() || has_other {
        true => Verdict::Run("not run".to_owned()),
        false => Verdict::Skip,
    })
}

/// Why the files of `mtimes` force a run.
fn newer(spec: &Spec, cx: &Cx) -> Result<Option<String>, ExecError> {
    if spec.mtimes.is_empty() {
        return Ok(None);
    }
    let now = memory::mtimes_now(&spec.mtimes)?;
    let Some(then) = memory::mtimes(cx)? else { return Ok(Some("never run".to_owned())) };
    let newer = now.iter().find(|(path, time)| then.get(*path).is_none_or(|then| *time > then));
    Ok(newer.map(|(path, _)| format!("{path} is newer than at the last run")))
}

/// Whether a guard's command succeeded. That a signal ended it is no answer.
fn answer(command: &super::command::Command, outcome: &Outcome, spec: &Spec) -> Result<bool, ExecError> {
    match outcome.ending {
        Ending::Exit(status) => Ok(status == 0),
        Ending::Signal(_) => Err(ExecError::failed(command, outcome, spec.secret_output)),
    }
}

fn equals(spec: &Spec, outcome: &Outcome) -> bool {
    spec.ifequals.as_ref().is_some_and(|wanted| outcome.output.equals(wanted))
        || spec.ifequals_stdout.as_ref().is_some_and(|wanted| outcome.stdout.equals(wanted))
}

fn exists(path: &Path) -> Result<bool, ExecError> {
    match std::fs::metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(false)
        }
        Err(source) => Err(ExecError::Look { param: "creates", path: path.into(), source }),
    }
}
