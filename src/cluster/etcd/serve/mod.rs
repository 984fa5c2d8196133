//! Listening, and serving what comes.

mod address;
mod ahead;
mod authority;
mod connection;
mod holder;
mod inside;
mod listener;
mod subject;
mod tls;
mod with_calls;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioTimer;
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

pub use address::{Address, AddressError, Place};
pub use inside::Inside;
pub use listener::{Bound, ListenError, Listener};
pub use tls::{Tls, TlsError, TlsFiles};

use self::with_calls::Begun;
use super::admission::{self, Gate};
use super::front::Front;

/// How connections are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// An idle client is asked after this time whether it is still there; etcd's two hours.
    pub ping_every: Duration,
    /// And taken for dead when it has not answered after this; etcd's 20 s.
    pub ping_timeout: Duration,
    /// Calls at a time on one connection.
    pub concurrent_streams: u32,
    /// Connections at a time on one listener; more are told to come again later.
    pub connections: usize,
    /// How long calls may take to end after a shutdown has begun.
    pub farewell: Duration,
}

impl Default for Options {
    /// As in etcd, whose number of calls has no bound.
    fn default() -> Self {
        Self {
            ping_every: Duration::from_secs(2 * 60 * 60),
            ping_timeout: Duration::from_secs(20),
            concurrent_streams: u32::MAX,
            connections: 100_000,
            farewell: Duration::from_secs(5),
        }
    }
}

impl Options {
    fn builder(&self, begun: Begun) -> Builder<Begun> {
        let mut builder = Builder::new(begun);
        builder.http1().timer(TokioTimer::new());
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(Some(self.ping_every))
            .keep_alive_timeout(self.ping_timeout);
        admission::bound(&mut builder, self.concurrent_streams);
        builder
    }
}

/// Serves all listeners until `stop`; then takes no more connections, and lets calls end for a while.
pub async fn serve(front: Front, listeners: Vec<Listener>, options: Options, stop: impl Future<Output = ()>) {
    let graceful = Arc::new(GracefulShutdown::new());
    let gate = Arc::new(Gate::new(options.connections, front.turned_away.clone()));
    let mut accepting = JoinSet::new();
    for listener in listeners {
        let (front, graceful, gate) = (front.clone(), graceful.clone(), gate.clone());
        accepting.spawn(async move { accept(front, listener, options, &graceful, &gate).await });
    }
    stop.await;
    // The connections live in these tasks' sets: they are kept until the calls have ended.
    accepting.abort_all();
    while accepting.join_next().await.is_some() {}
    gate.close();
    let Ok(graceful) = Arc::try_unwrap(graceful).map_err(|_| tracing::warn!("a listener has not ended"))
    else {
        return;
    };
    if tokio::time::timeout(options.farewell, graceful.shutdown()).await.is_err() {
        tracing::info!("calls that did not end were cut off");
    }
}

/// Connections that are told to come again later, at a time; still more are closed.
const REFUSED: usize = 1_000;
/// For how long such a one may stay.
const REFUSED_FOR: Duration = Duration::from_secs(2);

async fn accept(
    front: Front,
    listener: Listener,
    options: Options,
    graceful: &GracefulShutdown,
    gate: &Arc<Gate>,
) {
    let room = Arc::new(Semaphore::new(options.connections));
    let porch = Arc::new(Semaphore::new(REFUSED));
    loop {
        let socket = match listener.accept().await {
            Ok(socket) => socket,
            Err(error) => {
                // Too many open files, mostly: soon there may be room again.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let watcher = graceful.watcher();
        let (front, tls) = (front.clone(), listener.tls());
        let entering = gate.enter(socket.peer());
        if let Ok(place) = room.clone().try_acquire_owned() {
            tokio::spawn(async move {
                connection::serve(front, options, socket, tls, watcher, entering).await;
                drop(place);
            });
            continue;
        }
        gate.is_full();
        if let Ok(place) = porch.clone().try_acquire_owned() {
            tokio::spawn(async move {
                let told = connection::serve(front.full(), options, socket, tls, watcher, entering);
                // Who has heard it by then goes by itself.
                let _ = tokio::time::timeout(REFUSED_FOR, told).await;
                drop(place);
            });
        }
    }
}
