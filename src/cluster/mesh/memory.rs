//! What a host knows of its mesh, on disk.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::MeshError;
use crate::cluster::link::Endpoint;
use crate::cluster::store::id::ClusterId;

/// What a host knows of its mesh.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// This agent's folder: another one of the same host name has another number.
    pub instance: String,
    /// The store's id, in hexadecimal, since it was first seen.
    pub cluster: Option<String>,
    /// Where the store is, as was last seen.
    pub endpoints: Vec<Endpoint>,
    /// The store has begun anew, and this host has not yet seen to what it had written there.
    pub anew: bool,
    /// What was done to the mesh on this host while no agent ran, and is not written down there yet.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub undertaken: Vec<String>,
    /// Where others reached this host last: one that boots without a network cannot ask the system.
    pub advertised: Vec<String>,
    /// The port that was free when the usual one was taken.
    pub port: Option<u16>,
}

impl Memory {
    /// What was kept; a host that knows of no mesh gets a number.
    ///
    /// # Errors
    /// When the file is there and cannot be read: a host that forgot its mesh would found another.
    pub fn load(folder: &Path) -> Result<Self, MeshError> {
        let path = path(folder);
        match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text)
                .map_err(|error| MeshError::BadMemory { path, why: error.to_string() }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let number = getrandom::u64().unwrap_or_default();
                Ok(Self { instance: format!("{number:016x}"), ..Self::default() })
            }
            Err(source) => Err(MeshError::Memory { operation: "read", path, source }),
        }
    }

    /// Keeps it: it is on disk when this returns.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn save(&self, folder: &Path) -> Result<(), MeshError> {
        let path = path(folder);
        let fresh = path.with_extension("new");
        let text = serde_json::to_vec_pretty(self).expect("texts and numbers can be written");
        let written = std::fs::write(&fresh, text)
            .and_then(|()| std::fs::File::open(&fresh)?.sync_all())
            .and_then(|()| std::fs::rename(&fresh, &path));
        written.map_err(|source| MeshError::Memory { operation: "write", path, source })
    }

    /// Forgets the mesh: everything in the folder goes.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn forget(folder: &Path) -> Result<(), MeshError> {
        let failed = |source| MeshError::Memory { operation: "remove", path: folder.to_owned(), source };
        for entry in std::fs::read_dir(folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let removed =
                if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
            removed.map_err(failed)?;
        }
        Ok(())
    }

    /// The store's id.
    pub fn cluster(&self) -> Option<ClusterId> {
        self.cluster.as_deref().and_then(|id| u64::from_str_radix(id, 16).ok()).map(ClusterId)
    }
}

fn path(folder: &Path) -> PathBuf {
    folder.join("mesh.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_known_is_known_again_and_a_damaged_file_is_no_new_host() {
        let scratch = tempfile::tempdir().unwrap();
        let mut memory = Memory::load(scratch.path()).unwrap();
        assert_eq!(memory.instance.len(), 16);
        memory.endpoints = vec!["a:7".parse().unwrap()];
        memory.cluster = Some("1f".into());
        memory.save(scratch.path()).unwrap();
        assert_eq!(Memory::load(scratch.path()).unwrap(), memory);
        assert_eq!(memory.cluster(), Some(ClusterId(31)));
        std::fs::write(scratch.path().join("mesh.json"), "{").unwrap();
        assert!(matches!(Memory::load(scratch.path()), Err(MeshError::BadMemory { .. })));
    }
}
