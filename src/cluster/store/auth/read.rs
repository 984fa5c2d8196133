//! What others may know of users and roles.

use super::{Auth, AuthError, Permission, ROOT, RoleName, UserName};
use crate::cluster::store::request::Caller;

/// How authentication stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthStatus {
    /// Whether it is on.
    pub enabled: bool,
    /// How many changes there were, from 1.
    pub revision: u64,
}

/// What a password is verified against.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    /// bcrypt's text.
    pub password_hash: String,
    /// The revision it was read at. When another is current once the token has been granted, the password may have
    /// changed meanwhile: verify again.
    pub auth_revision: u64,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secret").field("auth_revision", &self.auth_revision).finish_non_exhaustive()
    }
}

impl Auth {
    /// Whether it is on, and how often it was changed.
    pub fn status(&self) -> AuthStatus {
        AuthStatus { enabled: self.enabled, revision: self.revision }
    }

    /// Whether callers are asked who they are.
    pub fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// Counts the changes, from 1.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The users, by name.
    pub fn users(&self) -> impl Iterator<Item = &UserName> {
        self.users.keys()
    }

    /// A user's roles, by name.
    pub fn user(&self, name: &str) -> Result<impl Iterator<Item = &RoleName>, AuthError> {
        self.users.get(name).map(|user| user.roles.iter()).ok_or(AuthError::UserNotFound)
    }

    /// The roles, by name. `root` is among them only when somebody made it.
    pub fn roles(&self) -> impl Iterator<Item = &RoleName> {
        self.roles.keys()
    }

    /// What a role allows, by key and end.
    pub fn role(&self, name: &str) -> Result<impl Iterator<Item = Permission>, AuthError> {
        let role = self.roles.get(name).ok_or(AuthError::RoleNotFound)?;
        Ok(role
            .permissions
            .iter()
            .map(|(range, access)| Permission { access: *access, range: range.range() }))
    }

    /// What a user's password is verified against, away from the core, before a token is proposed.
    pub fn secret(&self, name: &str) -> Result<Secret, AuthError> {
        if !self.enabled {
            return Err(AuthError::NotEnabled);
        }
        let user = self.users.get(name).ok_or(AuthError::Failed)?;
        let password_hash = user.password_hash.clone().ok_or(AuthError::NoPasswordUser)?;
        Ok(Secret { password_hash, auth_revision: self.revision })
    }

    /// A caller who is known by now to be this user: from a certificate, say.
    pub fn caller(&self, user: UserName) -> Caller {
        Caller { user, auth_revision: self.revision }
    }

    /// As whom the cluster itself asks: ending leases that are over, raising alarms.
    pub fn own_caller(&self) -> Option<Caller> {
        self.enabled.then(|| self.caller(ROOT.into()))
    }
}
