//! Keeps mirrors of stretches of the store up to date, over whatever connection there is.
//!
//! One stream of watches carries them all. A mirror is read once, and from then on it is told what changes; when the
//! connection breaks it goes on over the next one where it left off, and only when the store has forgotten that moment is
//! it read again, and compared.

mod keeping;
mod reading;
mod stream;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use self::keeping::Keeping;
pub(super) use self::reading::{Part, read};
use self::stream::{Heard, Stream};
use super::mirror::{Changed, History, Mirror};
use crate::cluster::link::{Line, Link, Standing};
use crate::cluster::store::id::ClusterId;
use crate::cluster::store::key::KeyRange;

/// A store that is away for no longer is a leader that changes: nobody needs to know.
const STALE_AFTER: Duration = Duration::from_secs(2);

/// Is told of a mirror's changes, on the watcher's task: it must be quick.
pub trait Sink: Send + 'static {
    /// The mirror has changed, or it has become stale, or is so no longer. The first time it is told when there is
    /// something to see: what is in the store, or what was kept on disk.
    fn told(&mut self, mirror: &Mirror, changes: &[Changed], stale: Option<SystemTime>);
}

/// Which mirror.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MirrorId(u64);

enum Order {
    Follow { id: MirrorId, range: KeyRange, sink: Box<dyn Sink> },
    Leave(MirrorId),
}

/// Keeps mirrors. It ends with its last [`Watcher`].
#[derive(Debug)]
pub struct Watcher {
    orders: mpsc::UnboundedSender<Order>,
    /// Goes with this, for those who wait for something else meanwhile.
    alive: watch::Sender<()>,
    next: std::sync::atomic::AtomicU64,
}

/// A mirror that someone follows.
struct Followed {
    range: KeyRange,
    mirror: Mirror,
    /// The store that the mirror is of.
    of: Option<ClusterId>,
    sink: Box<dyn Sink>,
    /// It was told at least once.
    told: bool,
    stale: Option<SystemTime>,
}

impl Watcher {
    /// Starts to follow nothing; what is seen is kept in `folder`, when there is one. To be called inside a tokio runtime.
    pub fn start(link: Link, folder: Option<PathBuf>) -> Self {
        let (orders, inbox) = mpsc::unbounded_channel();
        let task = Task { link, mirrors: BTreeMap::new(), keeping: Keeping::new(folder), away: None };
        tokio::spawn(task.run(inbox));
        let alive = watch::Sender::new(());
        Self { orders, alive, next: std::sync::atomic::AtomicU64::new(1) }
    }

    /// Follows keys, until [`Watcher::leave`].
    pub fn follow(&self, range: KeyRange, sink: impl Sink) -> MirrorId {
        let id = MirrorId(self.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        // A watcher that has ended has nothing to tell.
        let _ = self.orders.send(Order::Follow { id, range, sink: Box::new(sink) });
        id
    }

    /// Returns once there is no watcher any more.
    pub fn ended(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut alive = self.alive.subscribe();
        // Nothing is ever sent.
        async move { while alive.changed().await.is_ok() {} }
    }

    /// Follows them no longer.
    pub fn leave(&self, id: MirrorId) {
        let _ = self.orders.send(Order::Leave(id));
    }
}

struct Task {
    link: Link,
    mirrors: BTreeMap<MirrorId, Followed>,
    keeping: Keeping,
    /// Since when there is no connection.
    away: Option<(Instant, SystemTime)>,
}

impl Task {
    async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Order>) {
        let mut standing = self.link.follow();
        self.away = Some((Instant::now(), SystemTime::now()));
        loop {
            let up = match &*standing.borrow_and_update() {
                Standing::Up(line) => Some(line.clone()),
                Standing::Away(_) => None,
            };
            if let Some(line) = up {
                if !self.attend(line, &mut inbox).await {
                    break;
                }
                continue;
            }
            let stale_at = self.away.map(|(since, _)| since + STALE_AFTER);
            tokio::select! {
                changed = standing.changed() => if changed.is_err() { break },
                order = inbox.recv() => match order {
                    Some(order) => self.order(order, None),
                    None => break,
                },
                () = at(stale_at), if !self.is_stale() => self.become_stale(),
                () = self.keeping.due() => self.keep(),
            }
        }
        self.keep();
    }

    /// Follows over one connection until that ends; `false`: nobody wants it any more.
    async fn attend(&mut self, line: Line, inbox: &mut mpsc::UnboundedReceiver<Order>) -> bool {
        let mut stream = Stream::open(line.clone());
        for (id, followed) in &self.mirrors {
            followed.begin(*id, &mut stream);
        }
        let mut standing = self.link.follow();
        let is_left = |standing: &Standing| standing.line().is_some_and(|now| now.id != line.id);
        loop {
            tokio::select! {
                heard = stream.next() => match heard {
                    Heard::Ended(why) => {
                        tracing::debug!(why, "watches have ended");
                        break;
                    }
                    heard => self.heard(heard, &mut stream),
                },
                order = inbox.recv() => match order {
                    Some(order) => self.order(order, Some(&mut stream)),
                    None => return false,
                },
                // There is a better connection, and nothing else holds the last one.
                _ = standing.wait_for(is_left) => break,
                () = self.keeping.due() => self.keep(),
            }
        }
        self.link.is_useless(line.id);
        self.away = Some((Instant::now(), SystemTime::now()));
        // The link may not have noticed yet.
        let gone = |standing: &Standing| !matches!(standing, Standing::Up(now) if now.id == line.id);
        standing.wait_for(gone).await.is_ok()
    }

    fn order(&mut self, order: Order, stream: Option<&mut Stream>) {
        match order {
            Order::Follow { id, range, sink } => {
                let mut followed =
                    Followed { mirror: Mirror::default(), of: None, told: false, stale: None, range, sink };
                if let Some(kept) = self.keeping.load(&followed.range) {
                    followed.of = Some(kept.of);
                    let changes = followed.mirror.replace(kept.entries, kept.revision, History::Another);
                    followed.tell(&changes, Some(kept.at));
                }
                if let Some(stream) = stream {
                    followed.begin(id, stream);
                }
                self.mirrors.insert(id, followed);
            }
            Order::Leave(id) => {
                if self.mirrors.remove(&id).is_some()
                    && let Some(stream) = stream
                {
                    stream.cancel(id);
                }
            }
        }
    }

    fn heard(&mut self, heard: Heard, stream: &mut Stream) {
        self.away = None;
        match heard {
            Heard::Read { id, entries, revision } => {
                let Some(followed) = self.mirrors.get_mut(&id) else { return };
                let history = followed.history(stream);
                followed.of = Some(stream.of());
                let changes = followed.mirror.replace(entries, revision, history);
                let news = !changes.is_empty() || !followed.told || followed.stale.is_some();
                if news {
                    followed.tell(&changes, None);
                }
                stream.watch(id, &followed.range, revision);
                self.keeping.changed(id);
            }
            Heard::Watching { id } => {
                if let Some(followed) = self.mirrors.get_mut(&id).filter(|followed| followed.stale.is_some())
                {
                    followed.tell(&[], None);
                }
            }
            Heard::Changed { id, changes, revision } => {
                let Some(followed) = self.mirrors.get_mut(&id) else { return };
                let changes = followed.mirror.apply(changes, revision);
                if !changes.is_empty() || followed.stale.is_some() {
                    followed.tell(&changes, None);
                    self.keeping.changed(id);
                }
            }
            Heard::Compacted { id } => {
                if let Some(followed) = self.mirrors.get(&id) {
                    stream.read(id, &followed.range);
                }
            }
            Heard::Ended(_) => {}
        }
    }

    fn is_stale(&self) -> bool {
        self.mirrors.values().all(|followed| !followed.told || followed.stale.is_some())
    }

    fn become_stale(&mut self) {
        let Some((_, since)) = self.away else { return };
        for followed in self.mirrors.values_mut().filter(|followed| followed.told && followed.stale.is_none())
        {
            followed.tell(&[], Some(since));
        }
    }

    fn keep(&mut self) {
        for id in self.keeping.take_changed() {
            let Some(followed) = self.mirrors.get(&id) else { continue };
            if let Some(of) = followed.of {
                self.keeping.save(&followed.range, of, &followed.mirror);
            }
        }
    }
}

impl Followed {
    /// Goes on where it left off, or reads everything.
    fn begin(&self, id: MirrorId, stream: &mut Stream) {
        match self.history(stream) {
            History::Same => stream.watch(id, &self.range, self.mirror.revision()),
            History::Another => stream.read(id, &self.range),
        }
    }

    /// Whether the mirror is of the store that the stream is of.
    fn history(&self, stream: &Stream) -> History {
        if self.of == Some(stream.of()) { History::Same } else { History::Another }
    }

    fn tell(&mut self, changes: &[Changed], stale: Option<SystemTime>) {
        self.told = true;
        self.stale = stale;
        self.sink.told(&self.mirror, changes, stale);
    }
}

/// At a moment, or never.
async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
