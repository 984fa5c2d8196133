//! The asking side of a person who administers the mesh.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncRead, AsyncWrite};

use super::JoinError;
use super::asking::{Line, converse, listed};
use super::message::{Answer, Certify, Request, Rotate};
use crate::cluster::identity::{
    AdministratorChain, AdministratorName, Administrators, Certificate, CertificateKey, DenyList, Eviction,
    Link, MeshId, Pin, Principal, Root, RootList, Roots, Signed, SigningKey, UnixSeconds,
};

/// A person who asks.
#[derive(Clone, Copy, Debug)]
pub struct Person<'a> {
    /// Of which mesh.
    pub mesh: &'a MeshId,
    /// What they are called.
    pub name: &'a AdministratorName,
    /// With what they sign: it is what the mesh knows of them.
    pub signing: &'a SigningKey,
    /// With what they are to connect.
    pub tls: &'a CertificateKey,
    /// Which list of roots they know.
    pub roots_seq: u64,
    /// How far they know the administrators.
    pub pin: Pin,
    /// What time it is.
    pub now: UnixSeconds,
}

/// What a person gets: verified, and not yet kept.
#[derive(Clone, Debug)]
pub struct Certified {
    /// The certificate.
    pub certificate: Certificate,
    /// What the mesh's certificates are signed with.
    pub roots: RootList,
    /// How the administrators came to be.
    pub chain: AdministratorChain,
    /// Who they are.
    pub administrators: Administrators,
    /// Who is out, as far as the server said.
    pub denied: DenyList,
}

/// Gets a certificate for a person who administers the mesh: the first one, or a newer one.
///
/// # Errors
/// When the server refuses, or answers anything that does not hold.
pub async fn certify<S>(line: Line<S>, person: &Person<'_>) -> Result<Certified, JoinError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mesh, address) = (person.mesh, line.address.clone());
    let request = Request::Certify(Box::new(Certify {
        mesh: *mesh,
        name: person.name.clone(),
        request: STANDARD.encode(person.tls.request()?),
    }));
    let Answer::Certified(issued) = answered(line, &request, person).await? else {
        return Err(JoinError::OtherAnswer { address });
    };
    let administrators = issued.administrators.replay(mesh, &person.pin)?;
    let roots = listed(&address, issued.roots, &administrators, mesh, person.roots_seq)?;
    let certificate = Certificate::from_pem(&issued.certificate, mesh)?;
    let other = |what| JoinError::OtherCertificate { address: address.clone(), what };
    if *certificate.key() != person.tls.fingerprint() {
        return Err(other("for this person's key"));
    }
    if *certificate.principal() != Principal::Administrator(person.name.clone()) {
        return Err(other("for this person's name"));
    }
    roots.roots().verify(&certificate)?;
    certificate.check_time(person.now)?;
    let mut denied = DenyList::default();
    denied.merge(issued.denied.to_vec(), &administrators, mesh).warn(&address);
    let chain = (*issued.administrators).clone();
    Ok(Certified { certificate, roots, chain, administrators, denied })
}

/// A root that is to follow, and the link to it: as a server has made it, and not verified by anybody yet.
#[derive(Clone, Debug)]
pub struct NextRoot {
    /// The root.
    pub root: Root,
    /// From the root that signs now.
    pub link: Link,
}

/// Has a server make the authority that is to follow. Nobody goes by it until an administrator has signed its root.
///
/// # Errors
/// When the server refuses, or answers no root of this mesh.
pub async fn rotate<S>(line: Line<S>, person: &Person<'_>) -> Result<NextRoot, JoinError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mesh, address) = (person.mesh, line.address.clone());
    let request = Request::Rotate(Box::new(Rotate { mesh: *mesh, name: person.name.clone() }));
    let Answer::Rotated(next) = answered(line, &request, person).await? else {
        return Err(JoinError::OtherAnswer { address });
    };
    let roots = Roots::from_pem(&next.root, mesh)?;
    let link = STANDARD.decode(next.link).map_err(|_| JoinError::OtherAnswer { address })?;
    Ok(NextRoot { root: roots.newest().clone(), link: Link::from_der(&link, mesh)? })
}

/// What a server answers a person, unless it refuses.
async fn answered<S>(line: Line<S>, request: &Request, person: &Person<'_>) -> Result<Answer, JoinError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let address = line.address.clone();
    match converse(line, request, Some((person.mesh, person.signing))).await? {
        Answer::Refused(refusal) => {
            let (name, text) = (person.name.clone(), refusal.shown());
            Err(JoinError::CertificateRefused { address, name, reason: refusal.reason, text })
        }
        answer => Ok(answer),
    }
}

/// Tells a server directly who is out. How many of these evictions hold there.
///
/// # Errors
/// When it does not carry the store, or cannot be told.
pub async fn deny<S>(line: Line<S>, list: Vec<Signed<Eviction>>) -> Result<usize, JoinError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let address = line.address.clone();
    match converse(line, &Request::Deny(list), None).await? {
        Answer::Denied(held) => Ok(held),
        Answer::Refused(refusal) => Err(JoinError::EvictionRefused { address, text: refusal.shown() }),
        _ => Err(JoinError::OtherAnswer { address }),
    }
}
