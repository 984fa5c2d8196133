//! Users and groups by name, through the C library's name service.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use uzers::os::unix::UserExt as _;

use crate::engine::Stamp;
use crate::resources::error::HostError;

use super::stamp::stamp_of;

/// How long a found name is believed while the local database stays as it is: directory services change too.
const BELIEVED: Duration = Duration::from_secs(10);

/// Looks up names. What was found is remembered for a while; what was not is asked for anew each time, as an earlier
/// resource may make the account.
#[derive(Debug, Default)]
pub struct Accounts {
    users: Mutex<HashMap<Box<str>, Known>>,
    groups: Mutex<HashMap<Box<str>, Known>>,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    id: u32,
    database: Stamp,
    at: Instant,
}

impl Accounts {
    /// The user id of a name, or of a number in decimal digits.
    ///
    /// # Errors
    /// When there is no such user.
    pub fn user(&self, name: &str) -> Result<u32, HostError> {
        let ask = || uzers::get_user_by_name(name).map(|user| user.uid());
        find(&self.users, name, "/etc/passwd", ask).ok_or_else(|| HostError::NoUser { name: name.into() })
    }

    /// The group id of a name, or of a number in decimal digits.
    ///
    /// # Errors
    /// When there is no such group.
    pub fn group(&self, name: &str) -> Result<u32, HostError> {
        let ask = || uzers::get_group_by_name(name).map(|group| group.gid());
        find(&self.groups, name, "/etc/group", ask).ok_or_else(|| HostError::NoGroup { name: name.into() })
    }

    /// The primary group of a user, by name or number.
    ///
    /// # Errors
    /// When there is no such user.
    pub fn primary_group(&self, name: &str) -> Result<u32, HostError> {
        let found = uzers::get_user_by_uid(self.user(name)?);
        Ok(found.ok_or_else(|| HostError::NoUser { name: name.into() })?.primary_group_id())
    }

    /// The home directory of a user, by name or number.
    ///
    /// # Errors
    /// When there is no such user.
    pub fn home(&self, name: &str) -> Result<PathBuf, HostError> {
        let uid = self.user(name)?;
        let missing = || HostError::NoUser { name: name.into() };
        Ok(uzers::get_user_by_uid(uid).ok_or_else(missing)?.home_dir().to_owned())
    }

    /// The home directory of the user that this process runs as: what the environment says, or else the accounts.
    pub fn own_home(&self) -> Option<PathBuf> {
        let given = std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
        given.or_else(|| Some(uzers::get_user_by_uid(uzers::get_effective_uid())?.home_dir().to_owned()))
    }
}

fn find(
    known: &Mutex<HashMap<Box<str>, Known>>,
    name: &str,
    database: &str,
    ask: impl FnOnce() -> Option<u32>,
) -> Option<u32> {
    if let Ok(id) = name.parse() {
        return Some(id);
    }
    let database = stamp_of(rustix::fs::stat(database).ok().as_ref());
    let now = Instant::now();
    let found = known.lock().unwrap_or_else(PoisonError::into_inner).get(name).copied();
    if let Some(found) = found
        && found.database == database
        && now.duration_since(found.at) < BELIEVED
    {
        return Some(found.id);
    }
    let id = ask()?;
    let fresh = Known { id, database, at: now };
    known.lock().unwrap_or_else(PoisonError::into_inner).insert(name.into(), fresh);
    Some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_ids_and_names_are_looked_up() {
        let accounts = Accounts::default();
        assert_eq!(accounts.user("4711").unwrap(), 4711);
        assert_eq!(accounts.user("root").unwrap(), 0);
        assert_eq!(accounts.user("root").unwrap(), 0);
        assert_eq!(accounts.group("root").unwrap(), 0);
        assert!(accounts.user("no such user").is_err());
        assert!(accounts.group("no such group").is_err());
    }
}
