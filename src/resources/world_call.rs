//! Asking the world: with a deadline, and only as long as the run goes on.

use std::time::Duration;

use crate::engine::world::{Deadline, WorldError};
use crate::engine::{Cx, ResourceError};

/// So long one answer is waited for: longer than the store takes to choose another leader, and shorter than people
/// take to wonder.
const PATIENCE: Duration = Duration::from_secs(5);

/// The run was cancelled while the store had not answered.
#[derive(Debug, thiserror::Error)]
#[error("cancelled before the store had answered")]
struct Cancelled;

/// What the world answers; the question is given its deadline.
///
/// # Errors
/// What the world says, or that the run was cancelled.
pub async fn ask<T, F>(cx: &Cx, question: impl FnOnce(Deadline) -> F) -> Result<T, ResourceError>
where
    F: Future<Output = Result<T, WorldError>>,
{
    tokio::select! {
        answer = question(Deadline::after(PATIENCE)) => Ok(answer?),
        () = cx.cancel.cancelled() => Err(ResourceError::transient(Cancelled)),
    }
}

/// The same for a check; `None`: it is part of a plan, which has no world to look at.
///
/// # Errors
/// As [`ask`].
pub async fn look<T, F>(cx: &Cx, question: impl FnOnce(Deadline) -> F) -> Result<Option<T>, ResourceError>
where
    F: Future<Output = Result<T, WorldError>>,
{
    let question = |by| {
        let asked = question(by);
        async {
            match asked.await {
                Ok(answer) => Ok(Some(answer)),
                Err(WorldError::Nowhere { .. }) if cx.noop => Ok(None),
                Err(error) => Err(error),
            }
        }
    };
    ask(cx, question).await
}
