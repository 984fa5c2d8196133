//! Adapters to the machine, each a trait with a fake.

use std::sync::Arc;

use crate::engine::path_watch::PathWatch;

/// The machine as resources see it.
#[derive(Debug)]
pub struct Host {
    /// Events of paths.
    pub watch: Arc<dyn PathWatch>,
}
