//! Running the commands of an exec.

use std::sync::Arc;

use super::command::Command;
use super::error::ExecError;
use super::memory::{self, Unkept, Written};
use super::spec::Spec;
use crate::engine::{Cx, Outputs, ResourceError, Value};
use crate::resources::host::Host;
use crate::resources::host::process::{Identity, Invocation, Outcome};

/// Everything that the process adapter must know of a command. Users and groups are looked up now.
///
/// # Errors
/// When there is no such user or group, or the agent's folder is gone.
pub fn invocation(spec: &Spec, cx: &Cx, command: &Command) -> Result<Invocation, ExecError> {
    let cwd = command.cwd.as_deref().map(|cwd| {
        std::path::absolute(cwd).map_err(|source| ExecError::Look {
            param: command.param,
            path: cwd.into(),
            source,
        })
    });
    Ok(Invocation {
        words: command.words.clone(),
        cwd: cwd.transpose()?,
        env: spec.env.clone(),
        identity: Identity::resolve(spec.user.as_deref(), spec.group.as_deref())?,
        signal: spec.signal,
        merged: false,
        log: (!spec.secret_output).then(|| Arc::from(cx.label().to_string())),
    })
}

/// Runs a command to its end.
///
/// # Errors
/// When it cannot be run, or was cancelled.
pub async fn run(
    host: &Host,
    spec: &Spec,
    cx: &Cx,
    command: &Command,
    merged: bool,
) -> Result<Outcome, ExecError> {
    let invocation = Invocation { merged, ..invocation(spec, cx, command)? };
    let outcome = host.processes.run(&invocation, &cx.cancel).await;
    let outcome = outcome.map_err(|error| ExecError::start(command, error))?;
    // What ends well for being asked to has not answered a guard's question, and may have done half its work.
    if outcome.cancelled {
        return Err(ExecError::cancelled(command, &outcome));
    }
    Ok(outcome)
}

/// Runs the command, and what follows it.
///
/// # Errors
/// When one of them fails, or what is to be remembered cannot be written.
pub async fn apply(host: &Host, spec: &Spec, cx: &Cx, unkept: &Unkept) -> Result<Outputs, ResourceError> {
    // Looked at before: what changes while the command runs is newer than it.
    let mtimes = memory::mtimes_now(&spec.mtimes)?;
    let outcome = must_succeed(host, spec, cx, &spec.cmd).await?;
    let written = Written {
        output: outcome.output.text(),
        stdout: outcome.stdout.text(),
        stderr: outcome.stderr.text(),
    };
    match spec.secret_output {
        true => unkept.set(cx, &written)?,
        false => memory::keep_written(cx, &written)?,
    }
    if let Some(command) = &spec.donecmd {
        must_succeed(host, spec, cx, command).await?;
    }
    if !spec.mtimes.is_empty() {
        memory::keep_mtimes(cx, &mtimes)?;
    }
    Ok(outputs(spec, Some(written)))
}

async fn must_succeed(host: &Host, spec: &Spec, cx: &Cx, command: &Command) -> Result<Outcome, ExecError> {
    let outcome = run(host, spec, cx, command, false).await?;
    if !outcome.ending.is_success() {
        return Err(ExecError::failed(command, &outcome, spec.secret_output));
    }
    Ok(outcome)
}

/// What is sent: what the last run wrote, or what was declared for the time before the first.
pub fn outputs(spec: &Spec, written: Option<Written>) -> Outputs {
    let keys = ["output", "stdout", "stderr"];
    let values = match written {
        Some(written) => [written.output, written.stdout, written.stderr].map(|text| Some(Value::str(text))),
        None => spec.fallback.clone().map(|text| text.map(Value::Str)),
    };
    let mut outputs = Outputs::none();
    for (key, value) in keys.into_iter().zip(values) {
        outputs.send(0, key, value);
    }
    outputs
}
