//! Comparing unpacked files with their archive.

use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::error::ArchiveError;
use super::manifest::Manifest;
use super::spec::Spec;
use crate::engine::Cancel;
use crate::engine::Drift;
use crate::engine::drift::Shown;
use crate::resources::error::HostError;
use crate::resources::host::fs::Pace;

/// The SHA-256 of an open file, in hexadecimal digits.
///
/// # Errors
/// When it cannot be read; when the run is cancelled.
pub fn digest(file: &mut File, path: &Path, cancel: &Cancel) -> Result<String, HostError> {
    let failed = |error| HostError::io("read", path, error);
    file.rewind().map_err(failed)?;
    let (mut hash, mut part) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        Pace::Long(cancel).go_on("read", path)?;
        match file.read(&mut part) {
            Ok(0) => break,
            Ok(read) => hash.update(&part[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
    }
    file.rewind().map_err(failed)?;
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// How the files at the target differ from an archive with this digest.
///
/// # Errors
/// When something else lies there; when the system refuses; when the run is cancelled.
pub fn compare(
    spec: &Spec,
    manifest: Option<&Manifest>,
    sha256: &str,
    cancel: &Cancel,
) -> Result<Drift, ArchiveError> {
    let mut drift = Drift::none();
    let short = |digest: &str| Shown::text(format!("sha256:{}", &digest[..12]));
    match spec.path().symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            drift.add("path", Shown::Absent, Shown::text(format!("the files of {}", spec.shown)));
            return Ok(drift);
        }
        Err(error) => return Err(HostError::io("stat", spec.path(), error).into()),
        Ok(found) if !found.is_dir() => {
            let (path, hint) = (spec.path().into(), "remove it, or choose another path");
            let found = if found.is_symlink() { "a symbolic link" } else { "a file" };
            return Err(HostError::WrongType { path, found, wanted: "a directory", hint }.into());
        }
        Ok(_) => {}
    }
    let Some(manifest) = manifest else {
        drift.add("source", Shown::text("unknown"), short(sha256));
        return Ok(drift);
    };
    if manifest.sha256 != sha256 {
        drift.add("source", short(&manifest.sha256), short(sha256));
        return Ok(drift);
    }
    if manifest.settings != spec.settings() {
        drift.add("settings", Shown::text(&*manifest.settings), Shown::text(spec.settings()));
    }
    let go_on = |path: &Path| Pace::Long(cancel).go_on("compare", path);
    let mut changed = manifest.changed(spec.path(), &go_on)?;
    // What others have made of it is as it should be.
    changed.retain(|path| !spec.spares(path));
    if let Some(first) = changed.first() {
        let found = format!(
            "{} of {} are changed, such as {}",
            changed.len(),
            manifest.entries.len(),
            first.display()
        );
        drift.add("content", Shown::text(found), Shown::text("as in the archive"));
    }
    if spec.clean {
        let unknown = manifest.unknown(spec.path(), &go_on)?;
        let foreign: Vec<_> = unknown.iter().filter(|path| !is_managed(spec, path)).collect();
        if let Some(first) = foreign.first() {
            let found = format!("{} others, such as {}", foreign.len(), first.display());
            drift.add("clean", Shown::text(found), Shown::text("none"));
        }
    }
    Ok(drift)
}

/// Whether some resource looks after a path below the target, or after something in it.
pub fn is_managed(spec: &Spec, path: &Path) -> bool {
    let whole = spec.path().join(path);
    let whole = whole.to_string_lossy();
    spec.spares(path) || spec.host.managed.has_below(&whole)
}
