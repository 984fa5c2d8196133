//! Who runs a command.

use rustix::process::{getegid, geteuid};

use crate::resources::error::HostError;

/// A user with groups, in numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// All further groups.
    pub groups: Vec<u32>,
}

impl Identity {
    /// The identity of a user and a group, each a name or a number. Without a group: the user's own. Without a user:
    /// the agent's. Further groups are those of the user. `None`: that is who we are, so nobody else is needed.
    ///
    /// # Errors
    /// When there is no such user or group.
    pub fn resolve(user: Option<&str>, group: Option<&str>) -> Result<Option<Self>, HostError> {
        if user.is_none() && group.is_none() {
            return Ok(None);
        }
        let (own_uid, own_gid) = (geteuid().as_raw(), getegid().as_raw());
        let account = match user {
            Some(name) => match name.parse() {
                Ok(uid) => uzers::get_user_by_uid(uid),
                Err(_) => uzers::get_user_by_name(name),
            },
            None => uzers::get_user_by_uid(own_uid),
        };
        let no_user = || HostError::NoUser { name: user.unwrap_or_default().into() };
        let uid = match (&account, user) {
            (Some(account), _) => account.uid(),
            (None, Some(number)) => number.parse().map_err(|_| no_user())?,
            (None, None) => own_uid,
        };
        let gid = match group {
            Some(name) => group_id(name)?,
            // A number without an account has no group of its own either.
            None => account.as_ref().ok_or_else(no_user)?.primary_group_id(),
        };
        if uid == own_uid && gid == own_gid {
            return Ok(None);
        }
        let known = account.and_then(|account| uzers::get_user_groups(account.name(), gid));
        let mut groups: Vec<u32> = known.unwrap_or_default().iter().map(uzers::Group::gid).collect();
        groups.push(gid);
        groups.sort_unstable();
        groups.dedup();
        Ok(Some(Self { uid, gid, groups }))
    }
}

fn group_id(name: &str) -> Result<u32, HostError> {
    let by_name = || uzers::get_group_by_name(name).map(|group| group.gid());
    name.parse().ok().or_else(by_name).ok_or_else(|| HostError::NoGroup { name: name.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_we_are_needs_no_change_and_unknown_names_are_refused() {
        assert_eq!(Identity::resolve(None, None).unwrap(), None);
        assert_eq!(Identity::resolve(Some(&geteuid().as_raw().to_string()), None).unwrap(), None);
        assert!(matches!(Identity::resolve(Some("no such user"), None), Err(HostError::NoUser { .. })));
        assert!(matches!(Identity::resolve(None, Some("no such group")), Err(HostError::NoGroup { .. })));
        assert!(Identity::resolve(Some("424242"), None).is_err(), "no account, so no group");
        let bare = Identity::resolve(Some("424242"), Some("434343")).unwrap().unwrap();
        assert_eq!(bare, Identity { uid: 424_242, gid: 434_343, groups: vec![434_343] });
    }

    #[test]
    fn a_name_gives_the_account_with_its_groups() {
        let daemon = Identity::resolve(Some("daemon"), None).unwrap().unwrap();
        assert_eq!((daemon.uid, daemon.gid), (1, 1));
        assert!(daemon.groups.contains(&1));
    }
}
