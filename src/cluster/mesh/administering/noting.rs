//! What administrators do is written down.

use super::office::Office;
use crate::cluster::identity::Principal;
use crate::cluster::mesh::MeshError;
use crate::cluster::mesh::audit::{self, Author, Told};

impl Office {
    /// Writes down what was done. It is done by then, so that it cannot be written down is no reason to fail.
    pub async fn note(&self, what: &str) {
        let who = Principal::Administrator(self.name.clone());
        let author = Author { who, mesh: &self.mesh, key: &self.key, papers: None };
        if let Err(error) = audit::append(&self.client, &author, what, self.deadline()).await {
            tracing::warn!(%error, what, "this could not be written down");
        }
    }

    /// All that was done, by whomever, and where it was changed.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn done(&self) -> Result<Told, MeshError> {
        let (_, _, administrators) = self.administrators().await?;
        audit::tell(&self.client, &administrators, &self.mesh, self.deadline()).await
    }
}
