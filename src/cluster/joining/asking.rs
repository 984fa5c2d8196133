//! The asking side.

use std::net::IpAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncRead, AsyncWrite};

use super::frame::{self, MOST_ANSWERED, MOST_ASKED};
use super::message::{Answer, Binding, Call, Greeting, Issued, Join, Renew, Request, VERSION};
use super::reason::Refusal;
use super::{Enrolment, JoinError, PATIENCE};
use crate::cluster::identity::{
    Administrators, Authority, Certificate, DenyList, Domain, HostKeys, JoinToken, MOST_SEEDS, MeshId,
    Papers, Pin, Principal, RootList, Roots, RootsStatement, Signed, SigningKey, UnixSeconds,
};
use crate::engine::world::{DeployId, HostName};

/// A stream to a server whose certificate TLS has verified: one of an authority that the token names, or of a root that this host
/// knows.
#[derive(Debug)]
pub struct Line<S> {
    stream: S,
    binding: Binding,
    pub(super) address: String,
    patience: Duration,
}

impl<S> Line<S> {
    /// A stream, its TLS session's value, and whom it leads to.
    pub fn new(stream: S, binding: Binding, address: impl Into<String>) -> Self {
        Self { stream, binding, address: address.into(), patience: PATIENCE }
    }

    /// With another time that the conversation may take.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }
}

/// The host that asks.
#[derive(Clone, Copy, Debug)]
pub struct Applicant<'a> {
    /// What it is called.
    pub host: &'a HostName,
    /// Its keys: kept before it asks ([`own_keys`](super::own_keys)).
    pub keys: &'a HostKeys,
    /// Whether it is to carry the store, if it may. Asked only when it joins.
    pub serve: bool,
    /// What else it is called: its name with a domain behind it.
    pub names: &'a [HostName],
    /// Where it is reached.
    pub addresses: &'a [IpAddr],
    /// What time it is.
    pub now: UnixSeconds,
}

/// What a host that has an identity knows already.
#[derive(Clone, Copy, Debug)]
pub struct Held<'a> {
    /// Its mesh.
    pub mesh: &'a MeshId,
    /// Why others trust its keys.
    pub papers: &'a Papers,
    /// Which list of roots it knows: an older one is of a server that is behind.
    pub roots_seq: u64,
    /// How far it knows the administrators.
    pub pin: Pin,
}

/// Whose answer is looked at, and by what it is judged.
struct Judge<'a> {
    address: &'a str,
    mesh: &'a MeshId,
    applicant: &'a Applicant<'a>,
    roots_seq: u64,
    pin: &'a Pin,
}

/// Joins a mesh.
///
/// # Errors
/// When the server refuses, is not one that can say yes, or answers anything that does not hold.
pub async fn join<S>(
    line: Line<S>,
    token: &JoinToken,
    applicant: &Applicant<'_>,
) -> Result<Enrolment, JoinError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mesh, keys, address) = (&token.mesh, applicant.keys, line.address.clone());
    let statement = keys.statement(applicant.host.clone(), applicant.serve, applicant.now);
    let host_key = Signed::new(&statement, Domain::HostKey, mesh, &token.key)?;
    let possession = keys.signing.sign(Domain::JoinRequest, mesh, host_key.statement().as_bytes())?;
    let request = Request::Join(Box::new(Join {
        mesh: *mesh,
        invite_key: token.key.verifying_key(),
        host_key: host_key.clone(),
        possession,
        request: STANDARD.encode(keys.tls.request()?),
        names: applicant.names.to_vec(),
        addresses: applicant.addresses.to_vec(),
    }));
    let issued = match converse(line, &request, Some((mesh, &token.key))).await? {
        Answer::Joined(issued) => issued,
        Answer::Refused(refusal) => return Err(refused(address, applicant.host, refusal)),
        _ => return Err(JoinError::OtherAnswer { address }),
    };
    let Some(invite) = issued.invite.clone() else { return Err(JoinError::OtherAnswer { address }) };
    let papers = Papers { host_key, possession, invite: Some(invite) };
    let pin = Pin { first: Some(token.administrator), known: None };
    let judge = Judge { address: &address, mesh, applicant, roots_seq: 0, pin: &pin };
    judge.believed(*issued, papers, Some(token.lowest_deploy))
}

/// Gets a newer certificate, with the keys that the host has always had. An expired certificate is no hindrance.
///
/// # Errors
/// As for [`join`].
pub async fn renew<S>(
    line: Line<S>,
    held: &Held<'_>,
    applicant: &Applicant<'_>,
) -> Result<Enrolment, JoinError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mesh, keys, address) = (held.mesh, applicant.keys, line.address.clone());
    let request = Request::Renew(Box::new(Renew {
        mesh: *mesh,
        host: applicant.host.clone(),
        request: STANDARD.encode(keys.tls.request()?),
        names: applicant.names.to_vec(),
        addresses: applicant.addresses.to_vec(),
    }));
    let issued = match converse(line, &request, Some((mesh, &keys.signing))).await? {
        Answer::Renewed(issued) => issued,
        Answer::Refused(refusal) => return Err(refused(address, applicant.host, refusal)),
        _ => return Err(JoinError::OtherAnswer { address }),
    };
    let judge = Judge { address: &address, mesh, applicant, roots_seq: held.roots_seq, pin: &held.pin };
    judge.believed(*issued, held.papers.clone(), None)
}

/// Asks for the authority whose root is the newest one: this host carries the store, or was asked to, and issues certificates. The connection must show
/// its certificate.
///
/// # Errors
/// As for [`join`].
pub async fn authority<S>(line: Line<S>, mesh: &MeshId, roots: &Roots) -> Result<Authority, JoinError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let address = line.address.clone();
    let authority = match converse(line, &Request::Authority { mesh: *mesh }, None).await? {
        Answer::AuthorityIs(pem) => pem.read(mesh)?,
        Answer::Refused(refusal) => {
            let text = refusal.shown();
            return Err(JoinError::AuthorityRefused { address, reason: refusal.reason, text });
        }
        _ => return Err(JoinError::OtherAnswer { address }),
    };
    let found = authority.roots().newest();
    if found != roots.newest() {
        return Err(JoinError::NotTheAuthority { address, found: *found.fingerprint() });
    }
    Ok(authority)
}

/// One question, one answer; nothing is said to who does not carry the store.
pub(super) async fn converse<S>(
    line: Line<S>,
    request: &Request,
    by: Option<(&MeshId, &SigningKey)>,
) -> Result<Answer, JoinError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Line { mut stream, binding, address, patience } = line;
    let conversation = async {
        let body = frame::read(&mut stream, MOST_ASKED).await?;
        let hello = match frame::decode(&body, "the greeting of a server")? {
            Greeting::Hello(hello) => hello,
            Greeting::Refused(refusal) => return Ok(Answer::Refused(refusal)),
        };
        if hello.version != VERSION {
            return Err(JoinError::OtherVersion { address, found: hello.version });
        }
        if !hello.serves {
            return Err(JoinError::CarriesNone { address, seeds: places(hello.seeds) });
        }
        let call = Call::new(request, &binding, by)?;
        frame::write(&mut stream, &frame::encode(&call, MOST_ASKED)?).await?;
        let body = frame::read(&mut stream, MOST_ANSWERED).await?;
        frame::decode(&body, "the answer of a server")
    };
    tokio::time::timeout(patience, conversation).await.unwrap_or(Err(JoinError::TooSlow { patience }))
}

/// Addresses that somebody told: as many as are of use, and none that could mislead who reads them.
fn places(seeds: Vec<String>) -> Vec<String> {
    let is_place =
        |seed: &String| (1..=260).contains(&seed.len()) && seed.bytes().all(|it| it.is_ascii_graphic());
    seeds.into_iter().filter(is_place).take(MOST_SEEDS).collect()
}

fn refused(address: String, host: &HostName, refusal: Refusal) -> JoinError {
    let text = refusal.shown();
    JoinError::Refused { address, host: host.clone(), reason: refusal.reason, text }
}

/// The roots that a server tells: those that an administrator has signed, and not an earlier list than is known.
pub(super) fn listed(
    address: &str,
    signed: Signed<RootsStatement>,
    administrators: &Administrators,
    mesh: &MeshId,
    known: u64,
) -> Result<RootList, JoinError> {
    let list = RootList::verify(signed, administrators, mesh)?;
    match list.seq() < known {
        true => Err(JoinError::OldRoots { address: address.to_owned(), found: list.seq(), known }),
        false => Ok(list),
    }
}

impl Judge<'_> {
    /// What was issued, if all of it holds: nothing is believed because a server says it.
    fn believed(
        &self,
        issued: Issued,
        papers: Papers,
        lowest_deploy: Option<DeployId>,
    ) -> Result<Enrolment, JoinError> {
        let (mesh, applicant) = (self.mesh, self.applicant);
        let administrators = issued.administrators.replay(mesh, self.pin)?;
        let roots = listed(self.address, issued.roots, &administrators, mesh, self.roots_seq)?;
        let certificate = Certificate::from_pem(&issued.certificate, mesh)?;
        let other = |what| JoinError::OtherCertificate { address: self.address.to_owned(), what };
        if *certificate.key() != applicant.keys.tls.fingerprint() {
            return Err(other("for this host's key"));
        }
        if *certificate.principal() != Principal::Host(applicant.host.clone()) {
            return Err(other("for this host's name"));
        }
        roots.roots().verify(&certificate)?;
        certificate.check_time(applicant.now)?;
        let mut denied = DenyList::default();
        // One that does not hold puts nobody out.
        denied.merge(issued.denied.to_vec(), &administrators, mesh).warn(self.address);
        let standing = papers.verify(&administrators, mesh, &denied)?;
        if standing.host != *applicant.host || standing.tls != *certificate.key() {
            return Err(other("for who has these papers"));
        }
        let chain = (*issued.administrators).clone();
        let (mesh, seeds) = (*mesh, places(issued.seeds));
        Ok(Enrolment {
            mesh,
            certificate,
            papers,
            roots,
            chain,
            administrators,
            denied,
            seeds,
            lowest_deploy,
        })
    }
}
