//! The service managers of this machine: the system's, and one a user who has a session.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Live, Scope, Systemd};
use crate::engine::path_watch::PathWatch;

/// A service manager a scope, each made when it is first asked for, and none of them connected before it is used.
#[derive(Debug)]
pub struct Scopes {
    watch: Arc<dyn PathWatch>,
    /// Stands for all, in tests.
    fake: Option<Arc<dyn Systemd>>,
    made: Mutex<BTreeMap<Option<u32>, Arc<dyn Systemd>>>,
}

impl Scopes {
    /// Those of this machine; `watch` tells of changed unit files.
    pub fn new(watch: Arc<dyn PathWatch>) -> Self {
        Self { watch, fake: None, made: Mutex::default() }
    }

    /// One that a test made stands for all.
    pub fn fake(watch: Arc<dyn PathWatch>, fake: Arc<dyn Systemd>) -> Self {
        Self { watch, fake: Some(fake), made: Mutex::default() }
    }

    /// The system's.
    pub fn system(&self) -> Arc<dyn Systemd> {
        self.one(None, Scope::system)
    }

    /// That of a user's session.
    pub fn session(&self, uid: u32, home: &Path) -> Arc<dyn Systemd> {
        self.one(Some(uid), || Scope::session(uid, home))
    }

    fn one(&self, whose: Option<u32>, scope: impl FnOnce() -> Scope) -> Arc<dyn Systemd> {
        if let Some(fake) = &self.fake {
            return fake.clone();
        }
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.entry(whose).or_insert_with(|| Arc::new(Live::new(scope(), self.watch.clone()))).clone()
    }
}
