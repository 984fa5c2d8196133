//! Which tool this host has.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::dpkg::Dpkg;
use super::package_kit::PackageKit;
use super::pacman::Pacman;
use super::rpm::Rpm;
use super::{Installed, Packages, PackagesError};
use crate::resources::host::observer::Observer;
use crate::resources::host::process::Processes;

/// The names of the tools, in the order in which a host is searched for them.
pub const BACKENDS: [&str; 4] = ["apt", "dnf", "pacman", "packagekit"];

/// The package tools of this host. Nothing is looked for before the first question.
#[derive(Debug)]
pub struct PackageTools {
    root: PathBuf,
    /// In place of whatever the host has.
    fixed: Option<Arc<dyn Packages>>,
    made: Mutex<BTreeMap<&'static str, Arc<dyn Packages>>>,
    /// Held by our own transaction: two of ours need not meet at the tool's lock.
    pub turn: tokio::sync::Mutex<()>,
    seen: Mutex<BTreeMap<&'static str, Arc<Observer<Installed>>>>,
}

impl Default for PackageTools {
    fn default() -> Self {
        Self {
            root: PathBuf::from("/"),
            fixed: None,
            made: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            seen: Mutex::default(),
        }
    }
}

impl PackageTools {
    /// This tool, whatever the host has.
    pub fn of(tool: Arc<dyn Packages>) -> Self {
        Self { fixed: Some(tool), ..Self::default() }
    }

    /// Over the files below a root folder.
    pub fn below(root: &Path) -> Self {
        Self { root: root.to_owned(), ..Self::default() }
    }

    /// The tool of this name, or else the host's own.
    ///
    /// # Errors
    /// When there is none.
    pub fn pick(
        &self,
        name: Option<&'static str>,
        processes: &Arc<dyn Processes>,
    ) -> Result<Arc<dyn Packages>, PackagesError> {
        if let Some(fixed) = &self.fixed {
            return Ok(fixed.clone());
        }
        let name = match name {
            Some(name) if self.has(name) => name,
            Some(name) => return Err(PackagesError::NotHere { name }),
            None => BACKENDS.into_iter().find(|name| self.has(name)).ok_or(PackagesError::NoTool)?,
        };
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(made.entry(name).or_insert_with(|| self.make(name, processes)).clone())
    }

    /// What a tool says is installed, shared by all who look at once.
    pub fn seen(&self, tool: &dyn Packages) -> Arc<Observer<Installed>> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.entry(tool.name()).or_default().clone()
    }

    fn has(&self, name: &str) -> bool {
        let any = |paths: &[&str]| paths.iter().any(|path| self.root.join(path).exists());
        match name {
            "apt" => any(&["usr/bin/apt-get"]) && any(&["usr/bin/dpkg"]),
            "dnf" => any(&["usr/bin/rpm"]) && any(&["usr/bin/dnf", "usr/bin/dnf5", "usr/bin/yum"]),
            "pacman" => any(&["usr/bin/pacman"]),
            _ => any(&["usr/share/dbus-1/system-services/org.freedesktop.PackageKit.service"]),
        }
    }

    fn make(&self, name: &'static str, processes: &Arc<dyn Processes>) -> Arc<dyn Packages> {
        let (root, processes) = (&self.root, processes.clone());
        match name {
            "apt" => Arc::new(Dpkg::new(root, processes)),
            "dnf" => Arc::new(Rpm::new(root, processes)),
            "pacman" => Arc::new(Pacman::new(root, processes)),
            _ => {
                let known =
                    BACKENDS.into_iter().filter(|name| *name != "packagekit").find(|name| self.has(name));
                // Whoever changes it, zypper too, rpm's database can be read and watched.
                let read = known.or_else(|| self.root.join("usr/bin/rpm").exists().then_some("dnf"));
                Arc::new(PackageKit::new(read.map(|name| self.make(name, &processes)), known.is_some()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::host::process::FakeProcesses;

    #[test]
    fn a_tool_is_chosen_by_what_is_on_the_host() {
        let dir = tempfile::tempdir().unwrap();
        let processes: Arc<dyn Processes> = Arc::new(FakeProcesses::default());
        let tools = PackageTools::below(dir.path());
        assert!(matches!(tools.pick(None, &processes), Err(PackagesError::NoTool)));
        std::fs::create_dir_all(dir.path().join("usr/bin")).unwrap();
        for file in ["apt-get", "dpkg"] {
            std::fs::write(dir.path().join("usr/bin").join(file), "").unwrap();
        }
        assert_eq!(tools.pick(None, &processes).unwrap().name(), "apt");
        assert!(matches!(
            tools.pick(Some("pacman"), &processes),
            Err(PackagesError::NotHere { name: "pacman" })
        ));
    }
}
