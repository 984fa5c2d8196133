//! The entries of parameters that are watched: one that comes, as its module is loaded, and one that goes are followed.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::is_missing;
use super::key::Key;
use crate::engine::cx::Waker;
use crate::resources::error::HostError;
use crate::resources::host::entry_watch::{EntryWatch, Watched};

/// What is watched of each parameter; `true`: its entry. Otherwise it is looked for from time to time.
#[derive(Debug, Default)]
pub struct Entries(Mutex<BTreeMap<Key, (bool, Watched)>>);

impl Entries {
    /// Whether what is watched of a parameter is what there is of it.
    pub fn is_right(&self, key: &Key, root: &Path) -> bool {
        let watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        watched.get(key).is_some_and(|(is_entry, _)| *is_entry == key.file(root).exists())
    }

    /// Watches a parameter as it is now. To be called within the runtime.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn follow(
        &self,
        key: &Key,
        root: &Path,
        entries: &EntryWatch,
        waker: &Waker,
    ) -> Result<(), HostError> {
        let path = key.file(root);
        let watch = match entries.watch(&path, waker.clone()) {
            Err(error) if is_missing(&error) => entries.await_entry(waker.clone()).map(|it| (false, it)),
            other => other.map(|it| (true, it)),
        };
        let watch = watch.map_err(|error| HostError::io("watch", &path, error))?;
        // The old one ends: that of an entry that went tells nothing more.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), watch);
        Ok(())
    }
}
