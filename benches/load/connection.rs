//! gRPC over one HTTP/2 connection, no more of it than etcd's services need.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use h2::client::SendRequest;
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Method, Request};
use prost::Message;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::Failure;
use super::tls::Tls;

/// Windows that are never what is waited for, in bytes: of a stream, of a connection.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 64 << 20;

/// One HTTP/2 connection; clones share it.
#[derive(Clone)]
pub struct Connection {
    sender: SendRequest<Bytes>,
    /// Where it leads, as a URL.
    origin: String,
}

/// A method, with the request that calls it, but for its message.
#[derive(Clone)]
pub struct RemoteMethod {
    connection: SendRequest<Bytes>,
    head: Request<()>,
}

/// Opens `count` connections, dealt out among the endpoints.
pub async fn open(endpoints: &[String], count: usize, tls: &Tls) -> Result<Vec<Connection>, Failure> {
    let mut opened = Vec::with_capacity(count);
    for number in 0..count {
        opened.push(Connection::open(&endpoints[number % endpoints.len()], tls).await?);
    }
    Ok(opened)
}

impl Connection {
    /// Connects, and keeps the connection going in a task of its own.
    pub async fn open(endpoint: &str, tls: &Tls) -> Result<Connection, Failure> {
        let tcp = TcpStream::connect(endpoint).await?;
        tcp.set_nodelay(true)?;
        let (sender, scheme) = match tls {
            Tls::None => (speak(tcp).await?, "http"),
            Tls::Files(files) => (speak(files.agree(endpoint, tcp).await?).await?, "https"),
            Tls::Mesh(mesh) => (speak(mesh.connect(tcp).await?.0).await?, "https"),
        };
        Ok(Connection { sender, origin: format!("{scheme}://{endpoint}") })
    }

    /// The method of this path, such as `etcdserverpb.KV/Put`.
    pub fn method(&self, path: &str) -> RemoteMethod {
        let head = Request::builder()
            .method(Method::POST)
            .uri(format!("{}/{path}", self.origin))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(())
            .expect("all parts are valid");
        RemoteMethod { connection: self.sender.clone(), head }
    }
}

async fn speak<S>(stream: S) -> Result<SendRequest<Bytes>, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = h2::client::Builder::new()
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .initial_max_send_streams(1 << 20)
        .handshake(stream)
        .await?;
    tokio::spawn(connection);
    Ok(sender)
}

impl RemoteMethod {
    /// One request, one reply, not yet decoded.
    pub async fn call(&self, message: Bytes) -> Result<Bytes, Failure> {
        let mut connection = self.connection.clone().ready().await?;
        let (response, mut body) = connection.send_request(self.head.clone(), false)?;
        body.send_data(message, true)?;
        let (head, mut body) = response.await?.into_parts();
        let mut reply = Bytes::new();
        while let Some(chunk) = body.data().await {
            let chunk = chunk?;
            body.flow_control().release_capacity(chunk.len())?;
            reply = if reply.is_empty() { chunk } else { [reply, chunk].concat().into() };
        }
        let trailers = body.trailers().await?;
        check_status(trailers.as_ref().unwrap_or(&head.headers))?;
        if reply.len() < 5 {
            return Err("a reply without a message".into());
        }
        Ok(reply.slice(5..))
    }

    /// Opens a stream of both directions with its first message.
    pub async fn stream(&self, message: Bytes) -> Result<Stream, Failure> {
        let mut connection = self.connection.clone().ready().await?;
        let (response, mut up) = connection.send_request(self.head.clone(), false)?;
        up.send_data(message, false)?;
        let down = response.await?.into_body();
        Ok(Stream { _up: up, down, read: BytesMut::new() })
    }
}

/// An open stream; it ends when it is dropped.
pub struct Stream {
    _up: SendStream<Bytes>,
    down: RecvStream,
    read: BytesMut,
}

impl Stream {
    /// The next message; an error when the server ends the stream.
    pub async fn next<M: Message + Default>(&mut self) -> Result<M, Failure> {
        loop {
            if self.read.len() >= 5 {
                let length =
                    u32::from_be_bytes([self.read[1], self.read[2], self.read[3], self.read[4]]) as usize;
                if self.read.len() >= 5 + length {
                    self.read.advance(5);
                    return Ok(M::decode(self.read.split_to(length))?);
                }
            }
            let chunk = self.down.data().await.ok_or("the server ended the stream")??;
            self.down.flow_control().release_capacity(chunk.len())?;
            self.read.extend_from_slice(&chunk);
        }
    }
}

fn check_status(headers: &HeaderMap) -> Result<(), Failure> {
    let text = |name| headers.get(name).map_or("", |value| value.to_str().unwrap_or("?")).to_owned();
    match text("grpc-status").as_str() {
        "0" => Ok(()),
        code => Err(format!("the server answered with code {code:?}: {}", text("grpc-message")).into()),
    }
}

/// A message as gRPC sends it: not compressed, its length, its bytes.
pub fn framed(message: &impl Message) -> Bytes {
    let length = message.encoded_len();
    let mut out = BytesMut::with_capacity(5 + length);
    out.put_u8(0);
    out.put_u32(length as u32);
    message.encode(&mut out).expect("the buffer grows");
    out.freeze()
}
