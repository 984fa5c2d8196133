//! What can go wrong between members.

use std::io;
use std::time::Duration;

use super::{PeerUrl, Refusal};
use crate::cluster::store::id::MemberId;
use crate::cluster::tls::TlsError;

/// Why a question got no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Nothing is known of such a member.
    #[error("no URL of member {0} is known")]
    UnknownMember(MemberId),
    /// There was nobody to ask.
    #[error("no URL to ask is given")]
    NobodyToAsk,
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The member does not do that.
    #[error("{call} is refused: {why}")]
    Refused {
        /// The call.
        call: &'static str,
        /// Why.
        why: Refusal,
    },
    /// It took too long.
    #[error("no answer to {call} within {} ms", after.as_millis())]
    Deadline {
        /// The call.
        call: &'static str,
        /// The deadline.
        after: Duration,
    },
    /// The connection broke, or the answer is not understood.
    #[error("{call} failed: {cause}")]
    Broken {
        /// The call.
        call: &'static str,
        /// What gRPC says.
        cause: Box<tonic::Status>,
    },
}

/// Why there is no connection to a member.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The address does not answer.
    #[error("cannot connect to {url}: {cause}")]
    Tcp {
        /// Where.
        url: PeerUrl,
        /// Why.
        cause: io::Error,
    },
    /// It answers, and TLS fails.
    #[error("cannot agree on TLS with {url}: {cause}")]
    Tls {
        /// Where.
        url: PeerUrl,
        /// Why.
        cause: TlsError,
    },
    /// It speaks TLS, and no peer certificates are given.
    #[error("cannot connect to {url}: no peer certificates are given")]
    NoCertificates {
        /// Where.
        url: PeerUrl,
    },
    /// The host cannot be in a certificate.
    #[error("cannot connect to {url}: its host cannot be in a certificate")]
    HostName {
        /// Where.
        url: PeerUrl,
    },
    /// It does not speak HTTP/2.
    #[error("cannot speak HTTP/2 with {url}: {cause}")]
    Http {
        /// Where.
        url: PeerUrl,
        /// Why.
        cause: hyper::Error,
    },
    /// It took too long.
    #[error("cannot connect to {url} within {} ms", after.as_millis())]
    Deadline {
        /// Where.
        url: PeerUrl,
        /// The deadline.
        after: Duration,
    },
}

/// Why a [`PeerServer`](super::PeerServer) did not start.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The system refuses.
    #[error("cannot listen at {url}: {cause}")]
    Bind {
        /// Where.
        url: PeerUrl,
        /// Why.
        cause: io::Error,
    },
    /// TLS is to be spoken, and there is no certificate.
    #[error("cannot listen at {url}: TLS needs peer certificates")]
    NoCertificate {
        /// Where.
        url: PeerUrl,
    },
    /// The folder for snapshots that arrive is not usable.
    #[error("cannot clear {} of what an earlier start left: {cause}", path.display())]
    Snapshots {
        /// Which.
        path: std::path::PathBuf,
        /// Why.
        cause: io::Error,
    },
}
