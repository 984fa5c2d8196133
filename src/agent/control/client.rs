//! The command line's side of the control socket.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

use super::protocol::{self, Asked, HostsFacts, MeshFacts, Reply, Request, Status};
use super::{ControlError, line, socket};

/// An agent that gives no answer for so long is not waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest answer: a hundred thousand rows, all failed, with room.
const LONGEST_ANSWER: usize = 512 * 1024 * 1024;

/// A connection to an agent.
#[derive(Debug)]
pub struct Client {
    socket: PathBuf,
    from: BufReader<OwnedReadHalf>,
    to: OwnedWriteHalf,
    answer: Vec<u8>,
}

impl Client {
    /// Connects to the agent at a socket. To be called inside a tokio runtime.
    ///
    /// # Errors
    /// When nobody is there, or not for us.
    pub fn connect(socket: &Path) -> Result<Self, ControlError> {
        let stream = socket::connect(socket)?;
        let stream = stream.set_nonblocking(true).and_then(|()| UnixStream::from_std(stream));
        let (from, to) = stream
            .map_err(|source| ControlError::Io { operation: "connect to", path: socket.to_owned(), source })?
            .into_split();
        Ok(Self { socket: socket.to_owned(), from: BufReader::new(from), to, answer: Vec::new() })
    }

    /// How it is now.
    ///
    /// # Errors
    /// When there is no answer that can be understood.
    pub async fn status(&mut self, asked: Asked) -> Result<Status, ControlError> {
        self.send(&Request::Snapshot(asked)).await?;
        self.next().await
    }

    /// Where its mesh is; `None`: it takes part in none.
    ///
    /// # Errors
    /// When there is no answer that can be understood.
    pub async fn mesh(&mut self) -> Result<Option<MeshFacts>, ControlError> {
        self.send(&Request::Mesh { soon: true }).await?;
        match self.reply_within(PATIENCE).await? {
            Reply::Mesh { mesh } => Ok(mesh),
            other => Err(ControlError::Answer { what: format!("{other:?} was not asked for") }),
        }
    }

    /// How the hosts of its mesh are.
    ///
    /// # Errors
    /// When it has none, or its store is away, or there is no answer that can be understood.
    pub async fn hosts(&mut self) -> Result<HostsFacts, ControlError> {
        self.send(&Request::Hosts).await?;
        match self.reply_within(PATIENCE).await? {
            Reply::Hosts { hosts } => Ok(hosts),
            other => Err(ControlError::Answer { what: format!("{other:?} was not asked for") }),
        }
    }

    /// Has the agent leave its mesh, and end.
    ///
    /// # Errors
    /// When it has not left.
    pub async fn leave(&mut self) -> Result<(), ControlError> {
        self.send(&Request::Leave).await?;
        match self.reply_within(PATIENCE).await? {
            Reply::Left => Ok(()),
            other => Err(ControlError::Answer { what: format!("{other:?} was not asked for") }),
        }
    }

    /// Asks to be told again and again; [`Client::next`] has the answers.
    ///
    /// # Errors
    /// When the agent has gone.
    pub async fn watch(&mut self, interval: Duration, asked: Asked) -> Result<(), ControlError> {
        let interval_ms = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
        self.send(&Request::Watch { interval_ms, asked }).await
    }

    /// The next answer.
    ///
    /// # Errors
    /// When there is none that can be understood.
    pub async fn next(&mut self) -> Result<Status, ControlError> {
        self.next_within(PATIENCE).await
    }

    /// The next answer, which may take so long.
    ///
    /// # Errors
    /// When there is none that can be understood.
    pub async fn next_within(&mut self, patience: Duration) -> Result<Status, ControlError> {
        match self.reply_within(patience).await? {
            Reply::Status(status) => Ok(*status),
            other => Err(ControlError::Answer { what: format!("{other:?} was not asked for") }),
        }
    }

    async fn reply_within(&mut self, patience: Duration) -> Result<Reply, ControlError> {
        let read = line::read(&mut self.from, &mut self.answer, LONGEST_ANSWER);
        match timeout(patience, read).await {
            Err(_) => Err(ControlError::Silent { socket: self.socket.clone(), seconds: patience.as_secs() }),
            Ok(Ok(false)) => Err(ControlError::Closed { socket: self.socket.clone() }),
            Ok(Err(error)) => Err(self.broken(error)),
            Ok(Ok(true)) => protocol::reply(&self.answer),
        }
    }

    async fn send(&mut self, request: &Request) -> Result<(), ControlError> {
        let sent = timeout(PATIENCE, self.to.write_all(&protocol::to_line(request))).await;
        match sent {
            // A refusal may wait to be read.
            Ok(Err(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Ok(sent) => sent.map_err(|error| self.broken(error)),
            Err(_) => Err(ControlError::Silent { socket: self.socket.clone(), seconds: PATIENCE.as_secs() }),
        }
    }

    fn broken(&self, error: io::Error) -> ControlError {
        match error.kind() {
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
                ControlError::Closed { socket: self.socket.clone() }
            }
            _ => ControlError::Io { operation: "talk to", path: self.socket.clone(), source: error },
        }
    }
}
