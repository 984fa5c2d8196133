//! What many tests begin with: a mesh in a store that is alone, its first administrator, and a desk.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::pin::Pin as Pinned;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};

use super::*;
use crate::cluster::etcd::lone::Lone;
use crate::cluster::etcd::node::Node as _;
use crate::cluster::identity::{
    AdministratorChain, Administrators, Authority, Certificate, DenyList, Domain, Eviction, Fingerprint,
    Grant, HostKeys, JoinToken, MeshId, Papers, Pin, RootList, Roots, Signed, SigningKey, SubjectKey,
    UnixSeconds,
};
use crate::cluster::store::id::LeaseId;
use crate::cluster::store::request::{Change, Put};
use crate::cluster::store::watch::Limits;
use crate::cluster::world::keys;
use crate::engine::world::{DeployId, HostName};

/// When it is, until a test says otherwise.
pub(super) const NOW: UnixSeconds = UnixSeconds(1_800_000_000);
/// The value of the session that most conversations are in.
pub(super) const HERE: Binding = Binding([0x11; 32]);
/// The value of another one.
pub(super) const THERE: Binding = Binding([0x22; 32]);

pub(super) fn mesh() -> MeshId {
    MeshId::from_bytes([7; 16])
}

pub(super) fn host(name: &str) -> HostName {
    name.parse().unwrap()
}

/// For two hosts called `web-*`, for an hour.
pub(super) fn terms() -> Terms {
    Terms {
        hosts: "web-*".parse().unwrap(),
        uses: 2,
        expires: UnixSeconds(NOW.0 + 3_600),
        zone: "north".to_owned(),
        labels: BTreeMap::from([("role".to_owned(), "web".to_owned())]),
        serve: false,
    }
}

/// A host that wants to join.
pub(super) struct Guest {
    pub host: HostName,
    pub keys: HostKeys,
    pub serve: bool,
    pub names: Vec<HostName>,
    pub addresses: Vec<IpAddr>,
}

impl Guest {
    pub(super) fn new(name: &str) -> Self {
        let (names, addresses) = (Vec::new(), vec!["192.0.2.1".parse().unwrap()]);
        Self { host: host(name), keys: HostKeys::generate().unwrap(), serve: false, names, addresses }
    }

    pub(super) fn at(&self, now: UnixSeconds) -> Applicant<'_> {
        let Self { host, keys, serve, names, addresses } = self;
        Applicant { host, keys, serve: *serve, names, addresses, now }
    }
}

pub(super) struct Scene {
    pub lone: Lone,
    pub ann: SigningKey,
    pub desk: Desk,
    chain: AdministratorChain,
    authority: Arc<Authority>,
    clock: Arc<AtomicU64>,
    denied: Mutex<DenyList>,
}

impl Scene {
    pub(super) async fn start() -> Self {
        Self::with(DeskSettings::default()).await
    }

    pub(super) async fn with(settings: DeskSettings) -> Self {
        let lone = Lone::start(Limits::default());
        let ann = SigningKey::generate().unwrap();
        let chain = AdministratorChain::begin(&mesh(), "ann".parse().unwrap(), &ann, NOW).unwrap();
        let authority = Arc::new(Authority::new(mesh(), NOW).unwrap());
        let clock = Arc::new(AtomicU64::new(NOW.0));
        let ticking = clock.clone();
        let told: Clock = Arc::new(move || UnixSeconds(ticking.load(Ordering::SeqCst)));
        let registry = NodeRegistry::new(Arc::new(lone.clone()), mesh(), Pin::default());
        let desk = Desk::new(Arc::new(registry), authority.clone(), told, settings);
        let scene = Self { lone, ann, desk, chain, authority, clock, denied: Mutex::default() };
        scene.put(keys::ADMINISTRATORS, &scene.chain.to_json()).await;
        scene.put(keys::DENIED, "[]").await;
        scene.list(scene.authority.roots().clone(), 1).await;
        scene
    }

    /// Another authority than the one that the mesh began with, and the roots with it; nobody is told of it.
    pub(super) fn next(&self) -> (Authority, Roots) {
        let (next, link) = self.authority.rotate(NOW).unwrap();
        let roots = self.authority.roots().followed_by(next.roots().newest().clone(), link).unwrap();
        (next, roots)
    }

    /// The store says that these are the roots, as the administrator has signed them.
    pub(super) async fn list(&self, roots: Roots, seq: u64) {
        let list = RootList::sign(roots, seq, &mesh(), &self.ann).unwrap();
        self.put(keys::ROOTS, &list.signed().to_json()).await;
    }

    /// The roots that the mesh began with.
    pub(super) fn root_list(&self) -> RootList {
        RootList::sign(self.authority.roots().clone(), 1, &mesh(), &self.ann).unwrap()
    }

    pub(super) fn now(&self) -> UnixSeconds {
        UnixSeconds(self.clock.load(Ordering::SeqCst))
    }

    pub(super) fn pass(&self, seconds: u64) {
        self.clock.fetch_add(seconds, Ordering::SeqCst);
    }

    pub(super) fn chain(&self) -> &AdministratorChain {
        &self.chain
    }

    pub(super) fn administrators(&self) -> Administrators {
        self.chain.replay(&mesh(), &Pin::default()).unwrap()
    }

    pub(super) fn authority(&self) -> Arc<Authority> {
        self.authority.clone()
    }

    pub(super) fn registry(&self) -> NodeRegistry {
        NodeRegistry::new(Arc::new(self.lone.clone()), mesh(), Pin::default())
    }

    pub(super) async fn put(&self, key: &str, value: &str) {
        let (key, value) = (key.to_owned().into(), Some(value.to_owned().into()));
        let put = Put { key, value, lease: Some(LeaseId(0)), previous: false };
        self.lone.propose(Change::Put(put), None).await.unwrap();
    }

    /// Something to be written down, whatever it is.
    pub(super) fn entry(&self, name: &str) -> (Use, Enrolled) {
        let keys = HostKeys::generate().unwrap();
        let statement = keys.statement(host(name), false, NOW);
        let papers = Papers::vouched(&statement, &keys.signing, &self.ann, &mesh()).unwrap();
        let key = keys.signing.fingerprint();
        let (certificate, root) = (self.certificate(name, false, &keys), self.authority.roots().newest());
        (Use { invite: Fingerprint::of_spki(b"invite"), key }, Enrolled::new(papers, key, &certificate, root))
    }

    pub(super) fn certificate(&self, name: &str, may_serve: bool, keys: &HostKeys) -> Certificate {
        let grant = Grant::host(host(name), may_serve);
        self.authority.issue(&SubjectKey::of(&keys.tls), &grant, self.now()).unwrap()
    }

    /// Evicts whoever has a name, and these keys.
    pub(super) async fn evict(&self, name: &str, named: Vec<Fingerprint>) {
        let text = {
            let mut denied = self.denied.lock().unwrap_or_else(PoisonError::into_inner);
            let (seq, at) = (denied.next_seq(), self.now());
            let eviction = Eviction { seq, host: host(name), serials: Vec::new(), keys: named, at };
            let signed = Signed::new(&eviction, Domain::Eviction, &mesh(), &self.ann).unwrap();
            denied.take(signed, &self.administrators(), &mesh()).unwrap();
            serde_json::to_string(&denied.iter().collect::<Vec<_>>()).unwrap()
        };
        self.put(keys::DENIED, &text).await;
    }

    /// An invite that the store has, and its token.
    pub(super) async fn token(&self, terms: Terms) -> JoinToken {
        let seeds = ["db-1:2379".to_owned()];
        let by = Inviting {
            mesh: &mesh(),
            administrator: &self.ann,
            administrators: &self.administrators(),
            roots: self.authority.roots(),
            seeds: &seeds,
            lowest_deploy: DeployId(7),
        };
        let made = invite(&by, terms).unwrap();
        self.put(&made.key, &made.value).await;
        made.token
    }

    /// A line to the desk, and what it says of the conversation.
    pub(super) fn line(&self) -> (Line<DuplexStream>, impl Future<Output = Result<Answered, JoinError>>) {
        let (near, far) = duplex(64 << 10);
        (Line::new(near, HERE, "db-1:2379"), self.desk.answer(far, &HERE, None))
    }

    pub(super) async fn join(&self, token: &JoinToken, guest: &Guest) -> Result<Enrolment, JoinError> {
        let (line, answered) = self.line();
        let applicant = guest.at(self.now());
        let (joined, answered) = tokio::join!(join(line, token, &applicant), answered);
        if let Ok(answered) = answered {
            assert_eq!(matches!(answered, Answered::Joined(_)), joined.is_ok(), "{answered:?} {joined:?}");
        }
        joined
    }

    pub(super) async fn renew(&self, enrolment: &Enrolment, guest: &Guest) -> Result<Enrolment, JoinError> {
        let (line, answered) = self.line();
        let applicant = guest.at(self.now());
        let held = Held {
            mesh: &mesh(),
            papers: &enrolment.papers,
            roots_seq: enrolment.roots.seq(),
            pin: Pin { first: None, known: Some(*enrolment.administrators.head()) },
        };
        tokio::join!(renew(line, &held, &applicant), answered).0
    }

    /// What the two sides said to one another when a host joined: first its words, then the desk's.
    pub(super) async fn taped(&self, token: &JoinToken, guest: &Guest) -> (Vec<u8>, Vec<u8>) {
        let (near, far) = duplex(64 << 10);
        let tape = Tape::default();
        let line = Line::new(Taped { stream: near, tape: tape.clone() }, HERE, "db-1:2379");
        let applicant = guest.at(self.now());
        let (joined, _) = tokio::join!(join(line, token, &applicant), self.desk.answer(far, &HERE, None));
        joined.unwrap();
        tape.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Why somebody was refused.
pub(super) fn reason<T: std::fmt::Debug>(result: Result<T, JoinError>) -> Reason {
    match result {
        Err(JoinError::Refused { reason, .. } | JoinError::AuthorityRefused { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

/// What was written, and what was read.
pub(super) type Tape = Arc<Mutex<(Vec<u8>, Vec<u8>)>>;

/// A stream on which everything is recorded.
#[derive(Debug)]
pub(super) struct Taped {
    stream: DuplexStream,
    tape: Tape,
}

impl AsyncRead for Taped {
    fn poll_read(
        mut self: Pinned<&mut Self>,
        cx: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = room.filled().len();
        let polled = Pinned::new(&mut self.stream).poll_read(cx, room);
        let mut tape = self.tape.lock().unwrap_or_else(PoisonError::into_inner);
        tape.1.extend_from_slice(&room.filled()[before..]);
        drop(tape);
        polled
    }
}

impl AsyncWrite for Taped {
    fn poll_write(
        mut self: Pinned<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let polled = Pinned::new(&mut self.stream).poll_write(cx, bytes);
        if let Poll::Ready(Ok(written)) = polled {
            let mut tape = self.tape.lock().unwrap_or_else(PoisonError::into_inner);
            tape.0.extend_from_slice(&bytes[..written]);
        }
        polled
    }

    fn poll_flush(mut self: Pinned<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pinned::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pinned<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pinned::new(&mut self.stream).poll_shutdown(cx)
    }
}
