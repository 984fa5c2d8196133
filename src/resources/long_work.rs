//! Where work is done: short work here and now, long work on the blocking pool.

use std::path::Path;

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
    let done = tokio::task::spawn_blocking(move || work(Pace::Long(&cancel)));
    match done.await.map_err(|_| failed())? {
        Ok(done) => Ok(done),
        Err(Halt::Failed(error)) => Err(error.into()),
        Err(Halt::Long) => Err(failed().into()),
    }
}
