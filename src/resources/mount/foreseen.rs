//! What mounting would fail of, as can be told without trying.

use std::fs;
use std::path::Path;

use super::error::MountError;
use super::kernel;
use super::spec::Spec;

/// Where mount(8) looks for its helpers.
const HELPERS: [&str; 4] = ["/sbin", "/usr/sbin", "/bin", "/usr/bin"];

/// What is asked of the machine.
#[derive(Clone, Copy, Debug)]
pub struct Knowledge {
    /// Whether the kernel knows a type, or has a module for it.
    kernel: fn(&str) -> bool,
    /// Whether there is a program of this name.
    helper: fn(&str) -> bool,
}

impl Knowledge {
    /// What this host knows.
    pub fn of_this_host() -> Self {
        Self { kernel: kernel_knows, helper: has_helper }
    }

    fn knows(&self, fstype: &str) -> bool {
        let (outer, inner) = fstype.split_once('.').unwrap_or((fstype, ""));
        (self.kernel)(outer) || (self.helper)(&format!("mount.{fstype}")) || {
            // `fuse.sshfs` is a subtype, for the helper of its type.
            !inner.is_empty() && (self.helper)(&format!("mount.{outer}"))
        }
    }
}

/// Whether there is something to mount it on.
pub fn has_point(spec: &Spec) -> bool {
    Path::new(&*spec.point).exists()
}

/// # Errors
/// Nothing to mount it on, and it is not to be made.
pub fn needs_point(spec: &Spec) -> Result<(), MountError> {
    if spec.mkdir || has_point(spec) {
        return Ok(());
    }
    Err(MountError::NoPoint { point: (&*spec.point).into() })
}

/// # Errors
/// What is known against mounting it.
pub fn will_mount(spec: &Spec, knowledge: &Knowledge) -> Result<(), MountError> {
    needs_point(spec)?;
    let fstype = &*spec.entry.fstype;
    // mount(8) finds out the type, or tries several.
    let is_open = spec.bind || matches!(fstype, "auto" | "none") || fstype.contains(',');
    if is_open || knowledge.knows(fstype) {
        return Ok(());
    }
    Err(MountError::NoType { point: (&*spec.point).into(), fstype: fstype.into() })
}

fn kernel_knows(fstype: &str) -> bool {
    if kernel::types().iter().any(|known| known == fstype) {
        return true;
    }
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let modules = Path::new("/lib/modules").join(release.trim());
    let aliases = fs::read_to_string(modules.join("modules.alias")).unwrap_or_default();
    has_module(&aliases, fstype)
        || has_file(&fs::read_to_string(modules.join("modules.dep")).unwrap_or_default(), fstype)
}

/// Whether `modules.alias` has a module of a file system: `alias fs-TYPE MODULE`.
fn has_module(aliases: &str, fstype: &str) -> bool {
    aliases
        .lines()
        .any(|line| line.split(' ').nth(1).and_then(|alias| alias.strip_prefix("fs-")) == Some(fstype))
}

/// Whether `modules.dep` has a file of this name, packed or not: the kernel asks for a module by it too.
fn has_file(dependencies: &str, fstype: &str) -> bool {
    dependencies
        .lines()
        .filter_map(|line| line.split(':').next()?.rsplit('/').next())
        .any(|file| file.split_once(".ko").is_some_and(|(module, _)| module == fstype))
}

fn has_helper(name: &str) -> bool {
    HELPERS.iter().any(|dir| Path::new(dir).join(name).exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_found_in_the_lists_of_modules() {
        let aliases = "# Aliases\nalias fs-xfs xfs\nalias net-pf-10 ipv6\n";
        assert!(has_module(aliases, "xfs") && !has_module(aliases, "net-pf-10") && !has_module(aliases, "x"));
        let dependencies = "kernel/fs/btrfs/btrfs.ko.zst: kernel/lib/raid6.ko.zst\nkernel/fs/a.ko:\n";
        assert!(
            has_file(dependencies, "btrfs")
                && has_file(dependencies, "a")
                && !has_file(dependencies, "raid6")
        );
    }

    #[test]
    fn a_type_is_known_to_the_kernel_or_to_a_helper_of_it_or_of_what_it_is_a_sort_of() {
        let knowledge = Knowledge {
            kernel: |fstype| fstype == "ext4",
            helper: |name| matches!(name, "mount.nfs" | "mount.fuse"),
        };
        for (fstype, known) in
            [("ext4", true), ("nfs", true), ("fuse.sshfs", true), ("zzfs", false), ("zz.fs", false)]
        {
            assert_eq!(knowledge.knows(fstype), known, "{fstype}");
        }
    }
}
