//! Where a command is.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

/// Where bare command names are looked up when the command's environment has no `PATH`.
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The file of a command: a word with a slash is a path, relative to `cwd`; another is looked up in `path`.
///
/// # Errors
/// `NotFound`, or `PermissionDenied` where all that was found is not executable.
pub(super) fn find(word: &OsStr, path: Option<&OsStr>, cwd: Option<&Path>) -> io::Result<PathBuf> {
    let cwd = cwd.unwrap_or(Path::new(""));
    if word.as_bytes().contains(&b'/') {
        return Ok(cwd.join(word));
    }
    let path = path.unwrap_or(OsStr::new(DEFAULT_PATH));
    let mut refusal = io::ErrorKind::NotFound;
    for dir in path.as_bytes().split(|byte| *byte == b':') {
        // An empty entry means the present directory, as it always did.
        let dir = if dir.is_empty() { Path::new(".") } else { Path::new(OsStr::from_bytes(dir)) };
        let file = cwd.join(dir).join(word);
        if !file.is_file() {
            continue;
        }
        if access(&file, Access::EXEC_OK).is_ok() {
            return Ok(file);
        }
        refusal = io::ErrorKind::PermissionDenied;
    }
    Err(refusal.into())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn bare_names_are_looked_up_in_order_and_paths_are_not() {
        let dir = tempfile::tempdir().unwrap();
        for (sub, mode) in [("a", 0o644), ("b", 0o755), ("c", 0o755)] {
            std::fs::create_dir(dir.path().join(sub)).unwrap();
            let file = dir.path().join(sub).join("tool");
            std::fs::write(&file, "").unwrap();
            std::fs::set_permissions(&file, PermissionsExt::from_mode(mode)).unwrap();
        }
        let look = |word: &str, path: &str| find(OsStr::new(word), Some(OsStr::new(path)), Some(dir.path()));
        assert_eq!(look("tool", "a:b:c").unwrap(), dir.path().join("b/tool"));
        assert_eq!(look("tool", "a").unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(look("tool", "").unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(look("c/tool", "a").unwrap(), dir.path().join("c/tool"));
        assert_eq!(look("/x/tool", "a").unwrap(), Path::new("/x/tool"));
        assert!(find(OsStr::new("sh"), None, None).unwrap().ends_with("sh"));
    }
}
