//! Where an agent keeps what is its own.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::engine::state_dir;
use crate::engine::world::HostName;

/// The folders of one agent.
#[derive(Debug)]
pub struct Places {
    /// What it must remember; one agent at a time has it.
    pub prefix: PathBuf,
    /// Its control socket.
    pub socket: PathBuf,
    /// Keeps a temporary prefix until the agent ends.
    temporary: Option<TemporaryDir>,
}

/// The agent's folder cannot be made.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum PlacesError {
    #[error("there is no folder for what the agent must remember")]
    Make(#[from] state_dir::StateDirError),
    #[error("anybody may write in {path:?}: its mode is {mode:04o}")]
    Open { path: PathBuf, mode: u32 },
    #[error("cannot make a temporary folder")]
    Temporary(#[source] io::Error),
}

/// How the prefix is chosen.
#[derive(Clone, Debug, Default)]
pub struct PrefixChoice {
    /// Given by the user.
    pub prefix: Option<PathBuf>,
    /// A new temporary one, removed in the end.
    pub temporary: bool,
    /// A temporary one if the other cannot be made.
    pub allow_temporary: bool,
    /// The name of a host that is not the machine's: it has folders of its own below the usual ones.
    pub host: Option<HostName>,
}

impl Places {
    /// Chooses and makes the folders.
    ///
    /// # Errors
    /// When they cannot be made.
    pub fn make(choice: &PrefixChoice) -> Result<Self, PlacesError> {
        if choice.temporary {
            return Self::temporary();
        }
        let prefix = prefix_of(choice.prefix.as_ref(), choice.host.as_ref());
        match state_dir::make(&prefix).map_err(PlacesError::Make).and_then(|()| is_private(&prefix)) {
            Ok(()) => {
                let prefix = prefix.canonicalize().unwrap_or(prefix);
                let socket = socket_of(choice.prefix.is_some().then_some(&prefix), choice.host.as_ref());
                Ok(Self { prefix, socket, temporary: None })
            }
            Err(_) if choice.allow_temporary => Self::temporary(),
            Err(error) => Err(error),
        }
    }

    fn temporary() -> Result<Self, PlacesError> {
        let dir = TemporaryDir::make().map_err(PlacesError::Temporary)?;
        Ok(Self { prefix: dir.0.clone(), socket: dir.0.join("mgmt.sock"), temporary: Some(dir) })
    }

    /// Removes a temporary prefix; for an end that runs no destructors.
    pub fn clean_up(&mut self) {
        self.temporary = None;
    }
}

/// Whoever can write there could put links in place of what the agent keeps, or a socket in place of its own.
fn is_private(prefix: &Path) -> Result<(), PlacesError> {
    let Ok(found) = std::fs::metadata(prefix) else { return Ok(()) };
    match found.mode() & 0o002 {
        0 => Ok(()),
        _ => Err(PlacesError::Open { path: prefix.to_owned(), mode: found.mode() & 0o7777 }),
    }
}

/// `$STATE_DIRECTORY`, which systemd sets; for root `/var/lib/mgmt`; else the user's cache folder.
pub fn default_prefix() -> PathBuf {
    if let Some(given) = std::env::var_os("STATE_DIRECTORY").filter(|given| !given.is_empty()) {
        return given.into();
    }
    if rustix::process::geteuid().is_root() {
        return "/var/lib/mgmt".into();
    }
    let cache =
        std::env::var_os("XDG_CACHE_HOME").filter(|dir| Path::new(dir).is_absolute()).map(PathBuf::from);
    let home = || std::env::var_os("HOME").map_or_else(std::env::temp_dir, PathBuf::from);
    cache.unwrap_or_else(|| home().join(".cache")).join("mgmt")
}

/// The folder of the agent of a host of this name, unless the user names another.
pub fn prefix_of(prefix: Option<&PathBuf>, host: Option<&HostName>) -> PathBuf {
    prefix.cloned().unwrap_or_else(|| below(default_prefix(), host))
}

/// The control socket of the agent with this prefix; `None`: the default one, of a host of this name. A prefix that the
/// user names has its own socket in it; the default prefix has it in the runtime folder, where a reboot leaves nothing
/// behind.
pub fn socket_of(prefix: Option<&PathBuf>, host: Option<&HostName>) -> PathBuf {
    prefix.cloned().unwrap_or_else(|| below(runtime_folder(), host)).join("mgmt.sock")
}

/// Where the sockets of agents with the default prefix are.
pub fn runtime_folder() -> PathBuf {
    let given = |name| std::env::var_os(name).filter(|dir| Path::new(dir).is_absolute()).map(PathBuf::from);
    if let Some(dir) = given("RUNTIME_DIRECTORY") {
        return dir;
    }
    if rustix::process::geteuid().is_root() {
        return "/run/mgmt".into();
    }
    given("XDG_RUNTIME_DIR").map_or_else(default_prefix, |dir| dir.join("mgmt"))
}

fn below(folder: PathBuf, host: Option<&HostName>) -> PathBuf {
    match host {
        Some(host) => folder.join(host.as_str()),
        None => folder,
    }
}

/// A folder that goes away with the agent.
#[derive(Debug)]
struct TemporaryDir(PathBuf);

impl TemporaryDir {
    fn make() -> io::Result<Self> {
        let number = getrandom::u64().map_err(io::Error::other)?;
        let path = std::env::temp_dir().join(format!("mgmt-{number:016x}"));
        std::os::unix::fs::DirBuilderExt::mode(&mut std::fs::DirBuilder::new(), 0o700).create(&path)?;
        Ok(Self(path))
    }
}

impl Drop for TemporaryDir {
    fn drop(&mut self) {
        // A leftover in the temporary folder is the system's to sweep.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
