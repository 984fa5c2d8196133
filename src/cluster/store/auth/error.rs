//! Why authentication refuses.

use crate::cluster::store::refusal::Refusal;

/// Why a request about or under authentication is refused. The texts are etcd's, without its prefix; the list in
/// etcd is `api/v3/v3rpc/rpctypes/error.go`.
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
    /// Granting nothing at all: the request had no permission in it.
    #[error("permission not given")]
    PermissionNotGiven,
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
    /// A password for a user who has none.
    #[error("auth: authentication failed, password was given for no password user")]
    NoPasswordUser,
    /// More than bcrypt looks at.
    #[error("bcrypt: password length exceeds 72 bytes")]
    PasswordTooLong,
}

impl AuthError {
    /// How clients see it.
    pub fn refusal(self) -> Refusal {
        match self {
            Self::RootUserNotExist
            | Self::RootRoleNotGranted
            | Self::UserExists
            | Self::UserNotFound
            | Self::RoleExists
            | Self::RoleNotFound
            | Self::RoleNotGranted
            | Self::PermissionNotGranted
            | Self::NotEnabled => Refusal::FailedPrecondition,
            Self::UserEmpty
            | Self::RoleEmpty
            | Self::Failed
            | Self::PermissionNotGiven
            | Self::InvalidManagement
            | Self::OldRevision => Refusal::InvalidArgument,
            Self::PermissionDenied => Refusal::PermissionDenied,
            Self::InvalidToken => Refusal::Unauthenticated,
            Self::NoPasswordUser | Self::PasswordTooLong => Refusal::Unknown,
        }
    }

    /// Whether the text goes out as it is: etcd forgot its prefix on two.
    pub fn is_bare(self) -> bool {
        matches!(self, Self::NoPasswordUser | Self::PasswordTooLong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_that_clients_of_etcd_see() {
        assert_eq!(AuthError::OldRevision.refusal(), Refusal::InvalidArgument);
        assert_eq!(AuthError::UserEmpty.refusal(), Refusal::InvalidArgument);
        assert_eq!(AuthError::Failed.refusal(), Refusal::InvalidArgument);
        assert_eq!(AuthError::InvalidToken.refusal(), Refusal::Unauthenticated);
        assert_eq!(AuthError::PermissionDenied.refusal(), Refusal::PermissionDenied);
        assert_eq!(AuthError::UserNotFound.refusal(), Refusal::FailedPrecondition);
        assert_eq!(AuthError::NoPasswordUser.refusal(), Refusal::Unknown);
    }

    #[test]
    fn only_what_etcd_sends_without_its_prefix_is_bare() {
        assert!(AuthError::PasswordTooLong.is_bare());
        assert!(!AuthError::PermissionDenied.is_bare());
    }
}
