//! Hosts may write what is everybody's.

use super::office::Office;
use crate::cluster::identity::{Domain, KvGrant, Signed};
use crate::cluster::mesh::MeshError;
use crate::cluster::world::{keys, txn};

impl Office {
    /// Lets hosts write texts that are everybody's.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn allow(&self, grant: &KvGrant) -> Result<(), MeshError> {
        let signed = Signed::new(grant, Domain::Policy, &self.mesh, &self.key)?;
        let written = txn::put(keys::kv_grant(grant), signed.to_json());
        self.commit("allow hosts to write", Vec::new(), vec![written]).await?;
        let KvGrant { prefix, hosts } = grant;
        self.note(&format!("let hosts called {hosts} write shared texts that begin with {prefix:?}")).await;
        Ok(())
    }

    /// Takes back what was allowed; `false`: it was not.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn disallow(&self, grant: &KvGrant) -> Result<bool, MeshError> {
        let (operation, key) = ("take back what hosts may write", keys::kv_grant(grant));
        let found = self.read(operation, &key).await?;
        if found.value.is_none() {
            return Ok(false);
        }
        let gone = self
            .commit(operation, vec![txn::is_unchanged(&key, found.written)], vec![txn::delete(&key)])
            .await?;
        if gone {
            let KvGrant { prefix, hosts } = grant;
            let what =
                format!("took back that hosts called {hosts} write shared texts that begin with {prefix:?}");
            self.note(&what).await;
        }
        Ok(gone)
    }

    /// All that hosts may write of what is everybody's: what somebody has signed who administers.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn allowed(&self) -> Result<Vec<KvGrant>, MeshError> {
        let (_, _, administrators) = self.administrators().await?;
        let stored = self.read_under("list what hosts may write", keys::KV_GRANTS).await?;
        let mut grants = Vec::new();
        for (key, entry) in stored {
            let read = Signed::from_json(&entry.value)
                .and_then(|signed| administrators.verify(&signed, Domain::Policy, &self.mesh));
            match read {
                Ok(grant) if keys::kv_grant(&grant).as_bytes() == &key[..] => grants.push(grant),
                Ok(_) => tracing::warn!(?key, "what it allows does not stand where it counts"),
                Err(error) => tracing::warn!(?key, %error, "what it allows does not count"),
            }
        }
        Ok(grants)
    }
}
