//! What can be wrong with an answer: each cause is one of its own, as each is repaired elsewhere.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why a server does not answer as it should.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// Its name has no address.
    #[error("resolve the name {host:?}")]
    Name {
        /// The name.
        host: Box<str>,
        /// What the resolver said.
        #[source]
        source: io::Error,
    },
    /// Nobody listens there.
    #[error("the connection was refused")]
    Refused,
    /// No way leads there.
    #[error("it cannot be reached")]
    Unreachable {
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The answer took too long.
    #[error("no answer within {} ms", .after.as_millis())]
    Timeout {
        /// How long was waited.
        after: Duration,
    },
    /// The connection ended before the answer did.
    #[error("the connection ended before the answer did")]
    Cut,
    /// The two could not agree on a secure connection: most often, a certificate is not good.
    #[error("TLS: {reason}")]
    Tls {
        /// What the library said.
        reason: Box<str>,
    },
    /// The authorities could not be read.
    #[error("read the certificate authorities in {path}: {reason}", path = .path.display())]
    Authorities {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: Box<str>,
    },
    /// It answered with another status.
    #[error("it answered with status {found}")]
    Status {
        /// Which.
        found: u16,
    },
    /// The text is not in the answer.
    #[error("the text was not in the first {seen} bytes of the answer")]
    Body {
        /// So much was looked through.
        seen: usize,
    },
    /// What came is not what the protocol has.
    #[error("it does not speak as it should: {reason}")]
    Protocol {
        /// What the library said.
        reason: Box<str>,
    },
}

impl ProbeError {
    /// What went wrong with a connection.
    pub fn connection(source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof => Self::Cut,
            _ => Self::Unreachable { source },
        }
    }

    /// What to look at.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Name { .. } => {
                "is the name right, and does this host have a name server (/etc/resolv.conf)?"
            }
            Self::Refused => "the host is there, but nothing listens on that port: is the service running?",
            Self::Unreachable { .. } => {
                "is there a route, and is the network of this host up (`ip route get`)?"
            }
            Self::Timeout { .. } => {
                "a firewall may drop the packets, or the server is overloaded: see `timeout_ms`"
            }
            Self::Cut => "the server ended the connection: its log may say why",
            Self::Tls { .. } => {
                "see the certificate with `openssl s_client -connect`; `ca` names other authorities"
            }
            Self::Authorities { .. } => {
                "`ca` is a PEM file; without it those of the package ca-certificates count"
            }
            Self::Status { .. } => "which answers are good is said with `status`",
            Self::Body { .. } => "see what it answers with curl",
            Self::Protocol { .. } => "is it the right port, and http or https?",
        }
    }
}
