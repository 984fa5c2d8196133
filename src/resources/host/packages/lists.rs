//! When the lists of what could be installed were fetched, by the times of files.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

fn newest(paths: &[PathBuf]) -> Option<SystemTime> {
    let modified = |path: &PathBuf| path.metadata().and_then(|metadata| metadata.modified()).ok();
    paths.iter().filter_map(modified).max()
}

/// How old lists are, by the files and folders that fetching them changes; `None`: there are none.
pub(super) fn age(fetched: &[PathBuf]) -> Option<Duration> {
    newest(fetched).map(|at| at.elapsed().unwrap_or_default())
}

/// Whether what says whence they come was changed since they were fetched, or they never were.
pub(super) fn are_outdated(fetched: &[PathBuf], sources: &[PathBuf]) -> bool {
    newest(fetched).is_none_or(|fetched| newest(sources).is_some_and(|changed| changed > fetched))
}

/// What is in a folder, in order.
pub(super) fn listed(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::*;

    #[test]
    fn lists_are_as_old_as_the_newest_and_outdated_once_a_source_is_newer() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str, seconds: u64| {
            let path = dir.path().join(name);
            fs::write(&path, "").unwrap();
            let ago = SystemTime::now() - Duration::from_secs(seconds);
            File::options().write(true).open(&path).unwrap().set_modified(ago).unwrap();
            path
        };
        let (old, new, source) = (at("old", 900), at("new", 100), at("source", 500));
        let missing = dir.path().join("missing");
        assert_eq!(age(std::slice::from_ref(&missing)), None);
        assert_eq!(age(&[old.clone(), new.clone(), missing.clone()]).unwrap().as_secs() / 100, 1);
        assert!(are_outdated(std::slice::from_ref(&missing), &[]));
        assert!(are_outdated(std::slice::from_ref(&old), &[missing, source.clone()]));
        assert!(!are_outdated(&[old.clone(), new.clone()], std::slice::from_ref(&source)));
        assert!(!are_outdated(std::slice::from_ref(&old), &[]));
        assert_eq!(listed(dir.path()), [new, old, source]);
    }
}
