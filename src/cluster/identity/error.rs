//! Why somebody is not who they say, or may not what they want.

use std::path::PathBuf;

use super::{AdministratorName, Domain, Fingerprint, HostPattern, MeshId, Principal, UnixSeconds};
use crate::engine::world::HostName;

/// Why somebody is not who they say, or a statement does not count. None of them ever holds a secret.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum IdentityError {
    #[error("the system has no random numbers: {0}")]
    Random(getrandom::Error),
    #[error("{text:?} is no id of a mesh: 32 hexadecimal digits in lower case")]
    BadMeshId { text: String },
    #[error("{name:?} is no name for an administrator: {why}")]
    BadAdministratorName { name: String, why: &'static str },
    #[error("{pattern:?} is no pattern of hosts: {why}")]
    BadPattern { pattern: String, why: &'static str },
    #[error("{uri:?} is no name of ours: {why}")]
    BadUri { uri: String, why: &'static str },
    #[error("this is mesh {own}, and that is of mesh {found}")]
    OtherMesh { found: MeshId, own: MeshId },
    #[error("{text:?} is no fingerprint: SHA256: and 43 digits of base64")]
    BadFingerprint { text: String },
    #[error("{text:?} is no serial number of a certificate")]
    BadSerial { text: String },
    #[error("this is not {what}")]
    BadKey { what: &'static str },

    #[error("a statement has {bytes} bytes, and may have {limit}")]
    StatementTooLarge { bytes: usize, limit: usize },
    #[error("this is no signed statement")]
    NotSigned { source: serde_json::Error },
    #[error("what was signed as {domain} cannot be understood")]
    BadStatement { domain: Domain, source: serde_json::Error },
    #[error("what was signed as {domain} is by {by}, and was to be by {expected}")]
    WrongSigner { domain: Domain, by: Fingerprint, expected: Fingerprint },
    #[error("the signature of {by} as {domain} does not hold")]
    BadSignature { domain: Domain, by: Fingerprint },

    #[error("change {seq} of the administrators does not hold")]
    BrokenChain { seq: u64, source: Box<IdentityError> },
    #[error("there is no first administrator")]
    ChainEmpty,
    #[error("the administrators changed more than {limit} times")]
    ChainTooLong { limit: usize },
    #[error("the administrators are known up to change {known}, and these end with {found}")]
    ChainShorter { known: u64, found: u64 },
    #[error("change {seq} of the administrators is another one than was seen before")]
    ChainForked { seq: u64 },
    #[error("the mesh was made with the key {expected}, and these administrators begin with {found}")]
    OtherFounder { expected: Fingerprint, found: Fingerprint },
    #[error("it has number {found}, and {expected} was to come")]
    OutOfOrder { expected: u64, found: u64 },
    #[error("it follows another change than the one before it")]
    OtherPredecessor,
    #[error("nobody who administers the mesh has the key {by}")]
    NotAdministrator { by: Fingerprint },
    #[error("there is an administrator {name} already")]
    AdministratorThere { name: AdministratorName },
    #[error("there was an administrator {name}, and nobody else is ever called so")]
    AdministratorGone { name: AdministratorName },
    #[error("the key of {name} is that of the administrator {other}")]
    AdministratorKeyTaken { name: AdministratorName, other: AdministratorName },
    #[error("there is no administrator {name}")]
    AdministratorUnknown { name: AdministratorName },
    #[error("{name} is the last administrator")]
    LastAdministrator { name: AdministratorName },
    #[error("there are more than {limit} {what}")]
    TooMany { what: &'static str, limit: usize },

    #[error("this invite is none: {why}")]
    BadInvite { why: &'static str },
    #[error("the invite is for hosts called {hosts}, not for {host}")]
    InviteOtherName { host: HostName, hosts: HostPattern },
    #[error("the invite was good until {since}")]
    InviteExpired { since: UnixSeconds },
    #[error("the invite is used up: it was for {uses}")]
    InviteUsedUp { uses: u32 },

    #[error("this is no token to join with: one starts with mgmt-join-1.")]
    NotAToken,
    #[error("this token is of version {version}, and this program reads version 1")]
    UnknownTokenVersion { version: String },
    #[error("the token is mistyped, or not all of it is there")]
    MistypedToken,
    #[error("a token has {bytes} bytes, and may have {limit}")]
    TokenTooLong { bytes: usize, limit: usize },
    #[error("nobody can join with this token: {why}")]
    BadToken { why: &'static str },

    #[error("cannot {operation}")]
    Issue { operation: &'static str, source: rcgen::Error },
    #[error("this certificate is none of ours: {why}")]
    BadCertificate { why: &'static str },
    #[error("this certificate names nobody of ours")]
    NamelessCertificate,
    #[error("the certificate of {who} is good only from {from} on")]
    NotYetValid { who: Principal, from: UnixSeconds },
    #[error("the certificate of {who} was good until {since}")]
    Expired { who: Principal, since: UnixSeconds },
    #[error("the certificate of {who} is signed by none of the mesh's authorities")]
    OtherIssuer { who: Principal },
    #[error("this request for a certificate is refused: {why}")]
    BadRequest { why: &'static str },
    #[error("this certificate cannot be issued: {why}")]
    BadGrant { why: &'static str },
    #[error("this root of the mesh is none: {why}")]
    BadRoot { why: &'static str },
    #[error("the mesh's authority is {found}, which the token does not name")]
    OtherAuthority { found: Fingerprint },
    #[error("the key of the mesh's authority is not that of its root {root}")]
    OtherAuthorityKey { root: Fingerprint },
    #[error("the mesh's authority was good until {since}")]
    AuthorityExpired { since: UnixSeconds },

    #[error("{host} has not shown that its key is its own")]
    NotItsKey { host: HostName },
    #[error("{host} was evicted at {at}")]
    Evicted { host: HostName, at: UnixSeconds },
    #[error("entry {seq} of what was done does not hold: {why}")]
    BrokenAudit { seq: u64, why: &'static str },

    #[error("a secret has {bytes} bytes, and may have {limit}")]
    SecretTooLarge { bytes: usize, limit: usize },
    #[error("it cannot be decrypted with the key {recipient}")]
    NotForThisKey { recipient: String },
    #[error("what an administrator signed is the secret {name:?} for {to}, or other content")]
    OtherSecret { name: String, to: String },

    #[error("cannot {operation} {path:?}")]
    Folder { operation: &'static str, path: PathBuf, source: std::io::Error },
    #[error("{path:?} is a link, and keys are read from no link")]
    IsLink { path: PathBuf },
    #[error("{path:?} is not what is to be there")]
    NotAFile { path: PathBuf },
    #[error("{path:?} belongs to user {owner}, and this is user {own}")]
    NotOurs { path: PathBuf, owner: u32, own: u32 },
    #[error("others may look into {path:?}: its mode is {mode:04o}")]
    TooOpen { path: PathBuf, mode: u32, wanted: u32 },
    #[error("anybody may write in {path:?}: its mode is {mode:04o}")]
    OpenPrefix { path: PathBuf, mode: u32 },
    #[error("{path:?} has {bytes} bytes, and may have {limit}")]
    FileTooLarge { path: PathBuf, bytes: usize, limit: usize },
    #[error("{path:?} cannot be understood")]
    BadFile { path: PathBuf, source: Box<IdentityError> },
    #[error("{path:?} is missing")]
    MissingKey { path: PathBuf },
    #[error("it is no text")]
    NoText,
}

impl IdentityError {
    /// What to do, where somebody can do something.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::TooOpen { path, wanted, .. } => {
                return Some(format!("chmod {wanted:04o} {}", path.display()));
            }
            Self::OpenPrefix { path, .. } => return Some(format!("chmod o-w {}", path.display())),
            Self::NotOurs { path, own, .. } => {
                return Some(format!(
                    "run as the user that it belongs to, or, if it is this one's: chown {own} {}",
                    path.display()
                ));
            }
            Self::IsLink { path } => {
                return Some(format!("put what it leads to in place of the link {}", path.display()));
            }
            Self::BrokenChain { source, .. } | Self::BadFile { source, .. } => return source.hint(),
            Self::InviteExpired { .. } | Self::InviteUsedUp { .. } | Self::InviteOtherName { .. } => {
                "ask an administrator for a new token: mgmt mesh invite"
            }
            Self::MistypedToken => "copy the whole line again, without line breaks",
            Self::UnknownTokenVersion { .. } => "use the version of mgmt that the mesh uses",
            Self::NotYetValid { .. } => "see whether the clock is right",
            Self::Expired { .. } => "see whether the clock is right; else the host renews it, or joins again",
            Self::OtherMesh { .. } => "see which mesh this host is of: mgmt mesh status",
            Self::OtherAuthority { .. } => {
                "this may be another mesh, or somebody between: compare the fingerprints, or ask for a new token"
            }
            Self::AdministratorGone { .. } => "choose another name",
            Self::LastAdministrator { .. } => "add another one first: mgmt mesh admin add",
            Self::Evicted { .. } => "to come back it needs new keys and a new token",
            Self::SecretTooLarge { .. } => "encrypt what is larger with a key of its own, and put that key",
            Self::NotForThisKey { .. } => {
                "put the secret again: it is then encrypted for the key that this host has now"
            }
            Self::AuthorityExpired { .. } => "make a new one: mgmt mesh rotate-ca",
            _ => return None,
        };
        Some(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_can_do_something_is_told_what() {
        let path = || PathBuf::from("/p/pki/host.key");
        for (error, start) in [
            (
                IdentityError::TooOpen { path: path(), mode: 0o644, wanted: 0o600 },
                "chmod 0600 /p/pki/host.key",
            ),
            (IdentityError::OpenPrefix { path: "/tmp".into(), mode: 0o1777 }, "chmod o-w /tmp"),
            (IdentityError::NotOurs { path: path(), owner: 7, own: 0 }, "run as the user"),
            (IdentityError::IsLink { path: path() }, "put what it leads to"),
            (IdentityError::MistypedToken, "copy the whole line"),
            (IdentityError::InviteUsedUp { uses: 1 }, "ask an administrator"),
            (
                IdentityError::BadFile { path: path(), source: Box::new(IdentityError::MistypedToken) },
                "copy the whole line",
            ),
        ] {
            assert!(error.hint().is_some_and(|hint| hint.starts_with(start)), "{error}");
        }
        assert_eq!(IdentityError::ChainEmpty.hint(), None);
    }

    #[test]
    fn messages_name_the_mode_and_the_time() {
        let open = IdentityError::TooOpen { path: "/p".into(), mode: 0o644, wanted: 0o600 };
        assert_eq!(open.to_string(), "others may look into \"/p\": its mode is 0644");
        let late = IdentityError::InviteExpired { since: UnixSeconds(0) };
        assert_eq!(late.to_string(), "the invite was good until 1970-01-01 00:00:00 UTC");
    }
}
