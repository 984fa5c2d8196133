//! Who holds a lock file, without taking the lock.
//!
//! dpkg's locks are POSIX record locks: they fall as soon as any descriptor of the process to that file is closed. So
//! the file is only ever opened for reading, which also makes no event of the sort that says "closed after writing".

use std::fmt;
use std::fs::File;
use std::path::Path;

use rustix::process::{Flock, FlockType, fcntl_getlk};

/// Who holds a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its process; 0: in another namespace, or unknown.
    pub process: i32,
    /// Its program; empty: unknown.
    pub program: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.process, &*self.program) {
            (0, _) => f.write_str("another program"),
            (process, "") => write!(f, "process {process}"),
            (process, program) => write!(f, "process {process} ({program})"),
        }
    }
}

/// Who holds the lock on a file; `None`: nobody, or there is no such file.
pub(super) fn holder(path: &Path) -> Option<Holder> {
    let file = File::open(path).ok()?;
    let held = fcntl_getlk(&file, &Flock::from(FlockType::WriteLock)).ok()??;
    let process = held.pid.map_or(0, |pid| pid.as_raw_nonzero().get());
    let program = std::fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
    Some(Holder { process, program: program.trim_end().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_holds_what_is_free_or_missing_and_holders_are_named() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(holder(&dir.path().join("none")), None);
        std::fs::write(dir.path().join("lock"), "").unwrap();
        assert_eq!(holder(&dir.path().join("lock")), None);
        let holder = |process, program: &str| Holder { process, program: program.into() }.to_string();
        assert_eq!(holder(0, ""), "another program");
        assert_eq!(holder(7, ""), "process 7");
        assert_eq!(holder(7, "apt-get"), "process 7 (apt-get)");
    }
}
