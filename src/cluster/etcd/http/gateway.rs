//! The services as JSON over HTTP. Each request becomes a gRPC call to the services of this process, so that both ways
//! lead through the same checks.

mod incoming;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt as _, Full, Limited, StreamBody};
use hyper::body::Frame;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::{Request, Response, StatusCode};
use prost_reflect::{MessageDescriptor, MethodDescriptor};
use serde_json::json;
use tonic::body::Body;
use tonic::{Code, Status};

use super::messages::{Messages, framed};
use super::{json as codec, json};
use crate::cluster::etcd::front::Front;
use crate::cluster::etcd::methods;
use crate::cluster::etcd::surface::CommonName;

/// Answers a request for a method, given by its gRPC path.
pub async fn answer(front: &Front, path: &'static str, request: Request<Body>) -> Response<Body> {
    let Some(method) = methods::find(path) else {
        return refusal(&Status::unimplemented(methods::missing(path)));
    };
    let called = call(front, method, path, request).await;
    match called {
        Err(status) => refusal(&status),
        Ok(messages) if method.is_server_streaming() => streamed(messages, method.output()).await,
        Ok(messages) => single(messages, method.output()).await.unwrap_or_else(|status| refusal(&status)),
    }
}

async fn call(
    front: &Front,
    method: &MethodDescriptor,
    path: &'static str,
    request: Request<Body>,
) -> Result<Messages, Status> {
    let (head, body) = request.into_parts();
    // JSON is longer than what it says: base64 takes four bytes for three.
    let limit = front.surface.limits.message_bytes() * 2;
    let body = if method.is_client_streaming() {
        Body::new(StreamBody::new(incoming::frames(body, method.input(), limit)))
    } else {
        let text = Limited::new(body, limit).collect().await;
        let text = text.map_err(|error| Status::invalid_argument(error.to_string()))?.to_bytes();
        Body::new(Full::new(framed(&codec::decode(method.input(), &text)?)))
    };
    let mut call = Request::new(body);
    *call.method_mut() = hyper::Method::POST;
    *call.uri_mut() = hyper::Uri::from_static(path);
    call.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    if let Some(token) = head.headers.get(AUTHORIZATION) {
        call.headers_mut().insert(AUTHORIZATION, token.clone());
    }
    if front.gateway_knows_certificates
        && let Some(name) = head.extensions.get::<CommonName>()
    {
        call.extensions_mut().insert(name.clone());
    }
    let Ok(response) = front.call(call).await;
    Messages::of(response)
}

async fn single(mut messages: Messages, kind: MessageDescriptor) -> Result<Response<Body>, Status> {
    let message = messages.next().await?.unwrap_or_default();
    let mut text = Vec::new();
    codec::encode(kind, message, &mut text)?;
    // What came after the message may still be an error.
    while messages.next().await?.is_some() {}
    Ok(sent(Body::new(Full::new(text.into()))))
}

/// One line of JSON a message. An error before the first decides the status.
async fn streamed(mut messages: Messages, kind: MessageDescriptor) -> Response<Body> {
    let first = match messages.next().await {
        Err(status) => return json(http_status(status.code()), told(&status)),
        Ok(first) => first,
    };
    let ended = first.is_none();
    let state = Telling { messages, first: first.map(Ok), kind, ended };
    let lines = stream::unfold(state, |mut telling| async move { Some((telling.line().await?, telling)) });
    let frames = futures_util::StreamExt::map(lines, |line| Ok::<_, Status>(Frame::data(Bytes::from(line))));
    sent(Body::new(StreamBody::new(frames)))
}

/// A stream of messages, to be told as lines.
struct Telling {
    messages: Messages,
    /// What was read to know the status.
    first: Option<Result<Bytes, Status>>,
    kind: MessageDescriptor,
    ended: bool,
}

impl Telling {
    async fn line(&mut self) -> Option<Vec<u8>> {
        if self.ended {
            return None;
        }
        let message = match self.first.take() {
            Some(first) => first,
            None => self.messages.next().await.transpose()?,
        };
        let line = message.and_then(|message| {
            let mut line = br#"{"result":"#.to_vec();
            codec::encode(self.kind.clone(), message, &mut line)?;
            line.extend_from_slice(b"}\n");
            Ok(line)
        });
        self.ended = line.is_err();
        Some(line.unwrap_or_else(|status| error_line(&status)))
    }
}

fn error_line(status: &Status) -> Vec<u8> {
    format!("{}\n", told(status)).into_bytes()
}

/// An error within a stream.
fn told(status: &Status) -> serde_json::Value {
    let http = http_status(status.code());
    json!({ "error": {
        "grpc_code": status.code() as i32,
        "http_code": http.as_u16(),
        "message": status.message(),
        "http_status": http.canonical_reason().unwrap_or_default(),
    } })
}

fn refusal(status: &Status) -> Response<Body> {
    json(http_status(status.code()), json!({ "code": status.code() as i32, "message": status.message() }))
}

fn sent(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// As etcd's gateway has it.
fn http_status(code: Code) -> StatusCode {
    match code {
        Code::Ok => StatusCode::OK,
        Code::Cancelled => StatusCode::REQUEST_TIMEOUT,
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => StatusCode::BAD_REQUEST,
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::Unknown | Code::Internal | Code::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
