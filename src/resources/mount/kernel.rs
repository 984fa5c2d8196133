//! What the kernel itself says of file systems and their options.

use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::mount::{FsOpenFlags, fsconfig_set_flag, fsconfig_set_string, fsopen};

use super::options::{is_general, name};

/// The types that the kernel has now.
pub fn types() -> Vec<String> {
    let listed = std::fs::read_to_string("/proc/filesystems").unwrap_or_default();
    listed.lines().filter_map(of_line).map(str::to_owned).collect()
}

/// The type of a line of `/proc/filesystems`: `nodev\tTYPE` or `\tTYPE`.
fn of_line(line: &str) -> Option<&str> {
    line.split('\t').nth(1)
}

/// The first option that a file system of this type does not take, and why: a new one is asked for each, and never
/// mounted. `None`: it takes all, or does not say before it is mounted.
pub fn refused_option(fstype: &str, options: &[Box<str>]) -> Option<String> {
    let context = fsopen(fstype, FsOpenFlags::FSOPEN_CLOEXEC).ok()?;
    options.iter().filter(|option| !is_general(option)).find_map(|option| {
        let set = match option.split_once('=') {
            Some((key, value)) => fsconfig_set_string(&context, key, value),
            None => fsconfig_set_flag(&context, &**option),
        };
        match set {
            Err(Errno::NOSYS | Errno::PERM) | Ok(()) => None,
            // Its value may be a password.
            Err(error) => {
                Some(told(fstype, name(option), &why(&context, fstype).unwrap_or(error.to_string())))
            }
        }
    })
}

fn told(fstype: &str, option: &str, why: &str) -> String {
    format!("{fstype} does not take the option `{option}`: {why}")
}

/// What the kernel wrote about it: lines such as `e tmpfs: Unknown parameter 'x'`.
fn why(context: &OwnedFd, fstype: &str) -> Option<String> {
    let mut line = [0; 512];
    let length = rustix::io::read(context, &mut line).ok()?;
    let text = std::str::from_utf8(&line[..length]).ok()?.trim();
    let text = text.strip_prefix("e ").unwrap_or(text);
    let text = text.strip_prefix(fstype).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(text);
    let mut signs = text.chars();
    let first = signs.next()?.to_ascii_lowercase();
    Some(format!("{first}{}", signs.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_stand_after_a_tab() {
        for (line, fstype) in [("nodev\ttmpfs", Some("tmpfs")), ("\text4", Some("ext4")), ("", None)] {
            assert_eq!(of_line(line), fstype);
        }
    }
}
