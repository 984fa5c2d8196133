//! Reads a graph once, for the commands that only look at it.

use std::path::Path;
use std::sync::Arc;

use futures_util::StreamExt as _;

use super::error::AgentError;
use super::this_host;
use crate::engine::Registry;
use crate::engine::world::nowhere::Nowhere;
use crate::lang::{self, Parsed};
use crate::resources;
use crate::resources::host::{Host, Hub};

/// All kinds of this program. Takes nothing of the system before a resource is built and watched.
pub fn registry() -> Registry {
    resources::registry(&Host::new(Hub::start()))
}

/// Reads, parses and validates a graph, and follows nothing. To be called inside a tokio runtime.
///
/// # Errors
/// All that is wrong with the text.
pub async fn load(file: &Path, registry: &Registry) -> Result<Parsed, AgentError> {
    let once = lang::Options { watch: false, ..lang::Options::default() };
    // What others export is not looked at.
    let nowhere = Nowhere::of(this_host::name());
    let frontend = lang::open(file, once, Arc::new(registry.clone()), Hub::start(), nowhere);
    let frontend = frontend.map_err(|diagnostic| AgentError::Text(vec![*diagnostic]))?;
    let first = frontend.graphs().next().await.ok_or(AgentError::NoGraph)?;
    first.map_err(AgentError::Text)
}
