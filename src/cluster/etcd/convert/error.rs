//! Why a request is refused before the store sees it.

/// Why a request is refused before the store sees it. The texts are etcd's, without its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
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
    /// More operations than allowed.
    #[error("too many operations in txn request")]
    TooManyOps,
    /// Two operations of a transaction write the same key.
    #[error("duplicate key given in txn request")]
    DuplicateKey,
    /// An order or a target of a sort that is none.
    #[error("invalid sort option")]
    InvalidSort,
    /// A lease that would live longer than 9,000,000,000 s.
    #[error("too large lease TTL")]
    LeaseTtlTooLarge,
    /// An alarm that is none.
    #[error("invalid alarm")]
    InvalidAlarm,
    /// Granting a permission without one.
    #[error("permission not given")]
    NoPermissionGiven,
}
