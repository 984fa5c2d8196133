//! The files of a timer: where they are, what is in them, and writing them whole.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::spec::Spec;
use super::unit_text::{self, Secrets};
use crate::resources::error::HostError;
use crate::resources::host::Host;
use crate::resources::host::fs::Fs;
use crate::resources::small_file::{SmallFile, make_folder};

/// Where the administrator's unit files lie.
pub const FOLDER: &str = "/etc/systemd/system";
/// Everyone may read unit files: systemctl does.
const OPEN: u32 = 0o644;
/// For the service manager alone.
const PRIVATE: u32 = 0o600;
/// For whom it runs as.
const RUN: u32 = 0o700;

/// Where the unit files are, and who owns those of a session.
#[derive(Clone, Debug)]
pub struct Place {
    /// The folder.
    pub folder: PathBuf,
    /// User and group; `None`: whoever the agent is.
    pub owner: Option<(u32, u32)>,
    /// User and group that the command runs as.
    runner: (u32, u32),
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
        let agent = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let Some(user) = spec.whose.user() else {
            // One that is not there yet gets its script once it is.
            let ids = |user: &Arc<str>| {
                Some((host.accounts.user(user).ok()?, host.accounts.primary_group(user).ok()?))
            };
            let runner = spec.command.as_ref().and_then(|command| ids(command.user.as_ref()?));
            let (folder, runner) = (below(Path::new(FOLDER)), runner.unwrap_or(agent));
            return Ok(Self { folder, owner: None, runner, home: None });
        };
        let home = host.accounts.home(&user)?;
        let home = below(&home);
        let owner = std::fs::metadata(&home).ok().map(|home| (home.uid(), home.gid()));
        let (folder, runner) = (home.join(".config/systemd/user"), owner.unwrap_or(agent));
        Ok(Self { folder, owner, runner, home: Some(home) })
    }

    /// The files as they should be. `secret`: command and environment are for nobody else's eyes.
    pub fn wanted(&self, spec: &Spec, secret: bool) -> Vec<SmallFile> {
        let file = |what, name: &str, text: Option<String>| {
            let (path, owner) = (self.folder.join(name), self.owner);
            SmallFile { what, path, text: text.filter(|_| spec.exists), mode: OPEN, owner }
        };
        let timer = file("timer", spec.timer.as_str(), Some(unit_text::timer(spec)));
        if spec.command.is_none() && spec.exists {
            return vec![timer];
        }
        let command = spec.command.as_ref();
        let hidden = command.filter(|_| secret);
        let [script, environment] =
            ["command", "environment"].map(|end| format!("{}.{end}", spec.timer.stem()));
        let script = file("command", &script, hidden.map(unit_text::script));
        let script = SmallFile { mode: RUN, owner: Some(self.runner), ..script };
        let environment = file(
            "environment",
            &environment,
            hidden.filter(|command| !command.env.is_empty()).map(unit_text::environment),
        );
        let environment = SmallFile { mode: PRIVATE, ..environment };
        let secrets = Secrets { script: &script.path, environment: &environment.path };
        let text = command.map(|command| unit_text::service(spec, command, hidden.map(|_| secrets)));
        let service = file("service", spec.service.as_str(), text);
        // Those that we have made go with the timer, though nobody remembers the command.
        let goes = |file: &SmallFile| file.text.is_some() || is_ours(file);
        let more = [script, environment].into_iter().filter(goes);
        let more: Vec<SmallFile> = more.collect();
        let service = Some(service).filter(|service| command.is_some() || goes(service));
        [timer].into_iter().chain(more).chain(service).collect()
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

/// Whether it is there, and was made by us.
fn is_ours(file: &SmallFile) -> bool {
    let head = unit_text::HEAD.as_bytes();
    file.look().is_ok_and(|found| found.is_some_and(|found| found.bytes.starts_with(head)))
}
