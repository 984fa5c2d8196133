//! How a refusal looks to clients, without a word of the protocol's library.

/// Why a request is refused, as gRPC sorts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Nothing better is known; also where etcd forgot to say.
    Unknown,
    /// The request makes no sense, whatever the state.
    InvalidArgument,
    /// What it is about is not there.
    NotFound,
    /// Known, and not allowed.
    PermissionDenied,
    /// The state must change first.
    FailedPrecondition,
    /// Later, perhaps.
    Unavailable,
    /// Not known.
    Unauthenticated,
}

impl Refusal {
    /// gRPC's number for it.
    pub fn code(self) -> i32 {
        match self {
            Self::Unknown => 2,
            Self::InvalidArgument => 3,
            Self::NotFound => 5,
            Self::PermissionDenied => 7,
            Self::FailedPrecondition => 9,
            Self::Unavailable => 14,
            Self::Unauthenticated => 16,
        }
    }
}
