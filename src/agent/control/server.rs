//! The agent's side of the control socket.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncWriteExt as _, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Notify, Semaphore};
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};

use super::protocol::{self, Asked, HostsFacts, Reply, Request};
use super::socket::{self, SocketFile};
use super::{ControlError, line};
use crate::agent::live::Live;
use crate::engine::sched::StopLevel;
use crate::engine::world::Deadline;

/// Connections at once.
const CONNECTIONS: usize = 32;
/// The longest request, in bytes.
const LONGEST_REQUEST: usize = 64 * 1024;
/// Who asks nothing for so long is let go.
const IDLE: Duration = Duration::from_secs(60);
/// Who does not read for so long is let go.
const SLOW: Duration = Duration::from_secs(10);
/// How long the mesh's store may take to say how the hosts are.
const STORE: Duration = Duration::from_secs(2);
/// Answers to `watch` are at least so far apart.
const CALM: Duration = Duration::from_millis(250);
/// After an error of the system's, such as no file descriptor being left, the next try waits.
const ACCEPT_AGAIN: Duration = Duration::from_secs(1);

/// Serves the control socket until it is dropped; then the socket is removed.
#[derive(Debug)]
pub struct Server {
    accepting: AbortHandle,
    _file: SocketFile,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// What the server hands on.
#[derive(Clone, Debug)]
struct Desk {
    live: Arc<Live>,
    reload: Arc<Notify>,
}

impl Server {
    /// Makes the socket and serves it. To be called inside a tokio runtime.
    ///
    /// # Errors
    /// When the socket cannot be made, or another agent answers there.
    pub fn start(path: &Path, live: Arc<Live>, reload: Arc<Notify>) -> Result<Self, ControlError> {
        let (listener, file) = socket::listen(path)?;
        let listener = UnixListener::from_std(listener).map_err(|source| ControlError::Io {
            operation: "listen at",
            path: path.to_owned(),
            source,
        })?;
        let accepting = tokio::spawn(accept(listener, Desk { live, reload })).abort_handle();
        Ok(Self { accepting, _file: file })
    }
}

async fn accept(listener: UnixListener, desk: Desk) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::debug!(%error, "cannot accept on the control socket");
                tokio::time::sleep(ACCEPT_AGAIN).await;
                continue;
            }
        };
        if !is_friend(&stream) {
            refuse(&stream, "only the agent's own user and root may ask");
            continue;
        }
        let Ok(place) = places.clone().try_acquire_owned() else {
            refuse(&stream, "too many connections");
            continue;
        };
        let desk = desk.clone();
        tokio::spawn(async move {
            let _place = place;
            let (from, to) = stream.into_split();
            // Whoever has left needs no answer.
            let _ = desk.converse(BufReader::new(from), to).await;
        });
    }
}

fn is_friend(stream: &UnixStream) -> bool {
    let own = rustix::process::geteuid().as_raw();
    stream.peer_cred().is_ok_and(|peer| peer.uid() == own || peer.uid() == 0)
}

/// Says why, if there is room in the socket's buffer, which there is on a new connection.
fn refuse(stream: &UnixStream, why: &str) {
    let _ = stream.try_write(&protocol::to_line(Reply::Error { message: why.to_owned() }));
}

/// An error with its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

async fn send(to: &mut OwnedWriteHalf, reply: Reply) -> io::Result<()> {
    timeout(SLOW, to.write_all(&protocol::to_line(reply))).await?
}

impl Desk {
    async fn converse(&self, mut from: BufReader<OwnedReadHalf>, mut to: OwnedWriteHalf) -> io::Result<()> {
        let mut asked = Vec::new();
        loop {
            match timeout(IDLE, line::read(&mut from, &mut asked, LONGEST_REQUEST)).await? {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    let message = format!("a request may not be longer than {LONGEST_REQUEST} bytes");
                    return send(&mut to, Reply::Error { message }).await;
                }
                Err(error) => return Err(error),
            }
            let reply = match protocol::request(&asked) {
                Err(message) => {
                    // Who speaks something else is not listened to any further.
                    return send(&mut to, Reply::Error { message }).await;
                }
                Ok(Request::Hello) => Reply::Hello { agent: self.live.facts.clone() },
                Ok(Request::Reload) => {
                    tracing::info!("reads the graph again");
                    self.reload.notify_one();
                    Reply::Reloading
                }
                Ok(Request::Leave) => match self.live.mesh.leave().await {
                    Ok(()) => {
                        tracing::info!("has left the mesh, and ends");
                        // First the answer: this task ends with the agent.
                        let told = send(&mut to, Reply::Left).await;
                        self.live.engine.stop(StopLevel::Finish);
                        return told;
                    }
                    Err(error) => Reply::Error { message: chain(&error) },
                },
                Ok(Request::Invite { host }) => match self.live.mesh.invite_neighbour(&host).await {
                    Ok(token) => Reply::Invited { token: token.to_string() },
                    Err(error) => Reply::Error { message: chain(&error) },
                },
                Ok(Request::Hosts) => self.hosts().await,
                Ok(Request::Mesh { soon: false }) => Reply::Mesh { mesh: self.live.mesh() },
                Ok(Request::Mesh { soon: true }) => Reply::Mesh { mesh: self.live.mesh_soon().await },
                Ok(Request::Snapshot(asked)) => self.status(&asked).await,
                Ok(Request::Watch { interval_ms, asked }) => {
                    let interval = Duration::from_millis(interval_ms.clamp(100, 3_600_000));
                    return self.stream(from, to, interval, &asked).await;
                }
            };
            send(&mut to, reply).await?;
        }
    }

    async fn status(&self, asked: &Asked) -> Reply {
        match self.live.status(asked.look()).await {
            Ok(status) => Reply::Status(Box::new(status)),
            Err(ended) => Reply::Error { message: ended.to_string() },
        }
    }

    async fn hosts(&self) -> Reply {
        if self.live.mesh().is_none() {
            return Reply::Error { message: "it takes part in no mesh".to_owned() };
        }
        let directory = self.live.mesh.world().directory();
        match directory.standings(Deadline::after(STORE)).await {
            Ok(standings) => Reply::Hosts { hosts: HostsFacts::of(&standings) },
            Err(error) => Reply::Error { message: error.to_string() },
        }
    }

    /// Until the other side closes.
    async fn stream(
        &self,
        mut from: BufReader<OwnedReadHalf>,
        mut to: OwnedWriteHalf,
        interval: Duration,
        asked: &Asked,
    ) -> io::Result<()> {
        let listening = self.live.pulse.listen();
        let mut ignored = Vec::new();
        loop {
            let beat = listening.beat();
            let began = Instant::now();
            let reply = self.status(asked).await;
            let ended = matches!(reply, Reply::Error { .. });
            send(&mut to, reply).await?;
            if ended {
                return Ok(());
            }
            let next = async {
                tokio::time::sleep_until(began + CALM.min(interval)).await;
                tokio::select! {
                    () = beat => {}
                    () = tokio::time::sleep_until(began + interval) => {}
                }
            };
            tokio::select! {
                () = next => {}
                read = line::read(&mut from, &mut ignored, LONGEST_REQUEST) => {
                    // Its end is its goodbye; and nothing else is to be said here.
                    return read.map(drop);
                }
            }
        }
    }
}
