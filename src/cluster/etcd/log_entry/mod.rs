//! A command as an entry of etcd's log: the bytes of an `InternalRaftRequest`.

mod auth;
mod decode;
mod encode;
#[cfg(test)]
mod tests;

use super::convert::RequestError;

pub use decode::{decode, id_of};
pub use encode::{encode, header_room};

/// Why an entry of the log is no command.
#[derive(Debug, thiserror::Error)]
pub enum LogEntryError {
    /// The bytes are no message.
    #[error("cannot decode a log entry: {0}")]
    Message(#[from] prost::DecodeError),
    /// It says nothing that this version knows.
    #[error("a log entry holds no request")]
    Empty,
    /// It holds what no member proposes.
    #[error("a log entry holds a request that is refused: {0}")]
    Refused(#[from] RequestError),
    /// A password's hash is not in base64.
    #[error("a log entry holds a password hash that cannot be read")]
    PasswordHash,
}
