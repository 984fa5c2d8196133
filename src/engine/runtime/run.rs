//! One run of one vertex: arm the watch, check, apply.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::clock::Clock;
use super::job::{Ending, Job, Report};
use super::mailbox::{Mailbox, Message};
use crate::engine::cx::Cx;
use crate::engine::resource::{ResourceError, Wakes};

/// After a timeout or a cancel, what was started has so long to end by itself before it is killed.
const GRACE: Duration = Duration::from_secs(5);

/// A run took longer than it may.
#[derive(Debug, thiserror::Error)]
#[error("not done after {} ms", .0.as_millis())]
struct TimedOut(Duration);

/// Runs a job to its end.
pub(super) async fn run(job: Job, clock: Clock, mailbox: Arc<Mailbox>) -> Report {
    let started = clock.now();
    let (vertex, generation) = (job.vertex, job.generation);
    let mut cx = Cx::new(job.surroundings.clone(), job.cancel.clone());
    cx.refresh = job.refresh;
    cx.noop = job.noop;
    cx.members = job.members.clone();
    let mut wakes = None;
    let ending = match job.timeout {
        None => steps(&job, &cx, &mut wakes, &mailbox).await,
        Some(limit) => {
            let steps = steps(&job, &cx, &mut wakes, &mailbox);
            within(limit, &cx, steps).await
        }
    };
    let ending = ending.unwrap_or_else(|error| match job.cancel.is_cancelled() {
        true if !error.is::<TimedOut>() => Ending::Cancelled,
        _ => Ending::Failed(Arc::new(error)),
    });
    let took = clock.now().since(started);
    Report {
        vertex,
        generation,
        wakes,
        wrote: cx.take_wrote(),
        ending,
        failed: cx.take_failed(),
        foreseen: cx.take_foreseen(),
        took,
    }
}

async fn steps(
    job: &Job,
    cx: &Cx,
    wakes: &mut Option<Wakes>,
    mailbox: &Mailbox,
) -> Result<Ending, ResourceError> {
    if job.arm {
        *wakes = Some(job.resource.watch(cx).await?);
    }
    if let Some(undo) = &job.undo {
        undo.keep(job.resource.as_ref(), cx).await?;
    }
    let found = job.resource.check(cx).await?;
    if found.drift.is_empty() {
        return Ok(Ending::Same(found.outputs));
    }
    if job.noop {
        return Ok(Ending::Noted(found.drift));
    }
    if job.cancel.is_cancelled() {
        return Ok(Ending::Cancelled);
    }
    let drift = found.drift.clone();
    let mut applying = job.resource.apply(cx, found.drift);
    // Only what takes long enough to be seen is worth a message.
    let outputs = match poll_fn(|context| Poll::Ready(applying.as_mut().poll(context))).await {
        Poll::Ready(outputs) => outputs?,
        Poll::Pending => {
            mailbox.post(Message::Applying { vertex: job.vertex, generation: job.generation });
            applying.await?
        }
    };
    if job.informs {
        cx.edges_derived().await;
    }
    Ok(Ending::Applied(drift, outputs))
}

/// Lets `steps` run for so long; then asks it to end, and in the end drops it.
async fn within(
    limit: Duration,
    cx: &Cx,
    steps: impl Future<Output = Result<Ending, ResourceError>>,
) -> Result<Ending, ResourceError> {
    tokio::pin!(steps);
    if let Ok(ended) = tokio::time::timeout(limit, steps.as_mut()).await {
        return ended;
    }
    cx.cancel.cancel();
    if tokio::time::timeout(GRACE, steps.as_mut()).await.is_err() {
        cx.cancel.kill();
        // What ignores even that is dropped.
        let _ = tokio::time::timeout(GRACE, steps.as_mut()).await;
    }
    Err(ResourceError::transient(TimedOut(limit)).with_hint("raise `timeout`, or find out what it waits for"))
}
