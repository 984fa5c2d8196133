//! The private key that ssh is given.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::spec::Spec;
use crate::engine::{Cx, ResourceError};
use crate::resources::error::HostError;
use crate::resources::host::process::Identity;
use crate::resources::host::temp_name::next_temp_name;
use crate::resources::state_file;

/// The name of the file: in the vertex's state folder, or in one of its own.
const KEY: &str = "identity";
/// Others may pass the folder of a key, and not list it.
const PASSED: u32 = 0o711;

/// The file of a key.
#[derive(Debug)]
pub enum Key {
    /// One that lies there anyway.
    Kept(PathBuf),
    /// One that is there for this run only.
    Lent(Lent),
}

impl Key {
    /// The key of a declaration, for whoever runs git; `None` for `identity`: the agent's user. What would have to be
    /// written is only written where it is `needed`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn of(
        spec: &Spec,
        cx: &Cx,
        identity: Option<&Identity>,
        needed: bool,
    ) -> Result<Option<Self>, ResourceError> {
        let Some(given) = &spec.identity else { return Ok(None) };
        if given.0.starts_with('/') {
            return Ok(Some(Self::Kept(PathBuf::from(&*given.0))));
        }
        let text = format!("{}\n", given.0.trim_end());
        if let Some(identity) = identity {
            // The state folder lets nobody else in, so ssh could not read it there.
            let lent = needed.then(|| Lent::write(&base(), &text, identity)).transpose()?;
            return Ok(lent.map(Self::Lent));
        }
        let path = state_file::path(cx, KEY);
        let is_there = state_file::read(&path)?.is_some_and(|stored| stored.bytes == text.as_bytes());
        if needed && !is_there {
            state_file::write(&spec.host.fs, cx, KEY, text.into_bytes())?;
        }
        Ok(Some(Self::Kept(path)))
    }

    /// Where it is.
    pub fn path(&self) -> PathBuf {
        match self {
            Self::Kept(path) => path.clone(),
            Self::Lent(lent) => lent.file(),
        }
    }
}

/// A key that another user can read, until it is dropped.
#[derive(Debug)]
pub struct Lent {
    /// It belongs to the agent, so that nobody puts something else in its place.
    dir: PathBuf,
}

impl Lent {
    fn write(base: &Path, text: &str, identity: &Identity) -> Result<Self, HostError> {
        let dir = base.join(next_temp_name());
        let made = DirBuilder::new().mode(PASSED).create(&dir);
        made.map_err(|error| HostError::io("make", &dir, error))?;
        let lent = Self { dir };
        let (dir, path) = (&lent.dir, lent.file());
        // Whatever the umask.
        fs::set_permissions(dir, Permissions::from_mode(PASSED))
            .map_err(|error| HostError::io("chmod", dir, error))?;
        let failed = |error| HostError::io("write", &path, error);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let mut file = file.map_err(failed)?;
        file.write_all(text.as_bytes()).map_err(failed)?;
        std::os::unix::fs::fchown(&file, Some(identity.uid), Some(identity.gid)).map_err(failed)?;
        Ok(lent)
    }

    fn file(&self) -> PathBuf {
        self.dir.join(KEY)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let removed = fs::remove_file(self.file()).and_then(|()| fs::remove_dir(&self.dir));
        if let Err(error) = removed {
            tracing::warn!(dir = %self.dir.display(), %error, "a private key that git needed is still there");
        }
    }
}

/// Where a folder is made that others can pass: in memory, and gone with the service or at the next boot, if there is such
/// a place.
fn base() -> PathBuf {
    let runtime = std::env::var_os("RUNTIME_DIRECTORY").map(PathBuf::from).filter(|dir| dir.is_absolute());
    let passable = |dir: &PathBuf| {
        dir.metadata().is_ok_and(|found| found.is_dir() && found.permissions().mode() & 0o001 != 0)
    };
    runtime.into_iter().chain([PathBuf::from("/run")]).find(passable).unwrap_or_else(std::env::temp_dir)
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt as _;
    use std::process::Command;

    use super::*;

    #[test]
    fn a_lent_key_is_for_its_user_alone_and_goes_when_it_is_not_needed_any_more() {
        if !rustix::process::geteuid().is_root() {
            eprintln!("skipped: needs root");
            return;
        }
        let base = tempfile::tempdir().unwrap();
        fs::set_permissions(base.path(), Permissions::from_mode(0o755)).unwrap();
        let identity = Identity { uid: 65_534, gid: 65_534, groups: vec![65_534] };
        let lent = Lent::write(base.path(), "key\n", &identity).unwrap();
        let read = |uid| {
            let output = Command::new("cat").arg(lent.file()).uid(uid).gid(uid).output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        assert_eq!((&*read(65_534), &*read(65_533)), ("key\n", ""));
        let found = lent.file().metadata().unwrap();
        assert_eq!(found.permissions().mode() & 0o777, 0o600);
        drop(lent);
        assert_eq!(fs::read_dir(base.path()).unwrap().count(), 0);
    }
}
