//! Why a request is refused before the store sees it.

use crate::cluster::store::validate::FormError;

/// Why a request is refused before the store sees it. The texts are etcd's, without its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// What is wrong with it by its form.
    #[error(transparent)]
    Form(#[from] FormError),
    /// Without a key.
    #[error("key is not provided")]
    EmptyKey,
    /// An operation of a transaction that says nothing; etcd calls it so.
    #[error("key not found")]
    UnsetOp,
    /// A put that keeps the value, and has one.
    #[error("value is provided")]
    ValueProvided,
    /// A put that keeps the lease, and has one.
    #[error("lease is provided")]
    LeaseProvided,
    /// An order or a target of a sort that is none.
    #[error("invalid sort option")]
    InvalidSort,
    /// An alarm that is none.
    #[error("invalid alarm")]
    InvalidAlarm,
    /// Granting a permission without one.
    #[error("permission not given")]
    NoPermissionGiven,
}
