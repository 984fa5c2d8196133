//! What is served beside gRPC on the same port: health, version, metrics, and the services as JSON.

mod gateway;
mod health;
mod json;
mod messages;
mod metrics;
mod paths;
mod version;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tonic::body::Body;

use super::front::Front;

/// Answers a request that is no gRPC call.
pub async fn answer(front: &Front, request: Request<Body>) -> Response<Body> {
    let path = request.uri().path();
    if let Some(method) = paths::method_of(path) {
        if request.method() != Method::POST {
            return plain(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed\n");
        }
        return gateway::answer(front, method, request).await;
    }
    let page = path == "/version" || path == "/metrics" || path == "/debug/vars";
    let check = health::is_check(path);
    if !page && !check {
        return plain(StatusCode::NOT_FOUND, "404 page not found\n");
    }
    if request.method() != Method::GET {
        let mut refused = plain(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed\n");
        refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
        return refused;
    }
    match path {
        "/version" => json(StatusCode::OK, version::versions(&front.surface)),
        "/debug/vars" => json(StatusCode::OK, version::variables(&front.surface)),
        "/metrics" => full(
            StatusCode::OK,
            metrics::CONTENT_TYPE,
            metrics::render(&front.surface) + &front.turned_away.render() + &front.calls.render(),
        ),
        _ => health::answer(&front.surface, path, request.uri().query().unwrap_or_default()).await,
    }
}

/// Answers a request where only metrics and health are served.
pub async fn probe(front: &Front, request: Request<Body>) -> Response<Body> {
    let path = request.uri().path();
    if path == "/metrics" || health::is_check(path) {
        return answer(front, request).await;
    }
    plain(StatusCode::NOT_FOUND, "404 page not found\n")
}

fn plain(status: StatusCode, text: impl Into<String>) -> Response<Body> {
    full(status, "text/plain; charset=utf-8", text.into())
}

fn json(status: StatusCode, value: serde_json::Value) -> Response<Body> {
    full(status, "application/json", value.to_string())
}

fn full(status: StatusCode, content: &'static str, text: String) -> Response<Body> {
    let mut response = Response::new(Body::new(Full::new(Bytes::from(text))));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content));
    response
}
