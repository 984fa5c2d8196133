//! Why there is no TLS.

use std::io;
use std::time::Duration;

use rustls::{AlertDescription, CertificateError};

use crate::cluster::identity::{AdministratorName, IdentityError, UnixSeconds};

/// Why there is no TLS with somebody.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum TlsError {
    #[error("the keys of this host cannot be used")]
    Keys(#[source] rustls::Error),
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error("{0}")]
    Handshake(#[source] io::Error),
    #[error("what it shows is no certificate of this mesh: {0}")]
    Stranger(#[source] IdentityError),
    #[error("it shows no certificate")]
    Nobody,
    #[error("it has not agreed on keys within {} s", after.as_secs())]
    Late { after: Duration },
    #[error("it says that this host was evicted from the mesh")]
    OwnEvicted,
    #[error("it says that whose keys these are administers the mesh no more")]
    OwnDismissed,
    #[error("it says that the certificate that it was shown is over")]
    OwnExpired,
    #[error("the host there was evicted from the mesh")]
    OtherEvicted,
    #[error("it was evicted at {at}")]
    Evicted { at: UnixSeconds },
    #[error("{name} administers this mesh no more")]
    Dismissed { name: AdministratorName },
    #[error("its certificate is of an authority that the mesh has no more")]
    OldAuthority,
    #[error("its certificate is over since {since}")]
    Expired { since: UnixSeconds },
}

impl TlsError {
    /// Whether the other side has said what it thinks of this one.
    pub fn is_verdict(&self) -> bool {
        matches!(self, Self::OwnEvicted | Self::OwnDismissed | Self::OwnExpired)
    }
}

impl From<io::Error> for TlsError {
    /// What the other side says of what it was shown comes as an alert: `belief` chooses which one.
    fn from(error: io::Error) -> Self {
        let cause = error.get_ref().and_then(|cause| cause.downcast_ref());
        match cause {
            Some(rustls::Error::AlertReceived(AlertDescription::CertificateRevoked)) => Self::OwnEvicted,
            Some(rustls::Error::AlertReceived(AlertDescription::AccessDenied)) => Self::OwnDismissed,
            Some(rustls::Error::AlertReceived(AlertDescription::CertificateExpired)) => Self::OwnExpired,
            Some(rustls::Error::InvalidCertificate(CertificateError::Revoked)) => Self::OtherEvicted,
            _ => Self::Handshake(error),
        }
    }
}
