//! Why an agent could not run.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::lock::LockError;
use super::places::PlacesError;
use crate::cluster::mesh::MeshError;
use crate::engine::Class;
use crate::engine::graph::GraphError;
use crate::engine::runtime::SwapError;
use crate::engine::runtime::record::RecordError;
use crate::lang::Diagnostic;

/// Why an agent could not run, or could not begin to.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum AgentError {
    /// The user's text is wrong.
    #[error("{} problems in the graph", .0.len())]
    Text(Vec<Diagnostic>),
    #[error(transparent)]
    Graph(#[from] GraphError),
    #[error(transparent)]
    Swap(#[from] SwapError),
    #[error(transparent)]
    Places(#[from] PlacesError),
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error(transparent)]
    Mesh(#[from] Arc<MeshError>),
    #[error(transparent)]
    Web(#[from] super::web::WebError),
    #[error("cannot {operation} {path:?}")]
    File { operation: &'static str, path: PathBuf, source: io::Error },
    #[error("cannot {0}")]
    System(&'static str, #[source] io::Error),
    #[error("the frontend ended without a graph")]
    NoGraph,
}

impl AgentError {
    /// What decides the exit code.
    pub fn class(&self) -> Class {
        match self {
            Self::Text(_) | Self::Graph(_) | Self::Swap(SwapError::Build { .. }) => Class::User,
            Self::Swap(SwapError::Ended) | Self::NoGraph => Class::Bug,
            Self::Places(_)
            | Self::Lock(_)
            | Self::Record(_)
            | Self::Web(_)
            | Self::Mesh(_)
            | Self::File { .. }
            | Self::System(..) => Class::Transient,
        }
    }

    /// The error in the shape of a diagnostic; of several, the first.
    pub fn diagnostic(&self) -> Diagnostic {
        if let Self::Text(diagnostics) = self
            && let Some(first) = diagnostics.first()
        {
            return first.clone();
        }
        let origin = match self {
            Self::Swap(SwapError::Build { origin, .. }) => origin.as_ref(),
            _ => None,
        };
        let mut causes = Vec::new();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            causes.push(error.to_string());
            cause = error.source();
        }
        let hint = match self {
            Self::Places(PlacesError::Make(_)) => {
                Some("name a folder that can be made: --prefix DIR; or do without: --tmp-prefix".to_owned())
            }
            Self::Places(PlacesError::Open { path, .. }) => Some(format!("chmod o-w {}", path.display())),
            Self::Mesh(error) => error.hint(),
            _ => None,
        };
        Diagnostic::failure(self.to_string(), origin, causes, hint)
    }
}

impl From<MeshError> for AgentError {
    fn from(error: MeshError) -> Self {
        Self::Mesh(Arc::new(error))
    }
}
