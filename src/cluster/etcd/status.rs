//! Errors as gRPC codes and texts: etcd's own, since clients compare them.

use std::time::Duration;

use tonic::{Code, Status};

use super::convert::RequestError;
use super::node::{DowngradeError, NodeError};
use crate::cluster::store::auth::AuthError;
use crate::cluster::store::error::StoreError;
use crate::cluster::store::member::MemberError;
use crate::cluster::store::refusal::Refusal;
use crate::cluster::store::validate::FormError;

/// What etcd sets before the text of every error.
pub const PREFIX: &str = "etcdserver: ";

/// What a server that is full writes beside its refusal: after how many milliseconds to come again. gRPC's own word;
/// clients that do not know it come again as they like.
pub const RETRY_AFTER: &str = "grpc-retry-pushback-ms";
/// By then a full queue of changes is worked off: 32,768 at 20,000 a second and more.
const QUEUE_AFTER: Duration = Duration::from_secs(2);
/// By then others may have gone, or a member was added.
const ROOM_AFTER: Duration = Duration::from_secs(5);

impl From<NodeError> for Status {
    fn from(error: NodeError) -> Self {
        match error {
            NodeError::Store(error) => error.into(),
            NodeError::TooManyRequests => later(node_code(&error), QUEUE_AFTER),
            NodeError::NoRoom { retry_after } => later(node_code(&error), retry_after),
            error => Self::new(node_code(&error), format!("{PREFIX}{error}")),
        }
    }
}

/// That there are too many connections.
pub fn full() -> Status {
    later(Code::ResourceExhausted, ROOM_AFTER)
}

/// That it is too much now, and when to come again.
pub fn later(code: Code, after: Duration) -> Status {
    let mut status = Status::new(code, format!("{PREFIX}{}", NodeError::TooManyRequests));
    if let Ok(after) = after.as_millis().to_string().parse() {
        status.metadata_mut().insert(RETRY_AFTER, after);
    }
    status
}

impl From<RequestError> for Status {
    fn from(error: RequestError) -> Self {
        Self::new(request_code(error), format!("{PREFIX}{error}"))
    }
}

impl From<FormError> for Status {
    fn from(error: FormError) -> Self {
        RequestError::from(error).into()
    }
}

impl From<StoreError> for Status {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Auth(error) => error.into(),
            error => Self::new(store_code(error), format!("{PREFIX}{error}")),
        }
    }
}

impl From<MemberError> for Status {
    fn from(error: MemberError) -> Self {
        NodeError::from(error).into()
    }
}

impl From<AuthError> for Status {
    fn from(error: AuthError) -> Self {
        let prefix = if error.is_bare() { "" } else { PREFIX };
        Self::new(refusal_code(error.refusal()), format!("{prefix}{error}"))
    }
}

/// How etcd refuses who may not maintain: by its library's own text, which it forgets to translate for some calls.
pub fn untranslated(error: AuthError) -> Status {
    match error {
        AuthError::OldRevision => Status::unknown("auth: revision in header is old"),
        error => Status::unknown(format!("auth: {error}")),
    }
}

/// A client has gone away from its watch stream.
pub fn watch_canceled() -> Status {
    Status::cancelled("etcdserver: watch canceled")
}

fn node_code(error: &NodeError) -> Code {
    match error {
        NodeError::Store(error) => store_code(*error),
        NodeError::Member(error) => refusal_code(error.refusal()),
        NodeError::Downgrade(error) => downgrade_code(*error),
        NodeError::RequestTooLarge => Code::InvalidArgument,
        NodeError::NotLeader | NodeError::BadTransferee | NodeError::NotForLearner => {
            Code::FailedPrecondition
        }
        NodeError::NoLeader
        | NodeError::LeaderChanged
        | NodeError::Timeout
        | NodeError::TimeoutLeaderFailed
        | NodeError::TimeoutConnectionLost
        | NodeError::Stopped => Code::Unavailable,
        // etcd has a code for it, and forgets to use it: this is what clients see.
        NodeError::TooManyRequests => Code::Unknown,
        NodeError::NoRoom { .. } => Code::ResourceExhausted,
        NodeError::Files { .. } => Code::Unknown,
    }
}

fn store_code(error: StoreError) -> Code {
    match error {
        StoreError::KeyNotFound => Code::InvalidArgument,
        StoreError::Compacted | StoreError::FutureRevision | StoreError::LeaseTtlTooLarge => Code::OutOfRange,
        StoreError::NoSpace => Code::ResourceExhausted,
        StoreError::Corrupt => Code::DataLoss,
        StoreError::LeaseNotFound => Code::NotFound,
        StoreError::LeaseExists => Code::FailedPrecondition,
        StoreError::Auth(error) => refusal_code(error.refusal()),
    }
}

fn refusal_code(refusal: Refusal) -> Code {
    Code::from_i32(refusal.code())
}

fn downgrade_code(error: DowngradeError) -> Code {
    match error {
        DowngradeError::NoClusterVersion => Code::Unavailable,
        DowngradeError::WrongFormat | DowngradeError::InvalidTarget => Code::InvalidArgument,
        DowngradeError::InProgress | DowngradeError::NoneInFlight => Code::FailedPrecondition,
    }
}

fn request_code(error: RequestError) -> Code {
    match error {
        RequestError::EmptyKey
        | RequestError::UnsetOp
        | RequestError::ValueProvided
        | RequestError::LeaseProvided
        | RequestError::Form(FormError::TooManyOps | FormError::DuplicateKey)
        | RequestError::InvalidSort
        | RequestError::InvalidAlarm
        | RequestError::NoPermissionGiven => Code::InvalidArgument,
    }
}

/// A message that was too long to be decoded, in the words of etcd's gRPC library: tonic has others.
pub fn in_gos_words(status: Status) -> Status {
    let found = status.message().strip_prefix("Error, decoded message length too large: found ");
    let Some((found, limit)) = found.and_then(|rest| rest.split_once(" bytes, the limit is: ")) else {
        return status;
    };
    let limit = limit.trim_end_matches(" bytes");
    Status::resource_exhausted(format!("grpc: received message larger than max ({found} vs. {limit})"))
}

/// How etcd tells an error within a watch's answer: as its client library prints it.
pub fn spelled(status: &Status) -> String {
    let code = format!("{:?}", status.code());
    format!("rpc error: code = {code} desc = {}", status.message())
}
