//! Adapters to the machine, each a trait with a fake.

pub mod fake_watch;
pub mod hub;
pub mod stamp;
pub mod temp_name;

use std::sync::Arc;

use crate::engine::path_watch::PathWatch;

pub use fake_watch::FakeWatch;
pub use hub::Hub;

/// The machine as resources see it.
#[derive(Debug)]
pub struct Host {
    /// Events of paths.
    pub watch: Arc<dyn PathWatch>,
}
