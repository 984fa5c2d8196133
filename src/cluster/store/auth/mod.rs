//! Users, roles and what they may do.

use super::key::KeyRange;

/// A user's name.
pub type UserName = std::sync::Arc<str>;
/// A role's name.
pub type RoleName = std::sync::Arc<str>;

/// What a role allows on a range of keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Permission {
    /// What may be done.
    pub access: Access,
    /// With which keys.
    pub range: KeyRange,
}

/// What may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// Reading.
    Read,
    /// Writing.
    Write,
    /// Both.
    ReadWrite,
}

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
        /// The password's hash; `None`: may only come with a certificate.
        password_hash: Option<String>,
    },
    /// Removes a user.
    UserDelete {
        /// Who.
        user: UserName,
    },
    /// Changes a password.
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
    /// Lets a role do more.
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

/// Why a request about or under authentication is refused. The texts are etcd's, without its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// Enabling needs a user `root`.
    #[error("root user does not exist")]
    RootUserNotExist,
    /// Enabling needs `root` to have the role `root`.
    #[error("root user does not have root role")]
    RootRoleNotGranted,
    /// Adding a user who is there.
    #[error("user name already exists")]
    UserExists,
    /// Without a name.
    #[error("user name is empty")]
    UserEmpty,
    /// No such user.
    #[error("user name not found")]
    UserNotFound,
    /// Adding a role that is there.
    #[error("role name already exists")]
    RoleExists,
    /// No such role.
    #[error("role name not found")]
    RoleNotFound,
    /// Without a name.
    #[error("role name is empty")]
    RoleEmpty,
    /// A wrong name or password.
    #[error("authentication failed, invalid user ID or password")]
    Failed,
    /// Not allowed.
    #[error("permission denied")]
    PermissionDenied,
    /// Taking a role that the user does not have.
    #[error("role is not granted to the user")]
    RoleNotGranted,
    /// Taking a permission that the role does not have.
    #[error("permission is not granted to the role")]
    PermissionNotGranted,
    /// It is off.
    #[error("authentication is not enabled")]
    NotEnabled,
    /// A token that is not known, or no longer.
    #[error("invalid auth token")]
    InvalidToken,
    /// `root` must stay as it is.
    #[error("invalid auth management")]
    InvalidManagement,
    /// The rights may have changed since the caller was recognised.
    #[error("revision of auth store is old")]
    OldRevision,
}
