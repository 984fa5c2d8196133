//! Calls as they are on the wire, for what no well-behaved client asks.

use std::net::SocketAddr;

use futures_util::Stream;
use prost::Message;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status, Streaming};
use tonic_prost::ProstCodec;

pub async fn connect(at: SocketAddr) -> Grpc<Channel> {
    let channel = Endpoint::from_shared(format!("http://{at}")).unwrap().connect().await.unwrap();
    let mut grpc = Grpc::new(channel).max_decoding_message_size(usize::MAX);
    grpc.ready().await.unwrap();
    grpc
}

/// One HTTP request on a connection of its own, and all that comes back.
pub async fn http(at: SocketAddr, method: &str, path: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(at).await.unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {at}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// One call, one answer.
pub async fn call<Q, A>(at: SocketAddr, path: &'static str, request: Request<Q>) -> Result<A, Status>
where
    Q: Message + Send + Sync + 'static,
    A: Message + Default + Send + Sync + 'static,
{
    let path = hyper::http::uri::PathAndQuery::from_static(path);
    let codec: ProstCodec<Q, A> = ProstCodec::default();
    connect(at).await.unary(request, path, codec).await.map(tonic::Response::into_inner)
}

/// A stream in both directions.
pub async fn stream<Q, A>(
    at: SocketAddr,
    path: &'static str,
    requests: Request<impl Stream<Item = Q> + Send + 'static>,
) -> Result<Streaming<A>, Status>
where
    Q: Message + Send + Sync + 'static,
    A: Message + Default + Send + Sync + 'static,
{
    let path = hyper::http::uri::PathAndQuery::from_static(path);
    let codec: ProstCodec<Q, A> = ProstCodec::default();
    connect(at).await.streaming(requests, path, codec).await.map(tonic::Response::into_inner)
}

/// Code and text of a refusal.
pub fn refusal<A: std::fmt::Debug>(answer: Result<A, Status>) -> (Code, String) {
    let status = answer.unwrap_err();
    (status.code(), status.message().to_owned())
}
