//! A snapshot as clients keep it: the database file, and the SHA-256 of all that is before it at its end.

use std::fs::File;
use std::io::{self, BufReader, Read as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::{LoadError, Loaded, load};

/// A database's pages are whole multiples of this; what is behind them is the digest. In bytes.
const PAGE_GRAIN: u64 = 512;
/// The digest's length, in bytes.
const DIGEST: u64 = 32;

/// Whether a snapshot must have its digest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Digest {
    /// As `etcdctl snapshot save` and the API give it.
    #[default]
    Required,
    /// It is not looked at: the file was copied out of a data directory, where it has none. `etcdutl`'s
    /// `--skip-hash-check`.
    Ignored,
}

/// Why a snapshot cannot be used.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum SnapshotFileError {
    #[error("cannot read the snapshot {path:?}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("the snapshot {path:?} has no digest at its end, as one that was not copied whole")]
    NoDigest { path: PathBuf },
    #[error("the snapshot {path:?} is damaged: it has not the digest that it ends with")]
    WrongDigest { path: PathBuf },
    #[error("the snapshot {path:?} cannot be used: {source}")]
    Load { path: PathBuf, source: LoadError },
}

/// Reads a snapshot, once its digest is known to be right.
///
/// # Errors
/// When there is no such file, it is damaged, or it is none.
pub fn load_file(path: &Path, digest: Digest) -> Result<Loaded, SnapshotFileError> {
    let failed = |source| SnapshotFileError::Read { path: path.to_owned(), source };
    if digest == Digest::Required {
        verify_file(path)?;
    }
    let file = File::open(path).map_err(failed)?;
    load(file).map_err(|source| SnapshotFileError::Load { path: path.to_owned(), source })
}

/// Reads a snapshot to its end, and compares its digest.
///
/// # Errors
/// When there is no such file, or it is damaged.
pub fn verify_file(path: &Path) -> Result<(), SnapshotFileError> {
    let failed = |source| SnapshotFileError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    if length % PAGE_GRAIN != DIGEST {
        return Err(SnapshotFileError::NoDigest { path: path.to_owned() });
    }
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let mut sum = Sha256::new();
    io::copy(&mut reader.by_ref().take(length - DIGEST), &mut sum).map_err(failed)?;
    let mut told = [0; DIGEST as usize];
    reader.read_exact(&mut told).map_err(failed)?;
    if sum.finalize()[..] == told {
        Ok(())
    } else {
        Err(SnapshotFileError::WrongDigest { path: path.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(content: &[u8], digest: Digest) -> Result<Loaded, SnapshotFileError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("snapshot");
        std::fs::write(&path, content).unwrap();
        load_file(&path, digest)
    }

    #[test]
    fn a_snapshot_without_its_digest_or_with_another_is_refused() {
        let mut content = vec![7; 1024];
        assert!(matches!(loaded(&content, Digest::Required), Err(SnapshotFileError::NoDigest { .. })));
        let digest = Sha256::digest(&content);
        content.extend(digest);
        // It is no database either; but that is found out behind the digest only.
        assert!(matches!(loaded(&content, Digest::Required), Err(SnapshotFileError::Load { .. })));
        content[9] ^= 1;
        assert!(matches!(loaded(&content, Digest::Required), Err(SnapshotFileError::WrongDigest { .. })));
        assert!(matches!(loaded(&content, Digest::Ignored), Err(SnapshotFileError::Load { .. })));
    }
}
