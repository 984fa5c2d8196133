//! Waiting until nobody changes packages.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::{Packages, PackagesError};
use crate::engine::Cancel;
use crate::engine::path_watch::{Interest, PathSink, PathWatch};
use crate::resources::error::HostError;

/// Returns once nobody else changes packages. Nothing is looked at again and again: who ends tells it by an event.
///
/// # Errors
/// When that takes longer than `timeout`, or the run is cancelled.
pub async fn settled(
    packages: &dyn Packages,
    watch: &dyn PathWatch,
    timeout: Duration,
    cancel: &Cancel,
) -> Result<(), PackagesError> {
    if packages.holder().is_none() {
        return Ok(());
    }
    let Some(lock) = packages.lock_file() else { return Ok(()) };
    let closed = Arc::new(Notify::new());
    let told = closed.clone();
    let sink: PathSink = Arc::new(move |_| told.notify_one());
    let _watch = watch.watch(&lock, Interest::CONTENT, sink).map_err(HostError::from)?;
    let deadline = tokio::time::sleep(timeout);
    tokio::pin!(deadline);
    loop {
        // After the watch is armed: an end between the two would be missed.
        let Some(holder) = packages.holder() else { return Ok(()) };
        tokio::select! {
            () = closed.notified() => {}
            () = cancel.cancelled() => return Err(PackagesError::Cancelled),
            () = &mut deadline => return match packages.holder() {
                Some(_) => Err(PackagesError::Locked { holder: holder.to_string() }),
                None => Ok(()),
            },
        }
    }
}
