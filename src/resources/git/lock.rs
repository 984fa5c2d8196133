//! The lock that a git leaves behind when it is killed.

use std::path::Path;
use std::time::{Duration, SystemTime};

use super::error::GitError;
use crate::resources::error::HostError;
use crate::resources::host::fs::{At, Fs};

/// A lock that is younger may be that of a git that has just begun.
const STALE: Duration = Duration::from_secs(600);

/// Removes the lock of a git that is gone. `proc`: where processes are listed.
///
/// # Errors
/// When the lock is young, or a git runs in the tree.
pub fn clear(fs: &Fs, tree: &Path, proc: &Path) -> Result<(), GitError> {
    let lock = tree.join(".git/index.lock");
    let Ok(found) = lock.symlink_metadata() else { return Ok(()) };
    let age = found.modified().ok().and_then(|written| SystemTime::now().duration_since(written).ok());
    if age.is_none_or(|age| age < STALE) || git_runs_in(tree, proc) {
        return Err(GitError::Locked { lock: lock.into() });
    }
    tracing::warn!(lock = %lock.display(), "no git runs there: its lock is removed");
    let parent = fs.open_parent(&lock)?;
    fs.unlink(At::new(&parent, &lock)).map_err(|error: HostError| error.into())
}

/// Whether a git works in a tree: one whose folder is in it, or whose words name it.
fn git_runs_in(tree: &Path, proc: &Path) -> bool {
    let Ok(processes) = std::fs::read_dir(proc) else { return true };
    processes.flatten().any(|process| {
        let process = process.path();
        let Ok(name) = std::fs::read_to_string(process.join("comm")) else { return false };
        if !name.starts_with("git") {
            return false;
        }
        let inside = std::fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd.starts_with(tree));
        let words = std::fs::read(process.join("cmdline")).unwrap_or_default();
        inside || String::from_utf8_lossy(&words).contains(&*tree.to_string_lossy())
    })
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_lock_goes_when_it_is_old_and_no_git_runs_in_the_tree() {
        let dir = tempfile::tempdir().unwrap();
        let (tree, proc) = (dir.path().join("tree"), dir.path().join("proc"));
        fs::create_dir_all(tree.join(".git")).unwrap();
        fs::create_dir_all(proc.join("7")).unwrap();
        fs::write(proc.join("7/comm"), "git\n").unwrap();
        fs::write(proc.join("7/cmdline"), "git\0gc\0").unwrap();
        symlink("/elsewhere", proc.join("7/cwd")).unwrap();
        let lock = tree.join(".git/index.lock");
        let clear = || clear(&Fs::new(), &tree, &proc);
        clear().unwrap();
        let file = File::create(&lock).unwrap();
        assert!(matches!(clear(), Err(GitError::Locked { .. })), "it is young");
        file.set_modified(SystemTime::now() - STALE * 2).unwrap();
        fs::remove_file(proc.join("7/cwd")).unwrap();
        symlink(tree.join("sub"), proc.join("7/cwd")).unwrap();
        assert!(matches!(clear(), Err(GitError::Locked { .. })), "a git runs there");
        fs::write(proc.join("7/comm"), "vi\n").unwrap();
        clear().unwrap();
        assert!(!lock.exists());
    }
}
