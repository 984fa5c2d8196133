//! Accounts that come from elsewhere: directory services, and systemd's dynamic users.

use std::fmt;

use uzers::os::unix::UserExt as _;

use super::database::User;

/// Answers for accounts, wherever they come from.
pub trait NameService: fmt::Debug + Send + Sync + 'static {
    /// A user by name.
    fn user(&self, name: &str) -> Option<User>;
    /// The number of a group.
    fn group(&self, name: &str) -> Option<u32>;
    /// Whether a group has this number.
    fn has_group(&self, gid: u32) -> bool;
}

/// The C library's name service.
#[derive(Clone, Copy, Debug)]
pub struct SystemNames;

impl NameService for SystemNames {
    fn user(&self, name: &str) -> Option<User> {
        let user = uzers::get_user_by_name(name)?;
        Some(User {
            password: "x".into(),
            uid: user.uid(),
            gid: user.primary_group_id(),
            comment: user.gecos().to_string_lossy().into(),
            home: user.home_dir().to_string_lossy().into(),
            shell: user.shell().to_string_lossy().into(),
        })
    }

    fn group(&self, name: &str) -> Option<u32> {
        uzers::get_group_by_name(name).map(|group| group.gid())
    }

    fn has_group(&self, gid: u32) -> bool {
        uzers::get_group_by_gid(gid).is_some()
    }
}

/// Nothing comes from elsewhere.
#[derive(Clone, Copy, Debug)]
pub struct NoNames;

impl NameService for NoNames {
    fn user(&self, _: &str) -> Option<User> {
        None
    }

    fn group(&self, _: &str) -> Option<u32> {
        None
    }

    fn has_group(&self, _: u32) -> bool {
        false
    }
}
