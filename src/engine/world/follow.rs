//! A part of the world that is followed: its newest state, whenever that changes.

use std::time::SystemTime;

use tokio::sync::watch;

use super::{Deadline, WorldError};

/// Something of the world as it was last seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen<T> {
    /// The state.
    pub value: T,
    /// Since when the store is away, so that this may have changed; `None`: it is as in the store.
    pub stale: Option<SystemTime>,
}

impl<T> Seen<T> {
    /// As it is in the store.
    pub fn fresh(value: T) -> Self {
        Self { value, stale: None }
    }

    /// The same of another type.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Seen<U> {
        Seen { value: f(self.value), stale: self.stale }
    }
}

/// The reading end. States that nobody read in time are skipped: what counts is the newest.
#[derive(Clone, Debug)]
pub struct Follow<T>(watch::Receiver<Option<Seen<T>>>);

/// The writing end.
#[derive(Debug)]
pub struct Followed<T>(watch::Sender<Option<Seen<T>>>);

/// Both ends; nothing was seen yet.
pub fn follow<T>() -> (Followed<T>, Follow<T>) {
    let (tell, told) = watch::channel(None);
    (Followed(tell), Follow(told))
}

impl<T: Clone> Follow<T> {
    /// The newest state; `None`: nothing was seen yet.
    pub fn now(&self) -> Option<Seen<T>> {
        self.0.borrow().clone()
    }

    /// The newest state, waited for if nothing was seen yet.
    ///
    /// # Errors
    /// When nothing is seen in time.
    pub async fn first(&mut self, by: Deadline) -> Result<Seen<T>, WorldError> {
        let operation = "read the world";
        let seen = tokio::time::timeout_at(by.at().into(), self.0.wait_for(Option::is_some)).await;
        match seen {
            Ok(Ok(seen)) => Ok(seen.clone().expect("it was waited for")),
            Ok(Err(_)) => Err(WorldError::Ended { operation }),
            Err(_) => Err(WorldError::Late { operation }),
        }
    }

    /// The next state, which was not yet given by this; `None`: the world has ended.
    pub async fn changed(&mut self) -> Option<Seen<T>> {
        loop {
            self.0.changed().await.ok()?;
            if let Some(seen) = self.0.borrow_and_update().clone() {
                return Some(seen);
            }
        }
    }
}

impl<T> Followed<T> {
    /// Tells those that follow.
    pub fn tell(&self, seen: Seen<T>) {
        self.0.send_replace(Some(seen));
    }

    /// What was told last is changed; they are told if `change` says that it did anything.
    pub fn amend(&self, change: impl FnOnce(&mut Option<Seen<T>>) -> bool) {
        self.0.send_if_modified(change);
    }

    /// Whether nobody follows any more.
    pub fn is_alone(&self) -> bool {
        self.0.is_closed()
    }

    /// Returns once nobody follows any more.
    pub async fn alone(&self) {
        self.0.closed().await;
    }

    /// One more that follows.
    pub fn subscribe(&self) -> Follow<T> {
        let mut told = self.0.subscribe();
        told.mark_changed();
        Follow(told)
    }
}
