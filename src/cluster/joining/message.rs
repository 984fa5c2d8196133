//! What is said.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use super::JoinError;
use super::authority_pem::AuthorityPem;
use super::reason::Refusal;
use crate::cluster::identity::{
    AdministratorChain, AdministratorName, Domain, Eviction, HostKey, Invite, MeshId, RootsStatement,
};
use crate::cluster::identity::{Signature, Signed, SigningKey, VerifyingKey};
use crate::engine::world::HostName;

/// What a connection for this conversation is called in the TLS handshake.
pub const ALPN: &[u8] = b"mgmt-join/1";
/// Under which label TLS exports the session's value (RFC 8446, 7.5), with no context: 32 bytes.
pub const EXPORTER_LABEL: &[u8] = b"EXPORTER-mgmt-join";
/// Which version of the conversation is spoken here.
pub(super) const VERSION: u32 = 1;

/// A value that both ends of a TLS session have, and nobody else; no two sessions have the same.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Binding(pub [u8; 32]);

impl fmt::Debug for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Binding")
    }
}

/// What the server says first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Greeting {
    /// It listens.
    Hello(Hello),
    /// It has no time.
    Refused(Refusal),
}

/// Who it is that listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hello {
    /// Of the conversation.
    pub version: u32,
    /// Whether it carries the store: others cannot answer.
    pub serves: bool,
    /// Where hosts are that do: `host:port`.
    pub seeds: Vec<String>,
}

/// What who asks says: a request, kept to the byte as it was written, and a signature over the session's value and those bytes.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Call {
    body: Box<RawValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    proof: Option<Signature>,
}

/// What can be asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Request {
    /// An identity, with an invite.
    Join(Box<Join>),
    /// A newer certificate.
    Renew(Box<Renew>),
    /// A certificate for a person.
    Certify(Box<Certify>),
    /// Another authority for the mesh, asked by a person who administers it.
    Rotate(Box<Rotate>),
    /// Nothing for who asks: these are out. Whoever hands it on needs to be nobody, since it is signed.
    Deny(Vec<Signed<Eviction>>),
    /// The authority, to issue certificates with.
    Authority {
        /// Of which mesh.
        mesh: MeshId,
    },
}

/// To become a host of the mesh.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Join {
    /// Which mesh.
    pub mesh: MeshId,
    /// The public half of the invite's key. The invite itself is in the store: a token is too short for it.
    pub invite_key: VerifyingKey,
    /// The host's keys, signed by the invite's.
    pub host_key: Signed<HostKey>,
    /// That statement, signed by the host's own key.
    pub possession: Signature,
    /// A request for a certificate: PKCS#10 in DER, as base64.
    pub request: String,
    /// What else the host is called.
    pub names: Vec<HostName>,
    /// Where it is reached.
    pub addresses: Vec<IpAddr>,
}

/// To go on being one.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Renew {
    /// Which mesh.
    pub mesh: MeshId,
    /// Who.
    pub host: HostName,
    /// A request for a certificate: PKCS#10 in DER, as base64.
    pub request: String,
    /// What else the host is called.
    pub names: Vec<HostName>,
    /// Where it is reached.
    pub addresses: Vec<IpAddr>,
}

/// To be known as a person who administers the mesh.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Certify {
    /// Which mesh.
    pub mesh: MeshId,
    /// Who.
    pub name: AdministratorName,
    /// A request for a certificate: PKCS#10 in DER, as base64.
    pub request: String,
}

/// To have an authority made that is to follow: it is nothing until an administrator has signed its root.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Rotate {
    /// Which mesh.
    pub mesh: MeshId,
    /// Who asks.
    pub name: AdministratorName,
}

/// A root that is to follow.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct NextRoot {
    /// PEM.
    pub root: String,
    /// The link that leads to it: DER, as base64.
    pub link: String,
}

/// What the server answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    /// It is a host of the mesh now.
    Joined(Box<Issued>),
    /// It has a newer certificate.
    Renewed(Box<Issued>),
    /// Who asked is a person who administers the mesh.
    Certified(Box<Issued>),
    /// An authority is made.
    Rotated(NextRoot),
    /// So many of those evictions hold.
    Denied(usize),
    /// The authority.
    AuthorityIs(AuthorityPem),
    /// No.
    Refused(Refusal),
}

/// A certificate, and what makes others trust its holder and it them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Issued {
    /// PEM.
    pub certificate: String,
    /// What signs certificates, as an administrator has signed it.
    pub roots: Signed<RootsStatement>,
    /// How the administrators came to be.
    pub administrators: Arc<AdministratorChain>,
    /// Who is out. Left out when it is too long for the answer: the store has it.
    #[serde(default)]
    pub denied: Arc<Vec<Signed<Eviction>>>,
    /// The invite that the host joined with: a part of its papers. Who renews has it.
    #[serde(default)]
    pub invite: Option<Signed<Invite>>,
    /// Where hosts are that carry the store: `host:port`.
    pub seeds: Vec<String>,
}

/// What a proof is a signature over: the session's value, and the hash of the request. It is 64 bytes long, which no statement is
/// that the same keys sign for the same purpose (a host's own statement of its keys), so neither passes for the other.
fn proven(binding: &Binding, body: &str) -> [u8; 64] {
    let mut content = [0; 64];
    content[..32].copy_from_slice(&binding.0);
    content[32..].copy_from_slice(&Sha256::digest(body.as_bytes()));
    content
}

impl Call {
    /// A request, with the proof that who asks has a key.
    ///
    /// # Errors
    /// None that can happen: requests are small, and can be written.
    pub(super) fn new(
        request: &Request,
        binding: &Binding,
        by: Option<(&MeshId, &SigningKey)>,
    ) -> Result<Self, JoinError> {
        let bad = |source| JoinError::NotUnderstood { what: "what was to be asked", source };
        let body = serde_json::value::to_raw_value(request).map_err(bad)?;
        let sign = |(mesh, key): (&MeshId, &SigningKey)| {
            key.sign(Domain::JoinRequest, mesh, &proven(binding, body.get()))
        };
        let proof = by.map(sign).transpose()?;
        Ok(Self { body, proof })
    }

    /// What is asked.
    ///
    /// # Errors
    /// When it cannot be understood.
    pub(super) fn request(&self) -> Result<Request, JoinError> {
        super::frame::decode(self.body.get().as_bytes(), "what is asked")
    }

    /// Whether who asks has this key, and asks in this session.
    pub(super) fn is_proven(&self, binding: &Binding, mesh: &MeshId, key: &VerifyingKey) -> bool {
        self.proof.is_some_and(|proof| {
            key.verify(Domain::JoinRequest, mesh, &proven(binding, self.body.get()), &proof).is_ok()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::scene::mesh;
    use super::*;

    #[test]
    fn a_proof_counts_for_one_session_one_request_one_mesh_and_one_key() {
        let key = SigningKey::generate().unwrap();
        let request = Request::Authority { mesh: mesh() };
        let (here, there) = (Binding([1; 32]), Binding([2; 32]));
        let call = Call::new(&request, &here, Some((&mesh(), &key))).unwrap();
        let text = serde_json::to_string(&call).unwrap();
        let call: Call = serde_json::from_str(&text).unwrap();
        let public = key.verifying_key();
        assert!(call.is_proven(&here, &mesh(), &public));
        assert!(!call.is_proven(&there, &mesh(), &public));
        assert!(!call.is_proven(&here, &MeshId::from_bytes([9; 16]), &public));
        assert!(!call.is_proven(&here, &mesh(), &SigningKey::generate().unwrap().verifying_key()));
        let spaced: Call = serde_json::from_str(&text.replacen("{\"mesh\"", "{ \"mesh\"", 1)).unwrap();
        assert!(!spaced.is_proven(&here, &mesh(), &public), "the bytes count, not what they mean");
        let silent = Call::new(&request, &here, None).unwrap();
        assert!(!silent.is_proven(&here, &mesh(), &public));
    }

    #[test]
    fn what_is_asked_is_read_as_it_was_written() {
        let renew = Renew {
            mesh: mesh(),
            host: "a".parse().unwrap(),
            request: "AAAA".into(),
            names: vec!["a.example.org".parse().unwrap()],
            addresses: vec!["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()],
        };
        let call = Call::new(&Request::Renew(Box::new(renew)), &Binding([0; 32]), None).unwrap();
        let Request::Renew(read) = call.request().unwrap() else { panic!() };
        assert_eq!((read.host.as_str(), read.names.len(), read.addresses.len()), ("a", 1, 2));
        let nonsense: Call = serde_json::from_str(r#"{"body":{"sing":{}}}"#).unwrap();
        assert!(matches!(nonsense.request(), Err(JoinError::NotUnderstood { .. })));
    }
}
