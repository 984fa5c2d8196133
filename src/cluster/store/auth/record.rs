//! Users and roles as they are kept: one record each, as in etcd's `auth`, `authUsers` and `authRoles`.

use super::permission::RangeKey;
use super::{Auth, Permission, Role, RoleName, User, UserName};

/// Everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthRecord {
    /// Whether authentication is on.
    pub enabled: bool,
    /// Counts the changes, from 1.
    pub revision: u64,
    /// By name.
    pub users: Vec<UserRecord>,
    /// By name.
    pub roles: Vec<RoleRecord>,
}

/// A user.
#[derive(Clone, PartialEq, Eq)]
pub struct UserRecord {
    /// Who.
    pub name: UserName,
    /// bcrypt's text; `None`: etcd's option `no_password`.
    pub password_hash: Option<String>,
    /// By name.
    pub roles: Vec<RoleName>,
}

impl std::fmt::Debug for UserRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let user = &mut f.debug_struct("UserRecord");
        user.field("name", &self.name).field("roles", &self.roles).finish_non_exhaustive()
    }
}

/// A role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleRecord {
    /// Which.
    pub name: RoleName,
    /// By key and end.
    pub permissions: Vec<Permission>,
}

impl Auth {
    /// What is to be kept.
    pub fn to_record(&self) -> AuthRecord {
        let users = self.users.iter().map(|(name, user)| UserRecord {
            name: name.clone(),
            password_hash: user.password_hash.clone(),
            roles: user.roles.iter().cloned().collect(),
        });
        let roles = self.roles.iter().map(|(name, role)| RoleRecord {
            name: name.clone(),
            permissions: role
                .permissions
                .iter()
                .map(|(range, access)| Permission { access: *access, range: range.range() })
                .collect(),
        });
        AuthRecord {
            enabled: self.enabled,
            revision: self.revision,
            users: users.collect(),
            roles: roles.collect(),
        }
    }

    /// What was kept. A record of no revision, as of a store that never had a change, is at 1.
    pub fn from_record(record: AuthRecord) -> Self {
        let users = record.users.into_iter().map(|user| {
            let roles = user.roles.into_iter().collect();
            (user.name, User { password_hash: user.password_hash, roles, ..User::default() })
        });
        let roles = record.roles.into_iter().map(|role| {
            let permissions = role
                .permissions
                .iter()
                .map(|permission| (RangeKey::from(&permission.range), permission.access));
            (role.name, Role { permissions: permissions.collect() })
        });
        let mut auth = Self {
            enabled: record.enabled,
            revision: record.revision.max(1),
            users: users.collect(),
            roles: roles.collect(),
        };
        let names: Vec<_> = auth.users.keys().cloned().collect();
        for name in names {
            auth.refresh_user(&name);
        }
        auth
    }
}
