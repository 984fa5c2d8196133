//! How users and roles change.

use super::{Permission, RoleName, UserName};
use crate::cluster::store::key::KeyRange;

/// A change of who may do what. Passwords come hashed (bcrypt, made by the proposer): applying makes no random salt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthChange {
    /// Turns authentication on.
    Enable,
    /// Turns it off.
    Disable,
    /// A user has shown the password; the token is what the proposer chose, known to all members.
    Authenticate {
        /// Who.
        user: UserName,
        /// The token, without the index that applying adds.
        simple_token: String,
    },
    /// Makes a user.
    UserAdd {
        /// Who.
        user: UserName,
        /// The password's hash; `None`: comes with a certificate, never with a password.
        password_hash: Option<String>,
    },
    /// Removes a user.
    UserDelete {
        /// Who.
        user: UserName,
    },
    /// Changes a password. A user without one stays without.
    UserChangePassword {
        /// Who.
        user: UserName,
        /// The new hash.
        password_hash: String,
    },
    /// Gives a role to a user.
    UserGrantRole {
        /// Who.
        user: UserName,
        /// Which.
        role: RoleName,
    },
    /// Takes a role from a user.
    UserRevokeRole {
        /// Who.
        user: UserName,
        /// Which.
        role: RoleName,
    },
    /// Makes a role.
    RoleAdd {
        /// Which.
        role: RoleName,
    },
    /// Removes a role.
    RoleDelete {
        /// Which.
        role: RoleName,
    },
    /// Lets a role do more; on exactly the same range, this instead of what it might.
    RoleGrantPermission {
        /// Which.
        role: RoleName,
        /// What.
        permission: Permission,
    },
    /// Takes a permission from a role.
    RoleRevokePermission {
        /// Which.
        role: RoleName,
        /// On exactly this range.
        range: KeyRange,
    },
}

/// What a change of authentication answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthReply {
    /// A token.
    Token(String),
    /// Nothing.
    Done,
}
