//! The answering side.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use super::admission::{Candidate, Certification, Claims, Renewal, may_have_authority, may_rotate, server};
use super::authority_pem::AuthorityPem;
use super::frame::{self, MOST_ANSWERED, MOST_ASKED};
use super::message::{
    Answer, Binding, Call, Certify, Greeting, Hello, Issued, Join, NextRoot, Renew, Request, Rotate, VERSION,
};
use super::node_registry::is_leaderless;
use super::reason::{RETRY_BUSY_MS, RETRY_LEADERLESS_MS, RETRY_TROUBLE_MS, Reason, Refusal};
use super::registry::{Enrolled, Known, Registry};
use super::{JoinError, PATIENCE};
use crate::cluster::etcd::node::NodeError;
use crate::cluster::identity::{
    AdministratorName, Authority, Certificate, Eviction, Grant, HOST_VALIDITY, IdentityError, MOST_SEEDS,
};
use crate::cluster::identity::{MeshId, Principal, Root, Signed, SubjectKey, UnixSeconds};
use crate::engine::world::HostName;

/// How often a host is written down anew because something has changed in between.
const TRIES: u32 = 32;

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> UnixSeconds + Send + Sync>;

/// What can be chosen of a desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeskSettings {
    /// How long certificates are good.
    pub validity: Duration,
    /// How long a conversation may take.
    pub patience: Duration,
    /// How many conversations there are at once; who comes while there are so many is told to come again.
    pub seats: usize,
}

impl Default for DeskSettings {
    fn default() -> Self {
        Self { validity: HOST_VALIDITY, patience: PATIENCE, seats: 64 }
    }
}

/// What came of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answered {
    /// A host has joined.
    Joined(HostName),
    /// A host has a newer certificate.
    Renewed(HostName),
    /// A person has a certificate.
    Certified(AdministratorName),
    /// An authority was made that is to follow, as a person has asked.
    Rotated(AdministratorName),
    /// So many evictions were handed over that hold.
    Denied(usize),
    /// A host has the authority.
    Handed(HostName),
    /// Somebody was refused.
    Refused(Reason),
}

/// Keeps what a desk is told beside identities.
pub trait Keeper: Send + Sync {
    /// Evictions that are handed over directly: to a server that does not hear of them from the others. Goes by those that hold,
    /// whether they are new or not, and tells how many that are.
    fn deny(&self, list: Vec<Signed<Eviction>>) -> usize;

    /// Keeps an authority that is to follow.
    ///
    /// # Errors
    /// When the disk refuses.
    fn prepare(&self, next: &Authority) -> Result<(), IdentityError>;
}

/// Gives hosts their identities.
pub struct Desk {
    mesh: MeshId,
    registry: Arc<dyn Registry>,
    authority: Mutex<Arc<Authority>>,
    clock: Clock,
    settings: DeskSettings,
    seats: Semaphore,
    keeper: Option<Arc<dyn Keeper>>,
    /// Who finds that others write at the same time waits for their turn, so that all get through.
    turn: tokio::sync::Mutex<()>,
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mesh, settings, .. } = self;
        f.debug_struct("Desk").field("mesh", mesh).field("settings", settings).finish_non_exhaustive()
    }
}

impl Desk {
    /// A desk that issues with this authority, and writes down in this registry.
    pub fn new(
        registry: Arc<dyn Registry>,
        authority: Arc<Authority>,
        clock: Clock,
        settings: DeskSettings,
    ) -> Self {
        let (mesh, seats) = (*authority.mesh(), Semaphore::new(settings.seats));
        let (authority, turn) = (Mutex::new(authority), tokio::sync::Mutex::default());
        Self { mesh, registry, authority, clock, settings, seats, keeper: None, turn }
    }

    /// With somebody who keeps what it is told beside identities.
    #[must_use]
    pub fn with_keeper(self, keeper: Arc<dyn Keeper>) -> Self {
        Self { keeper: Some(keeper), ..self }
    }

    /// What it issues with.
    pub fn authority(&self) -> Arc<Authority> {
        self.authority.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Issues with another authority from now on: the mesh has changed it.
    pub fn set_authority(&self, authority: Arc<Authority>) {
        *self.authority.lock().unwrap_or_else(PoisonError::into_inner) = authority;
    }

    /// Has one conversation: `binding` is the TLS session's value, `peer` the certificate that the other side showed, if it showed
    /// one and TLS has verified it.
    ///
    /// # Errors
    /// When the other side says nothing, nothing that can be understood, or takes too long; or when the stream fails.
    pub async fn answer<S>(
        &self,
        mut stream: S,
        binding: &Binding,
        peer: Option<&Certificate>,
    ) -> Result<Answered, JoinError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let patience = self.settings.patience;
        let conversation = self.converse(&mut stream, binding, peer);
        tokio::time::timeout(patience, conversation).await.unwrap_or(Err(JoinError::TooSlow { patience }))
    }

    async fn converse<S>(
        &self,
        stream: &mut S,
        binding: &Binding,
        peer: Option<&Certificate>,
    ) -> Result<Answered, JoinError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let Ok(_seat) = self.seats.try_acquire() else {
            let reason = Reason::Busy { retry_after_ms: RETRY_BUSY_MS };
            say(stream, &Greeting::Refused(reason.clone().into())).await?;
            close(stream).await;
            return Ok(Answered::Refused(reason));
        };
        let hello = Hello { version: VERSION, serves: true, seeds: self.seeds() };
        say(stream, &Greeting::Hello(hello)).await?;
        let asked = match frame::read(stream, MOST_ASKED).await {
            Ok(body) => frame::decode(&body, "what is asked"),
            Err(error @ JoinError::TooLarge { .. }) => Err(error),
            Err(error) => return Err(error),
        };
        let considered = match asked {
            Ok(call) => self.consider(&call, binding, peer).await,
            Err(error) => Err(Refusal::bad(&error.to_string())),
        };
        let (answer, answered) = considered.unwrap_or_else(|refusal| {
            let answered = Answered::Refused(refusal.reason.clone());
            (Answer::Refused(refusal), answered)
        });
        frame::write(stream, &fitting(answer)?).await?;
        close(stream).await;
        Ok(answered)
    }

    async fn consider(
        &self,
        call: &Call,
        binding: &Binding,
        peer: Option<&Certificate>,
    ) -> Result<(Answer, Answered), Refusal> {
        match call.request().map_err(|error| Refusal::bad(&error.to_string()))? {
            Request::Join(join) => {
                let (host, issued) = self.join(*join, call, binding).await?;
                Ok((Answer::Joined(Box::new(issued)), Answered::Joined(host)))
            }
            Request::Renew(renew) => {
                let (host, issued) = self.renew(&renew, call, binding).await?;
                Ok((Answer::Renewed(Box::new(issued)), Answered::Renewed(host)))
            }
            Request::Certify(certify) => {
                let (name, issued) = self.certify(&certify, call, binding).await?;
                Ok((Answer::Certified(Box::new(issued)), Answered::Certified(name)))
            }
            Request::Rotate(rotate) => {
                let next = self.rotate(&rotate, call, binding).await?;
                Ok((Answer::Rotated(next), Answered::Rotated(rotate.name)))
            }
            Request::Deny(list) => {
                let held = self.keeper.as_ref().map_or(0, |keeper| keeper.deny(list));
                Ok((Answer::Denied(held), Answered::Denied(held)))
            }
            Request::Authority { mesh } => {
                if mesh != self.mesh {
                    return Err(Reason::OtherMesh.into());
                }
                let (peer, host) = server(peer)?;
                let view = self.registry.look(host, None).await.map_err(unavailable)?;
                may_have_authority(peer, host, self.registry.carries(host), &view, (self.clock)())?;
                Ok((Answer::AuthorityIs(AuthorityPem::of(&self.authority())), Answered::Handed(host.clone())))
            }
        }
    }

    async fn join(&self, join: Join, call: &Call, binding: &Binding) -> Result<(HostName, Issued), Refusal> {
        let candidate = Candidate::of(join, call, binding, &self.mesh)?;
        let Candidate { host, by, subject, claims, .. } = &candidate;
        let mut turn = None;
        for _ in 0..TRIES {
            let view = self.registry.look(host, Some(by)).await.map_err(unavailable)?;
            let now = (self.clock)();
            let (papers, standing) = candidate.admit(&view, &self.mesh, now)?;
            let (certificate, root) =
                self.issue(subject, self.grant(host, standing.serve, claims), &view.known, now)?;
            let enrolled = Enrolled::new(papers, by.key, &certificate, &root);
            // What is not written down is given to nobody.
            if self.registry.enrol(host, &enrolled, Some(by), &view).await.map_err(unavailable)? {
                let invite = view.invite.clone();
                return Ok((host.clone(), Issued { invite, ..self.issued(&certificate, &view.known) }));
            }
            if turn.is_none() {
                turn = Some(self.turn.lock().await);
            }
        }
        Err(Reason::Busy { retry_after_ms: RETRY_BUSY_MS }.into())
    }

    async fn renew(
        &self,
        renew: &Renew,
        call: &Call,
        binding: &Binding,
    ) -> Result<(HostName, Issued), Refusal> {
        let host = &renew.host;
        for _ in 0..TRIES {
            let view = self.registry.look(host, None).await.map_err(unavailable)?;
            let Renewal { papers, key, serve, subject, claims } =
                Renewal::of(renew, call, binding, &view, &self.mesh)?;
            let grant = self.grant(host, serve, &claims);
            let (certificate, root) = self.issue(&subject, grant, &view.known, (self.clock)())?;
            let enrolled = Enrolled::new(papers, key, &certificate, &root);
            if self.registry.enrol(host, &enrolled, None, &view).await.map_err(unavailable)? {
                return Ok((host.clone(), self.issued(&certificate, &view.known)));
            }
        }
        Err(Reason::Busy { retry_after_ms: RETRY_BUSY_MS }.into())
    }

    async fn certify(
        &self,
        certify: &Certify,
        call: &Call,
        binding: &Binding,
    ) -> Result<(AdministratorName, Issued), Refusal> {
        let known = self.registry.know().await.map_err(unavailable)?;
        let Certification { name, subject } =
            Certification::of(certify, call, binding, &known.administrators, &self.mesh)?;
        let grant = Grant::administrator(name.clone());
        let (certificate, _) = self.issue(&subject, grant, &known, (self.clock)())?;
        Ok((name, self.issued(&certificate, &known)))
    }

    /// Makes the authority that is to follow, and keeps it: it is nothing until the mesh is told so by an administrator.
    async fn rotate(&self, rotate: &Rotate, call: &Call, binding: &Binding) -> Result<NextRoot, Refusal> {
        let known = self.registry.know().await.map_err(unavailable)?;
        may_rotate(rotate, call, binding, &known.administrators, &self.mesh)?;
        let made = self.authority().rotate((self.clock)());
        let (next, link) = made.map_err(|source| unavailable(source.into()))?;
        let Some(keeper) = &self.keeper else { return Err(Refusal::bad("it keeps no authority")) };
        keeper.prepare(&next).map_err(|source| unavailable(source.into()))?;
        Ok(NextRoot { root: next.roots().to_pem(), link: STANDARD.encode(link.der()) })
    }

    fn grant(&self, host: &HostName, may_serve: bool, claims: &Claims) -> Grant {
        let Claims { names, addresses } = claims.clone();
        let (principal, validity) = (Principal::Host(host.clone()), self.settings.validity);
        Grant { principal, names, addresses, validity, may_serve }
    }

    fn issue(
        &self,
        subject: &SubjectKey,
        grant: Grant,
        known: &Known,
        now: UnixSeconds,
    ) -> Result<(Certificate, Root), Refusal> {
        let authority = self.authority();
        let issued = authority.issue(subject, &grant, now);
        let certificate = issued.map_err(|source| unavailable(source.into()))?;
        let later = |text: String| {
            let reason = Reason::Busy { retry_after_ms: RETRY_TROUBLE_MS };
            Refusal { reason, text }
        };
        if known.roots.roots().verify(&certificate).is_err() {
            return Err(later("the mesh has another authority now, and this server not yet".to_owned()));
        }
        match known.denied.denies(&certificate) {
            Some(eviction) => Err(later(format!("whoever had that name is evicted until {}", eviction.at))),
            None => Ok((certificate, authority.roots().newest().clone())),
        }
    }

    fn issued(&self, certificate: &Certificate, known: &Known) -> Issued {
        Issued {
            certificate: certificate.to_pem(),
            roots: known.roots.signed().clone(),
            administrators: known.chain.clone(),
            denied: known.evictions.clone(),
            invite: None,
            seeds: self.seeds(),
        }
    }

    fn seeds(&self) -> Vec<String> {
        let mut seeds = self.registry.seeds();
        seeds.truncate(MOST_SEEDS);
        seeds
    }
}

pub(super) async fn say<S: AsyncWrite + Unpin>(stream: &mut S, greeting: &Greeting) -> Result<(), JoinError> {
    frame::write(stream, &frame::encode(greeting, MOST_ASKED)?).await
}

pub(super) async fn close<S: AsyncWrite + Unpin>(stream: &mut S) {
    // All has been said, and seen off.
    let _ = stream.shutdown().await;
}

/// An answer as it is sent: without the list of who is out, if it is too long with it. The store has that list.
fn fitting(answer: Answer) -> Result<Zeroizing<Vec<u8>>, JoinError> {
    match (frame::encode(&answer, MOST_ANSWERED), answer) {
        (Err(JoinError::TooLarge { .. }), Answer::Joined(mut issued)) => {
            issued.denied = Arc::default();
            frame::encode(&Answer::Joined(issued), MOST_ANSWERED)
        }
        (Err(JoinError::TooLarge { .. }), Answer::Renewed(mut issued)) => {
            issued.denied = Arc::default();
            frame::encode(&Answer::Renewed(issued), MOST_ANSWERED)
        }
        (Err(JoinError::TooLarge { .. }), Answer::Certified(mut issued)) => {
            issued.denied = Arc::default();
            frame::encode(&Answer::Certified(issued), MOST_ANSWERED)
        }
        (encoded, _) => encoded,
    }
}

/// What a stranger is told when this server cannot do its part. Why is for its own log.
fn unavailable(error: JoinError) -> Refusal {
    let reason = match &error {
        JoinError::Store { source, .. } if is_leaderless(source) => {
            Reason::NoQuorum { retry_after_ms: RETRY_LEADERLESS_MS }
        }
        JoinError::Store { source: NodeError::TooManyRequests, .. } => {
            Reason::Busy { retry_after_ms: RETRY_BUSY_MS }
        }
        error => {
            let error: &dyn std::error::Error = error;
            tracing::error!(error, "no host can get an identity here");
            Reason::Busy { retry_after_ms: RETRY_TROUBLE_MS }
        }
    };
    reason.into()
}

#[cfg(test)]
mod tests {
    use super::super::scene::{NOW, Scene, host, mesh};
    use super::*;
    use crate::cluster::identity::{Domain, Eviction, Fingerprint, Signed};

    #[tokio::test]
    async fn a_list_that_is_too_long_for_an_answer_is_left_to_the_store() {
        let scene = Scene::start().await;
        let keys = vec![Fingerprint::from_bytes([1; 32]); 15_000];
        let eviction = Eviction { seq: 1, host: host("web-9"), serials: Vec::new(), keys, at: NOW };
        let signed = Signed::new(&eviction, Domain::Eviction, &mesh(), &scene.ann).unwrap();
        for (evictions, fit) in [(1, true), (6, false)] {
            let issued = Issued {
                certificate: "here".to_owned(),
                roots: scene.root_list().signed().clone(),
                administrators: Arc::new(scene.chain().clone()),
                denied: Arc::new(vec![signed.clone(); evictions]),
                invite: None,
                seeds: Vec::new(),
            };
            let body = fitting(Answer::Joined(Box::new(issued))).unwrap();
            assert!(body.len() <= MOST_ANSWERED);
            let Answer::Joined(read) = frame::decode(&body, "").unwrap() else { panic!() };
            assert_eq!((read.certificate.as_str(), !read.denied.is_empty()), ("here", fit));
        }
    }
}
