//! Why a host gets no identity.

use std::path::PathBuf;
use std::time::Duration;

use super::reason::Reason;
use crate::cluster::etcd::node::NodeError;
use crate::cluster::identity::{AdministratorName, Fingerprint, IdentityError};
use crate::engine::world::HostName;

/// Why a host gets no identity, or a server cannot give one. None of them ever holds a secret.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum JoinError {
    #[error("cannot {operation} who was to give or get an identity")]
    Stream { operation: &'static str, source: std::io::Error },
    #[error("the other side ended the conversation before its end")]
    Ended,
    #[error("a message has {bytes} bytes, and may have {limit}")]
    TooLarge { bytes: usize, limit: usize },
    #[error("{what} cannot be understood")]
    NotUnderstood { what: &'static str, source: serde_json::Error },
    #[error("the conversation was not over after {patience:?}")]
    TooSlow { patience: Duration },

    #[error("{address} speaks version {found} of joining, and this program version 1")]
    OtherVersion { address: String, found: u32 },
    #[error("{address} carries no store, and cannot give an identity")]
    CarriesNone { address: String, seeds: Vec<String> },
    #[error("{address} refuses {host}: {text}")]
    Refused { address: String, host: HostName, reason: Reason, text: String },
    #[error("{address} gives {name} no certificate: {text}")]
    CertificateRefused { address: String, name: AdministratorName, reason: Reason, text: String },
    #[error("{address} does not take what it was told: {text}")]
    EvictionRefused { address: String, text: String },
    #[error("{address} refuses to hand over the authority: {text}")]
    AuthorityRefused { address: String, reason: Reason, text: String },
    #[error("{address} answers something that was not asked")]
    OtherAnswer { address: String },
    #[error("{address} shows the authority {found}, which the token does not name")]
    OtherAuthority { address: String, found: Fingerprint },
    #[error("{address} has the authority {found}, and the mesh has another one")]
    NotTheAuthority { address: String, found: Fingerprint },
    #[error("{address} knows list {found} of the mesh's roots, and this host list {known} already")]
    OldRoots { address: String, found: u64, known: u64 },
    #[error("{address} issued a certificate that is not {what}")]
    OtherCertificate { address: String, what: &'static str },

    #[error(transparent)]
    Identity(#[from] IdentityError),

    #[error("cannot {operation} in the store")]
    Store { operation: &'static str, source: NodeError },
    #[error("what the store has under {key} does not hold")]
    BadRecord { key: String, source: Box<IdentityError> },
    #[error("what the store has under {key} cannot be understood")]
    UnreadRecord { key: String, source: serde_json::Error },
    #[error("the store has nothing under {key}")]
    NoRecord { key: &'static str },

    #[error("{path:?} is missing: without it this host has no identity")]
    Missing { path: PathBuf },
    #[error("the keys in {path:?} are not those that the certificate is for")]
    OtherKeys { path: PathBuf },
    #[error("the identity in {path:?} is that of {found}, and this host is called {host}")]
    OtherHost { path: PathBuf, found: String, host: HostName },
    #[error("{path:?} holds the identity of a mesh that another host has made")]
    NotFounder { path: PathBuf },
}

impl JoinError {
    /// When it is worth to ask again, unchanged; `None`: not at all.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { reason, .. }
            | Self::CertificateRefused { reason, .. }
            | Self::AuthorityRefused { reason, .. } => reason.retry_after(),
            Self::Stream { .. } | Self::Ended | Self::TooSlow { .. } => Some(Duration::from_secs(1)),
            _ => None,
        }
    }

    /// What to do, where somebody can do something.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Refused { host, reason, .. } => refused(host, reason),
            Self::CertificateRefused { reason: Reason::NotEnrolled | Reason::WrongProof, .. } => Some(
                "the mesh does not know these keys, or no more: `mgmt mesh admin list` tells which it knows"
                    .to_owned(),
            ),
            Self::OtherAuthority { address, .. } => Some(format!(
                "the server at {address} shows another authority than the token names: somebody may be in between; \
                 compare the fingerprints, or ask for a new token: mgmt mesh invite"
            )),
            Self::CarriesNone { seeds, .. } if !seeds.is_empty() => {
                Some(format!("ask one of these: {}", seeds.join(", ")))
            }
            Self::OtherVersion { .. } => Some("use the version of mgmt that the mesh uses".to_owned()),
            Self::OtherCertificate { .. } | Self::OtherAnswer { .. } => {
                Some("that server is broken, or not ours any more: try another one".to_owned())
            }
            Self::Stream { .. } | Self::Ended | Self::TooSlow { .. } => {
                Some("see whether that host is well, or try another one".to_owned())
            }
            Self::OtherHost { found, .. } => {
                Some(format!("start it as {found}: --hostname, or another --prefix"))
            }
            Self::Missing { .. } | Self::OtherKeys { .. } | Self::NotFounder { .. } => Some(
                "move the folder away; the host then joins anew, with a token: mgmt mesh invite".to_owned(),
            ),
            Self::Identity(error) => error.hint(),
            Self::BadRecord { source, .. } => source.hint(),
            _ => None,
        }
    }
}

fn refused(host: &HostName, reason: &Reason) -> Option<String> {
    let another = "ask for another token: mgmt mesh invite";
    Some(match reason {
        Reason::InviteUnknown => {
            format!("it may have been taken back, or be of another mesh: {another}")
        }
        Reason::InviteExpired { .. } | Reason::InviteUsedUp { .. } => another.to_owned(),
        Reason::OtherName { pattern } => {
            format!(
                "start the host under a name like {pattern} (--hostname), or ask for a token for {host}: mgmt mesh invite"
            )
        }
        Reason::NameTaken { .. } => format!(
            "give this host another name (--hostname); if the other one is gone for good, this frees its name: \
             mgmt mesh evict {host}"
        ),
        Reason::Evicted { .. } => format!("to come back it needs new keys and a new token; {another}"),
        Reason::NotEnrolled | Reason::OtherKey => {
            format!("the mesh has forgotten {host}, or it has lost its keys; {another}")
        }
        Reason::OtherMesh => "see which mesh the token is for; one may have been made anew".to_owned(),
        Reason::WrongProof => format!("the token may have been changed on its way; {another}"),
        Reason::NoQuorum { .. } => "it is tried again; mgmt mesh status tells how the store is".to_owned(),
        Reason::Busy { .. } => "it is tried again".to_owned(),
        Reason::BadRequest => "see whether this host and the server run versions that fit".to_owned(),
        Reason::NotAServer | Reason::Later => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::identity::UnixSeconds;

    fn hint(reason: Reason) -> String {
        let (address, host) = ("db-1:2379".to_owned(), "web-1".parse().unwrap());
        let text = reason.to_string();
        JoinError::Refused { address, host, reason, text }.hint().unwrap()
    }

    #[test]
    fn who_is_refused_is_told_what_to_do() {
        let at = UnixSeconds(1_800_000_000);
        assert_eq!(hint(Reason::InviteExpired { since: at }), "ask for another token: mgmt mesh invite");
        assert_eq!(hint(Reason::InviteUsedUp { uses: 1 }), "ask for another token: mgmt mesh invite");
        assert!(hint(Reason::OtherName { pattern: "db-*".parse().unwrap() }).contains("db-*"));
        assert!(hint(Reason::NameTaken { until: at }).ends_with("mgmt mesh evict web-1"));
        assert!(hint(Reason::Evicted { at }).contains("new keys"));
    }

    #[test]
    fn another_authority_is_told_with_the_address_and_what_it_may_mean() {
        let found = Fingerprint::from_bytes([0; 32]);
        let error = JoinError::OtherAuthority { address: "db-1:2379".into(), found };
        assert!(error.to_string().starts_with("db-1:2379 shows the authority SHA256:AAAA"));
        assert!(error.hint().unwrap().contains("somebody may be in between"));
        assert_eq!(error.retry_after(), None);
    }
}
