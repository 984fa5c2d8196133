//! Reading unit files again: once for all who want it at the same time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;

/// How long others may join: a burst of repairs ends in one reload.
const WINDOW: Duration = Duration::from_millis(10);

/// Requests, and how many of them are served.
#[derive(Debug, Default)]
pub(super) struct Reloads {
    requested: AtomicU64,
    served: Mutex<u64>,
}

impl Reloads {
    /// Returns once a reload has been made that began after this call. `reload` is run for the first who has to wait.
    ///
    /// # Errors
    /// Those of `reload`, for whoever ran it; the next one tries again.
    pub async fn join<E>(&self, reload: impl AsyncFnOnce() -> Result<(), E>) -> Result<(), E> {
        let own = self.requested.fetch_add(1, Ordering::SeqCst) + 1;
        let mut served = self.served.lock().await;
        if *served >= own {
            return Ok(());
        }
        tokio::time::sleep(WINDOW).await;
        let upto = self.requested.load(Ordering::SeqCst);
        reload().await?;
        *served = upto;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[tokio::test]
    async fn all_who_want_one_at_once_share_it_and_who_comes_later_gets_another() {
        let (reloads, made) = (Reloads::default(), AtomicUsize::new(0));
        let join = || {
            reloads.join(async || {
                made.fetch_add(1, Ordering::SeqCst);
                Ok::<_, Infallible>(())
            })
        };
        futures_util::future::join_all((0..300).map(|_| join())).await;
        assert_eq!(made.load(Ordering::SeqCst), 1);
        join().await.unwrap();
        assert_eq!(made.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_failed_reload_is_made_again_for_the_next() {
        let reloads = Reloads::default();
        let (bad, good) =
            tokio::join!(reloads.join(async || Err("no")), reloads.join(async || Ok::<_, &str>(())));
        assert_eq!((bad, good), (Err("no"), Ok(())));
    }
}
