//! The files of a timer: where they are, what is in them, and writing them whole.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::spec::Spec;
use super::unit_text;
use crate::resources::error::HostError;
use crate::resources::host::Host;
use crate::resources::host::fs::Fs;
use crate::resources::small_file::{SmallFile, make_folder};

/// Where the administrator's unit files lie.
pub const FOLDER: &str = "/etc/systemd/system";
/// Everyone may read unit files, systemctl does, unless there is a secret in them.
const OPEN: u32 = 0o644;
const PRIVATE: u32 = 0o600;

/// Where the unit files are, and who owns those of a session.
#[derive(Clone, Debug)]
pub struct Place {
    /// The folder.
    pub folder: PathBuf,
    /// User and group; `None`: whoever the agent is.
    pub owner: Option<(u32, u32)>,
    /// The home that it is in, if it is in one.
    home: Option<PathBuf>,
}

impl Place {
    /// Of a timer. `root`: `/`, or where a test has its files.
    ///
    /// # Errors
    /// When there is no such user.
    pub fn of(host: &Host, spec: &Spec, root: &Path) -> Result<Self, HostError> {
        let below = |path: &Path| root.join(path.strip_prefix("/").unwrap_or(path));
        let Some(user) = spec.whose.user() else {
            return Ok(Self { folder: below(Path::new(FOLDER)), owner: None, home: None });
        };
        let home = host.accounts.home(&user)?;
        let home = below(&home);
        let owner = std::fs::metadata(&home).ok().map(|home| (home.uid(), home.gid()));
        Ok(Self { folder: home.join(".config/systemd/user"), owner, home: Some(home) })
    }

    /// The files as they should be.
    pub fn wanted(&self, spec: &Spec, secret: bool) -> Vec<SmallFile> {
        let timer = SmallFile {
            what: "timer",
            path: self.folder.join(spec.timer.as_str()),
            text: spec.exists.then(|| unit_text::timer(spec)),
            mode: OPEN,
            owner: self.owner,
        };
        let path = self.folder.join(spec.service.as_str());
        let made = spec.command.as_ref().map(|command| unit_text::service(spec, command));
        // One that we have made goes with the timer, though nobody remembers its command.
        let is_ours = || std::fs::read(&path).is_ok_and(|text| text.starts_with(unit_text::HEAD.as_bytes()));
        if made.is_none() && (spec.exists || !is_ours()) {
            return vec![timer];
        }
        let mode = if secret { PRIVATE } else { OPEN };
        let text = made.filter(|_| spec.exists);
        vec![timer, SmallFile { what: "service", path, text, mode, owner: self.owner }]
    }

    /// The link by which a timer is enabled, which should not be there.
    pub fn link(&self, spec: &Spec) -> SmallFile {
        let path = self.folder.join("timers.target.wants").join(spec.timer.as_str());
        SmallFile { what: "startup", path, text: None, mode: OPEN, owner: None }
    }

    /// Makes the folder, as far as it is missing: that of a session for its owner alone. A home is not made.
    ///
    /// # Errors
    /// When there is no home; when the system refuses; a link on the way that is not to be trusted.
    pub fn make(&self, fs: &Fs) -> Result<(), HostError> {
        match (&self.home, self.owner) {
            (Some(home), None) => Err(HostError::Missing { path: home.as_path().into() }),
            (_, owner) => {
                let mode = if owner.is_some() { 0o700 } else { 0o755 };
                make_folder(fs, &self.folder, mode, owner)
            }
        }
    }
}
