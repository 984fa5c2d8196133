//! What a language is to the rest of the program: a stream of whole graphs.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use futures_util::stream::BoxStream;
use tokio::sync::Notify;

use super::diag::{Diagnostic, codes};
use super::yaml::YamlFrontend;
use crate::engine::path_watch::PathWatch;
use crate::engine::{Graph, Registry, World};

/// A graph, and what its author should know about it.
#[derive(Debug)]
pub struct Parsed {
    /// Acyclic.
    pub graph: Graph,
    /// At most about a hundred.
    pub warnings: Vec<Diagnostic>,
}

/// A graph, or all that is wrong with the text: then the graph before it goes on.
pub type Outcome = Result<Parsed, Vec<Diagnostic>>;

/// A source of graphs.
pub trait Frontend: fmt::Debug + Send {
    /// The first graph, and then one for each change of the text that matters, or of what it collects. With [`Options::watch`] the stream
    /// goes on for ever; without, it ends after its first item. To be polled inside a tokio runtime.
    fn graphs(self: Box<Self>) -> BoxStream<'static, Outcome>;
}

/// How a frontend follows its text.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether to watch the text, and to heed `reload`.
    pub watch: bool,
    /// Notified to read again now, as SIGHUP does: a text that is still wrong, or gone, is then reported anew.
    pub reload: Arc<Notify>,
    /// Notified when that was done and there is nothing to yield, as the text is the same.
    pub reread: Arc<Notify>,
}

impl Default for Options {
    fn default() -> Self {
        Self { watch: true, reload: Arc::default(), reread: Arc::default() }
    }
}

/// The frontend for a path, by its name. What the text collects comes from `world`.
///
/// # Errors
/// When no language has files of this name.
pub fn open(
    path: &Path,
    options: Options,
    registry: Arc<Registry>,
    watch: Arc<dyn PathWatch>,
    world: Arc<dyn World>,
) -> Result<Box<dyn Frontend>, Box<Diagnostic>> {
    let unsupported = |what: &str| {
        let message = format!("this version does not read {what}");
        let diagnostic = Diagnostic::error(&codes::UNKNOWN_LANGUAGE, message).file(path);
        Err(Box::new(diagnostic.hint("it reads graph files: `.yaml` or `.yml`")))
    };
    let extension = path.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase);
    let is_metadata = path.file_name().is_some_and(|name| name == "metadata.yaml");
    match extension.as_deref() {
        Some("yaml" | "yml") if !is_metadata => {
            Ok(Box::new(YamlFrontend::new(path, options, registry, watch, world)))
        }
        Some("yaml") => unsupported("mcl modules (metadata.yaml)"),
        Some("mcl") => unsupported("mcl"),
        Some("json") => unsupported("Puppet catalogs"),
        _ if path.is_dir() => unsupported("directories of mcl code"),
        _ => unsupported("files of this name"),
    }
}
