//! Where work is done: short work here and now, long work on the blocking pool.

use std::path::Path;
use std::task::Poll;

use crate::engine::{Cancel, ResourceError};
use crate::resources::error::HostError;
use crate::resources::host::fs::{Halt, Pace};

/// Does `work` here if it is short, or else again, from its beginning, on the blocking pool.
///
/// # Errors
/// Those of `work`.
pub async fn run<T: Send + 'static>(
    op: &'static str,
    path: &Path,
    cancel: &Cancel,
    work: impl Fn(Pace<'_>) -> Result<T, Halt> + Send + 'static,
) -> Result<T, ResourceError> {
    match work(Pace::Short) {
        Ok(done) => Ok(done),
        Err(Halt::Failed(error)) => Err(error.into()),
        Err(Halt::Long) => run_long(op, path, cancel, work).await,
    }
}

/// Does `work` on the blocking pool. It ends early when `cancel` says so, if it asks its pace.
///
/// # Errors
/// Those of `work`; a bug where it panics.
pub async fn run_long<T: Send + 'static>(
    op: &'static str,
    path: &Path,
    cancel: &Cancel,
    work: impl FnOnce(Pace<'_>) -> Result<T, Halt> + Send + 'static,
) -> Result<T, ResourceError> {
    let cancel = cancel.clone();
    let failed = || HostError::Worker { op, path: path.into() };
    reach_runtime().await;
    let done = tokio::task::spawn_blocking(move || work(Pace::Long(&cancel)));
    match done.await.map_err(|_| failed())? {
        Ok(done) => Ok(done),
        Err(Halt::Failed(error)) => Err(error.into()),
        Err(Halt::Long) => Err(failed().into()),
    }
}

/// Stays pending until it is polled within the runtime: the first poll may be on a worker of the engine's own.
pub async fn reach_runtime() {
    std::future::poll_fn(|task| {
        if tokio::runtime::Handle::try_current().is_ok() {
            return Poll::Ready(());
        }
        task.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    #[test]
    fn long_work_that_is_first_polled_outside_the_runtime_waits_until_it_is_polled_within() {
        let (cancel, path) = (Cancel::default(), Path::new("/x"));
        let work = |pace: Pace<'_>| match pace {
            Pace::Short => Err(Halt::Long),
            Pace::Long(_) => Ok("done"),
        };
        let mut running = pin!(run("check", path, &cancel, work));
        assert!(running.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert_eq!(runtime.block_on(running).unwrap(), "done");
    }
}
