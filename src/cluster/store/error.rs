//! Why the store refuses.

/// Why the store refuses. The texts are etcd's, without its prefix: clients compare them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// A put that keeps what is there, of a key that is not.
    #[error("key not found")]
    KeyNotFound,
    /// A revision that is no longer kept.
    #[error("mvcc: required revision has been compacted")]
    Compacted,
    /// A revision that is not yet there.
    #[error("mvcc: required revision is a future revision")]
    FutureRevision,
    /// The data has grown past the quota.
    #[error("mvcc: database space exceeded")]
    NoSpace,
    /// Members hold different data.
    #[error("corrupt cluster")]
    Corrupt,
    /// No such lease.
    #[error("requested lease not found")]
    LeaseNotFound,
    /// A lease of this number is there.
    #[error("lease already exists")]
    LeaseExists,
    /// A lease that would live too long.
    #[error("too large lease TTL")]
    LeaseTtlTooLarge,
    /// Refused by or about authentication.
    #[error(transparent)]
    Auth(#[from] super::auth::AuthError),
}
