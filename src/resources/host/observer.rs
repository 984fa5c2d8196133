//! One look at many things, shared by all who ask at the same time.
//!
//! Three hundred vertices of a kind that are checked together ask their source once: whoever comes while a look is under
//! way waits for it, and a look that began before the newest event is not used.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

/// How long a look is good where no event can tell that it is not: as long as a burst of checks takes to begin.
const GOOD: Duration = Duration::from_millis(10);

/// The newest look at something, and whether it still counts.
#[derive(Debug)]
pub struct Observer<S> {
    /// Raised by each event.
    generation: AtomicU64,
    last: Mutex<Option<Look<S>>>,
}

#[derive(Debug)]
struct Look<S> {
    generation: u64,
    at: Instant,
    state: Arc<S>,
}

impl<S> Default for Observer<S> {
    fn default() -> Self {
        Self { generation: AtomicU64::new(0), last: Mutex::new(None) }
    }
}

impl<S> Observer<S> {
    /// Something happened, or was just done: looks that have begun do not count. To be called before those are woken
    /// who will look.
    pub fn changed(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    /// The state now. `is_watched`: whatever happens is sure to raise [`changed`](Self::changed), so that a look is good
    /// until then; else it is good for 10 ms.
    ///
    /// # Errors
    /// What `look` says; the next who asks looks again.
    pub async fn state<E>(
        &self,
        is_watched: bool,
        look: impl Future<Output = Result<S, E>>,
    ) -> Result<Arc<S>, E> {
        let mut last = self.last.lock().await;
        let generation = self.generation.load(Ordering::SeqCst);
        if let Some(known) = &*last
            && known.generation == generation
            && (is_watched || known.at.elapsed() < GOOD)
        {
            return Ok(known.state.clone());
        }
        *last = None;
        let state = Arc::new(look.await?);
        *last = Some(Look { generation, at: Instant::now(), state: state.clone() });
        Ok(state)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[tokio::test]
    async fn all_who_ask_at_once_share_a_look_and_an_event_makes_another() {
        let (observer, looks) = (Observer::default(), AtomicUsize::new(0));
        let look = async || {
            tokio::task::yield_now().await;
            Ok::<_, Infallible>(looks.fetch_add(1, Ordering::SeqCst) + 1)
        };
        let ask = || async { observer.state(true, look()).await.map(|state| *state) };
        let asked = futures_util::future::join_all((0..300).map(|_| ask())).await;
        assert!(asked.iter().all(|state| *state == Ok(1)), "{asked:?}");
        observer.changed();
        assert_eq!(ask().await, Ok(2));
        assert_eq!(ask().await, Ok(2));
    }

    #[tokio::test]
    async fn a_look_that_began_before_an_event_does_not_count_after_it() {
        let observer = Observer::default();
        let early = observer.state(true, async {
            observer.changed();
            Ok::<_, Infallible>("before")
        });
        assert_eq!(*early.await.unwrap(), "before");
        assert_eq!(*observer.state(true, async { Ok::<_, Infallible>("after") }).await.unwrap(), "after");
    }

    #[tokio::test]
    async fn a_failed_look_is_made_again() {
        let observer = Observer::default();
        assert_eq!(observer.state(true, async { Err::<u8, _>("no") }).await, Err("no"));
        assert_eq!(observer.state(true, async { Ok::<_, &str>(1) }).await.as_deref(), Ok(&1));
    }
}
