//! A look of a vertex's own accord, when something may have changed of which no event tells.

use std::time::Duration;

use crate::engine::Wake;
use crate::engine::cx::Waker;

/// A wake that is to come; dropped, it does not.
#[derive(Debug)]
pub struct WakeLater(tokio::task::JoinHandle<()>);

impl WakeLater {
    /// Wakes the vertex after a pause. To be called within the runtime.
    pub fn after(pause: Duration, waker: &Waker) -> Self {
        let waker = waker.clone();
        Self(tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            waker.wake(Wake::default());
        }))
    }

    /// Whether it has not come yet.
    pub fn is_to_come(&self) -> bool {
        !self.0.is_finished()
    }
}

impl Drop for WakeLater {
    fn drop(&mut self) {
        self.0.abort();
    }
}
