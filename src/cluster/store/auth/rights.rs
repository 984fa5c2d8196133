//! What a user's roles allow together.

use super::ranges::Ranges;
use super::{Access, Auth, ROOT, Role, RoleName, User};
use crate::cluster::store::key::KeyRange;

/// What a user's roles allow together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    root: bool,
    read: Ranges,
    write: Ranges,
}

impl Rights {
    /// Whether everything is allowed.
    pub fn is_root(&self) -> bool {
        self.root
    }

    /// Whether every key of a range may be read, or written, or both.
    pub fn allow(&self, access: Access, range: &KeyRange) -> bool {
        self.root
            || match access {
                Access::Read => self.read.cover(range),
                Access::Write => self.write.cover(range),
                Access::ReadWrite => self.read.cover(range) && self.write.cover(range),
            }
    }

    fn of<'a>(roles: impl Iterator<Item = (&'a RoleName, Option<&'a Role>)>) -> Self {
        let mut root = false;
        let (mut read, mut write) = (Vec::new(), Vec::new());
        for (name, role) in roles {
            root |= &**name == ROOT;
            for (range, access) in role.into_iter().flat_map(|role| &role.permissions) {
                if *access != Access::Write {
                    read.push(range.range());
                }
                if *access != Access::Read {
                    write.push(range.range());
                }
            }
        }
        Self { root, read: Ranges::union(&read), write: Ranges::union(&write) }
    }
}

impl Auth {
    fn rights_of(&self, user: &User) -> Rights {
        Rights::of(user.roles.iter().map(|name| (name, self.roles.get(name))))
    }

    /// Makes a user's rights anew.
    pub(super) fn refresh_user(&mut self, name: &str) {
        let Some(rights) = self.users.get(name).map(|user| self.rights_of(user)) else { return };
        if let Some(user) = self.users.get_mut(name) {
            user.rights = rights;
        }
    }

    /// Makes the rights of all who have a role anew.
    pub(super) fn refresh_holders(&mut self, role: &str) {
        let holders: Vec<_> = self
            .users
            .iter()
            .filter(|(_, user)| user.roles.contains(role))
            .map(|(name, _)| name.clone())
            .collect();
        for name in holders {
            self.refresh_user(&name);
        }
    }
}
