//! What wakes an exec: changes of files, and the lines of a command.

use std::path::Path;
use std::sync::Arc;

use futures_util::StreamExt;

use super::error::ExecError;
use super::run::invocation;
use super::spec::Spec;
use crate::engine::path_watch::{Interest, PathSink};
use crate::engine::{Cx, Wake, Wakes};
use crate::resources::host::Host;
use crate::resources::host::process::Followed;

/// Arms the watch.
///
/// # Errors
/// When a path cannot be watched, or the command cannot be started.
pub async fn watch(host: &Host, spec: &Arc<Spec>, cx: &Cx) -> Result<Wakes, ExecError> {
    let waker = cx.waker().clone();
    let sink: PathSink = Arc::new(move |event| waker.wake(Wake { stamp: event.stamp }));
    let mut wakes = Wakes::never();
    let guards: Vec<_> = spec
        .watched()
        // Read, not written here: a save by a file resource of this very agent counts too.
        .map(|path| host.watch.watch(Path::new(&**path), Interest::CONTENT, sink.clone()))
        .collect::<Result<_, _>>()?;
    if !guards.is_empty() {
        wakes = Wakes::pushed(guards);
    }
    if let Some(command) = &spec.watchcmd {
        let following = host.processes.follow(&invocation(spec, cx, command)?).await;
        let following = following.map_err(|error| ExecError::start(command, error))?;
        let spec = spec.clone();
        let lines = following.map(move |item| {
            let Some(command) = &spec.watchcmd else { return Ok(Wake::default()) };
            match item {
                Ok(Followed::Line) => Ok(Wake::default()),
                Ok(Followed::Ended(outcome)) => {
                    Err(ExecError::watch_ended(command, &outcome, spec.secret_output).into())
                }
                Err(error) => Err(ExecError::start(command, error).into()),
            }
        });
        wakes.stream = Some(lines.boxed());
    }
    Ok(wakes)
}
