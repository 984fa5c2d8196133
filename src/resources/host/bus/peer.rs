//! A daemon at a socket, for tests: it answers calls as the test says.

use std::path::Path;
use std::sync::{Arc, Mutex};

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use zbus::message::{Message, Type};
use zbus::{Connection, Guid, MessageStream};

/// Answers one call.
pub type Handler = Arc<dyn Fn(Connection, Message) -> BoxFuture<'static, ()> + Send + Sync>;

/// Listens at a socket until it is dropped.
pub struct Peer {
    connections: Arc<Mutex<Vec<Connection>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Peer {
    /// Listens from now on.
    pub fn start(path: &Path, handler: Handler) -> Self {
        let _ = std::fs::remove_file(path);
        let listener = tokio::net::UnixListener::bind(path).unwrap();
        let connections: Arc<Mutex<Vec<Connection>>> = Arc::default();
        let all = connections.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let stream = stream.into_std().unwrap();
                let builder = zbus::connection::Builder::unix_stream(stream);
                let Ok(connection) = builder.server(Guid::generate()).p2p().build().await else { continue };
                let mut messages = MessageStream::from(&connection);
                all.lock().unwrap().push(connection.clone());
                let handler = handler.clone();
                tokio::spawn(async move {
                    while let Some(Ok(message)) = messages.next().await {
                        if message.message_type() == Type::MethodCall {
                            handler(connection.clone(), message).await;
                        }
                    }
                });
            }
        });
        Self { connections, task }
    }

    /// Those who are connected.
    pub fn connections(&self) -> Vec<Connection> {
        self.connections.lock().unwrap().clone()
    }

    /// Hangs up on all of them.
    pub async fn hang_up(&self) {
        let connections = std::mem::take(&mut *self.connections.lock().unwrap());
        for connection in connections {
            connection.close().await.unwrap();
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}
