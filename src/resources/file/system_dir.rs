//! Directories of the system that nobody means to empty or to replace, whatever a slip of the pen says.

use super::params::FileParams;
use super::target::Target;
use crate::engine::ParamError;

/// The first level of the file system hierarchy (hier(7)), without what belongs to nobody in particular.
const TOP: [&str; 15] = [
    "bin", "boot", "dev", "etc", "home", "opt", "proc", "root", "run", "sbin", "srv", "sys", "tmp", "usr",
    "var",
];

/// Whether a path in its normal form is such a directory. What is below is nobody's business but the user's; only the
/// programs and libraries in `/usr` are those of `/bin`, `/sbin` and `/lib` on most hosts, by links.
fn is_system_dir(path: &str) -> bool {
    let Some(name) = path.strip_prefix('/') else { return false };
    let inner = name.strip_prefix("usr/").unwrap_or(name);
    let is_library = inner.strip_prefix("lib").is_some_and(|width| matches!(width, "" | "32" | "64" | "x32"));
    TOP.contains(&name) || is_library || (inner != name && matches!(inner, "bin" | "sbin"))
}

/// Refuses what would empty, remove or replace a directory of the system.
pub fn check(params: &FileParams, target: &Target, errors: &mut Vec<ParamError>) {
    if !is_system_dir(&target.path) {
        return;
    }
    let mut refuse = |param, done: &str| {
        let message = format!("{} is a directory of the system, and is never {done}", target.path);
        errors.push(ParamError::at(param, message).hint(format!(
            "remove `{param}`, and declare what in {} is meant, each as a resource of its own",
            target.path
        )));
    };
    if params.purge {
        refuse("purge", "purged");
    }
    if params.force {
        refuse("force", "removed or replaced");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_a_directory_of_the_system_is_none_itself() {
        for path in ["/etc", "/usr", "/lib", "/lib64", "/libx32", "/usr/lib", "/usr/bin", "/var", "/tmp"] {
            assert!(is_system_dir(path), "{path}");
        }
        for path in ["/etc/x", "/library", "/lib/systemd", "/usr/local", "/usr/share", "/var/lib", "/data"] {
            assert!(!is_system_dir(path), "{path}");
        }
    }
}
