//! Users, roles and what they may do.
//!
//! [`Auth`] is a part of the state machine: pure, and the same on every member. Passwords are hashed and verified beside
//! it ([`password`]), by whoever proposes; tokens are kept by each member ([`token`]) or by nobody ([`jwt`]).
//!
//! Rules and errors are etcd 3.5.30's, tried on it one by one.

mod apply;
mod change;
mod check;
mod error;
pub mod jwt;
pub mod option;
pub mod password;
mod permission;
mod ranges;
mod read;
pub mod record;
mod rights;
#[cfg(test)]
mod tests;
pub mod token;

use std::collections::{BTreeMap, BTreeSet};

pub use change::{AuthChange, AuthReply};
pub use error::AuthError;
pub use permission::{Access, Permission};
pub use read::{AuthStatus, Secret};
pub use rights::Rights;

use permission::RangeKey;

/// A user's name.
pub type UserName = std::sync::Arc<str>;
/// A role's name.
pub type RoleName = std::sync::Arc<str>;

/// The user that must be there while authentication is on, and the role that may do everything.
pub const ROOT: &str = "root";

/// Who may do what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auth {
    enabled: bool,
    /// Counts the changes, from 1; turning authentication on is none.
    revision: u64,
    users: BTreeMap<UserName, User>,
    roles: BTreeMap<RoleName, Role>,
}

/// A user.
#[derive(Clone, Default, PartialEq, Eq)]
struct User {
    /// bcrypt's text; `None`: comes with a certificate.
    password_hash: Option<String>,
    roles: BTreeSet<RoleName>,
    /// What the roles allow together, made anew by each change that bears on it: so a check needs no lock.
    rights: Rights,
}

/// A role: at most one permission a range.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Role {
    permissions: BTreeMap<RangeKey, Access>,
}

impl Default for Auth {
    fn default() -> Self {
        Self { enabled: false, revision: 1, users: BTreeMap::new(), roles: BTreeMap::new() }
    }
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User").field("roles", &self.roles).finish_non_exhaustive()
    }
}
