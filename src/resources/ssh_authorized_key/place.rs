//! In which file a user's keys are. Pure.

use std::path::PathBuf;

use crate::engine::ParamError;
use crate::resources::file::target::normalize;

/// In which file keys are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the one that sshd reads.
    AsSshd,
    /// In the one of a pattern, as `AuthorizedKeysFile` has it.
    Pattern(Box<str>),
}

/// A user as a pattern needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The name.
    pub name: Box<str>,
    /// The number.
    pub uid: u32,
    /// The primary group.
    pub gid: u32,
    /// The home directory.
    pub home: PathBuf,
}

impl Place {
    /// What `file` and `path` say.
    pub fn new(file: &str, path: &str, errors: &mut Vec<ParamError>) -> Option<Self> {
        let hint = "give an absolute path, such as /etc/ssh/keys/anna";
        match (file, path) {
            ("", "") => Some(Self::AsSshd),
            ("", pattern) => {
                let sample = Account { name: "x".into(), uid: 1, gid: 1, home: "/x".into() };
                match expand(pattern, &sample) {
                    Ok(_) => Some(Self::Pattern(pattern.into())),
                    Err(why) => {
                        errors.push(ParamError::at("path", why));
                        None
                    }
                }
            }
            (file, "") => {
                if let Some(below) = file.strip_prefix("~/") {
                    let below = normalize(&format!("/{below}"), Some("file"));
                    return below
                        .map_err(|error| errors.push(error))
                        .ok()
                        .map(|below| Self::Pattern(format!("%h{}", below.path.replace('%', "%%")).into()));
                }
                match normalize(file, Some("file")) {
                    Ok(target) if !target.is_dir => {
                        Some(Self::Pattern(target.path.replace('%', "%%").into()))
                    }
                    Ok(_) => {
                        let message = format!("{file:?} is the path of a directory");
                        errors.push(ParamError::at("file", message).hint(hint));
                        None
                    }
                    Err(error) => {
                        errors.push(if error.hint.is_none() { error.hint(hint) } else { error });
                        None
                    }
                }
            }
            _ => {
                errors.push(ParamError::at("path", "the file is given twice").hint("leave out `file`"));
                None
            }
        }
    }
}

/// The path that a pattern of sshd_config(5) means for a user.
///
/// # Errors
/// What is wrong with it.
pub fn expand(pattern: &str, account: &Account) -> Result<PathBuf, String> {
    let mut path = String::with_capacity(pattern.len());
    let mut signs = pattern.chars();
    while let Some(sign) = signs.next() {
        match (sign, sign == '%') {
            (sign, false) => path.push(sign),
            (_, true) => match signs.next() {
                Some('%') => path.push('%'),
                Some('h') => path.push_str(&account.home.to_string_lossy()),
                Some('u') => path.push_str(&account.name),
                Some('U') => path.push_str(&account.uid.to_string()),
                Some(other) => {
                    return Err(format!("{pattern:?}: there is no %{other}; use %h, %u, %U or %%"));
                }
                None => return Err(format!("{pattern:?}: a percent sign is written %%")),
            },
        }
    }
    // A relative path begins in the home directory, as for sshd.
    let path = account.home.join(path);
    if path.components().any(|part| part == std::path::Component::ParentDir) {
        return Err(format!("{pattern:?}: it goes up with `..`"));
    }
    Ok(path)
}

/// The first file of the `authorizedkeysfile` line that `sshd -T` prints; `None`: there is none.
pub fn of_settings(printed: &str) -> Option<&str> {
    let line = printed.lines().find_map(|line| line.strip_prefix("authorizedkeysfile "))?;
    line.split_whitespace().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(file: &str, path: &str) -> Result<Place, Vec<ParamError>> {
        let mut errors = Vec::new();
        Place::new(file, path, &mut errors).ok_or(errors)
    }

    #[test]
    fn a_file_is_found_by_its_pattern() {
        let anna = Account { name: "anna".into(), uid: 7, gid: 8, home: "/home/anna".into() };
        let at = |file: &str, path: &str| match place(file, path).unwrap() {
            Place::AsSshd => None,
            Place::Pattern(pattern) => Some(expand(&pattern, &anna).unwrap().to_str().unwrap().to_owned()),
        };
        assert_eq!(at("", ""), None);
        assert_eq!(at("/etc//keys/100%", "").unwrap(), "/etc/keys/100%");
        assert_eq!(at("~/.ssh/keys", "").unwrap(), "/home/anna/.ssh/keys");
        assert_eq!(at("", "/etc/keys/%u.%U").unwrap(), "/etc/keys/anna.7");
        assert_eq!(at("", ".ssh/keys").unwrap(), "/home/anna/.ssh/keys");
        assert_eq!(at("", "%h/k%%").unwrap(), "/home/anna/k%");
        for (file, path) in
            [("a", ""), ("/a/", ""), ("/a/..", ""), ("~/../x", ""), ("", "%x"), ("", "a%"), ("/a", "b")]
        {
            assert_eq!(place(file, path).unwrap_err().len(), 1, "{file:?} {path:?}");
        }
    }

    #[test]
    fn the_settings_of_sshd_name_the_file() {
        let printed = "port 22\nauthorizedkeysfile .ssh/authorized_keys .ssh/authorized_keys2\nbanner none\n";
        assert_eq!(of_settings(printed), Some(".ssh/authorized_keys"));
        assert_eq!(of_settings("authorizedkeysfile none\n"), Some("none"));
        assert_eq!(of_settings(""), None);
    }
}
