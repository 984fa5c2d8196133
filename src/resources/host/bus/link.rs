//! One connection, kept.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use zbus::DynamicType;
use zbus::message::{Message, Type};
use zbus::{Connection, MessageStream};

use super::direct::Direct;
use super::{BusError, Listener, Method, Place};
use crate::resources::long_work::reach_runtime;

/// How long an answer of a daemon that runs may take.
pub const READ_LIMIT: Duration = Duration::from_secs(5);
/// How long an answer of a daemon may take that must first be started: the bus' own limit.
pub const ACTIVATION_LIMIT: Duration = Duration::from_secs(25);
/// How long a call waits for a connection that is being opened anew.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two tries to connect: at first, and at the most.
const PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// Signals that may lie unread; the socket is read on only when there is room.
const QUEUED: usize = 1024;

/// A connection that opens on first use, and anew whenever it is lost.
pub struct Link {
    shared: Arc<Shared>,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// What is to be done to hear signals over a bus; over a socket they come unasked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hearing {
    /// Match rules.
    pub rules: &'static [&'static str],
    /// The daemon's own method for it, without arguments.
    pub subscribe: Option<Method<'static>>,
}

struct Shared {
    places: Vec<Place>,
    hearing: Hearing,
    listener: Arc<dyn Listener>,
    state: watch::Sender<State>,
    demand: Notify,
    calls: AtomicU64,
}

#[derive(Clone, Debug)]
enum State {
    /// The first try is under way.
    Opening,
    Up(Connection),
    /// It was there, and is being opened anew.
    Lost,
    /// It never was there; tried again.
    Down(BusError),
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("places", &self.shared.places).finish_non_exhaustive()
    }
}

impl Link {
    /// A link to the first of these places that answers. Nothing is opened yet.
    pub fn new(places: Vec<Place>, hearing: Hearing, listener: Arc<dyn Listener>) -> Self {
        let shared = Shared {
            places,
            hearing,
            listener,
            state: watch::Sender::new(State::Opening),
            demand: Notify::new(),
            calls: AtomicU64::new(0),
        };
        Self { shared: Arc::new(shared), task: Mutex::new(None) }
    }

    /// How many calls were made so far.
    pub fn calls(&self) -> u64 {
        self.shared.calls.load(Ordering::Relaxed)
    }

    /// Calls a method, and waits for its answer for so long.
    ///
    /// # Errors
    /// When there is no connection, the daemon refuses, or no answer comes.
    pub async fn call<B: Serialize + DynamicType + Sync>(
        &self,
        method: Method<'_>,
        body: &B,
        limit: Duration,
    ) -> Result<Message, BusError> {
        let connection = self.connection().await?;
        self.shared.calls.fetch_add(1, Ordering::Relaxed);
        call(&connection, method, body, limit).await
    }

    /// As [`call`](Self::call), and reads the answer.
    ///
    /// # Errors
    /// As there, and when the answer is of another type.
    pub async fn ask<B, A>(&self, method: Method<'_>, body: &B, limit: Duration) -> Result<A, BusError>
    where
        B: Serialize + DynamicType + Sync,
        A: DeserializeOwned + zbus::Type,
    {
        let answer = self.call(method, body, limit).await?;
        read(method.member, &answer)
    }

    /// Returns once there is a connection.
    ///
    /// # Errors
    /// When there is none.
    pub async fn ready(&self) -> Result<(), BusError> {
        self.connection().await.map(drop)
    }

    /// The connection, for those who follow one object's signals: they are lost with it.
    ///
    /// # Errors
    /// When there is none.
    pub async fn connection(&self) -> Result<Connection, BusError> {
        reach_runtime().await;
        self.start();
        self.shared.demand.notify_one();
        let mut state = self.shared.state.subscribe();
        let decided = state.wait_for(|state| matches!(state, State::Up(_) | State::Down(_)));
        let decided = timeout(PATIENCE, decided).await.map_err(|_| BusError::StillConnecting(PATIENCE))?;
        match &*decided.map_err(|_| BusError::StillConnecting(PATIENCE))? {
            State::Up(connection) => Ok(connection.clone()),
            State::Down(error) => Err(error.clone()),
            State::Opening | State::Lost => Err(BusError::StillConnecting(PATIENCE)),
        }
    }

    fn start(&self) {
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if task.is_none() {
            *task = Some(tokio::spawn(keep(self.shared.clone())));
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Some(task) = self.task.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
    }
}

/// Reads an answer.
///
/// # Errors
/// When it is of another type.
pub fn read<A: DeserializeOwned + zbus::Type>(member: &'static str, answer: &Message) -> Result<A, BusError> {
    answer.body().deserialize().map_err(|source| BusError::Answer { member, source: Arc::new(source) })
}

async fn call<B: Serialize + DynamicType + Sync>(
    connection: &Connection,
    method: Method<'_>,
    body: &B,
    limit: Duration,
) -> Result<Message, BusError> {
    let Method { service, path, interface, member } = method;
    let service = connection.is_bus().then_some(service);
    let answer = connection.call_method(service, path, Some(interface), member, body);
    let answer = timeout(limit, answer).await.map_err(|_| BusError::TimedOut { member, limit })?;
    answer.map_err(|error| BusError::of_call(member, error))
}

/// Keeps a connection open, and reads what it brings.
async fn keep(shared: Arc<Shared>) {
    let mut pause = PAUSE;
    let mut is_anew = false;
    loop {
        match shared.open().await {
            Ok((connection, mut messages)) => {
                pause = PAUSE;
                // Told before anyone can ask: what is asked from now on counts. Who is woken by it waits for the rest.
                shared.state.send_replace(State::Lost);
                shared.listener.up(is_anew);
                shared.state.send_replace(State::Up(connection));
                while let Some(Ok(message)) = messages.next().await {
                    if message.message_type() == Type::Signal {
                        shared.listener.signal(&message);
                    }
                }
                tracing::debug!("a D-Bus connection was lost; it is opened anew");
                shared.state.send_replace(State::Lost);
                shared.listener.down();
            }
            Err(error) => {
                shared.state.send_if_modified(|state| {
                    let first = !matches!(state, State::Lost);
                    if first {
                        *state = State::Down(error);
                    }
                    first
                });
                if !shared.listener.is_wanted() {
                    shared.demand.notified().await;
                }
            }
        }
        is_anew = true;
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

impl Shared {
    async fn open(&self) -> Result<(Connection, MessageStream), BusError> {
        // The first place is the best one: what it says is told.
        let mut failed = None;
        for place in &self.places {
            let opened = timeout(PATIENCE, self.open_at(place)).await;
            match opened.unwrap_or(Err(BusError::StillConnecting(PATIENCE))) {
                Ok(opened) => return Ok(opened),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        Err(failed.unwrap_or(BusError::StillConnecting(Duration::ZERO)))
    }

    async fn open_at(&self, place: &Place) -> Result<(Connection, MessageStream), BusError> {
        let failed = |cause: zbus::Error| BusError::NoConnection {
            place: place.to_string().into(),
            cause: Arc::new(cause),
        };
        let builder = match place {
            Place::SystemBus => zbus::connection::Builder::system(),
            Place::Bus(path) => zbus::connection::Builder::address(&*format!("unix:path={}", path.display())),
            Place::Socket(path) => {
                let (socket, id) = Direct::connect(path).await.map_err(|error| failed(error.into()))?;
                zbus::connection::Builder::authenticated_socket(socket, id).p2p()
            }
        };
        let queued = std::num::NonZeroUsize::new(QUEUED).expect("the constant is not zero");
        let connection = builder.max_queued(queued).build().await.map_err(failed)?;
        // Read from before the first rule on, lest the queue fills.
        let messages = MessageStream::from(&connection);
        if connection.is_bus() {
            for rule in self.hearing.rules {
                call(&connection, ADD_MATCH, rule, READ_LIMIT).await?;
            }
            if let Some(subscribe) = self.hearing.subscribe {
                match call(&connection, subscribe, &(), ACTIVATION_LIMIT).await {
                    Err(error) if error.refusal() != Some("AlreadySubscribed") => return Err(error),
                    _ => {}
                }
            }
        }
        Ok((connection, messages))
    }
}

const ADD_MATCH: Method<'static> = Method {
    service: "org.freedesktop.DBus",
    path: "/org/freedesktop/DBus",
    interface: "org.freedesktop.DBus",
    member: "AddMatch",
};
