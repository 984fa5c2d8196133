//! What is answered to what.

use std::sync::Arc;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use super::Listen;
use crate::agent::live::Live;
use crate::agent::metrics::{self, Metrics};
use crate::engine::runtime::look::Look;
use crate::engine::runtime::snapshot::Rows;
use crate::resources::host::Hub;

/// The page of status: one file, nothing from elsewhere.
const PAGE: &str = include_str!("page.html");
/// Only what is in the page itself may run; it may only ask this server.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
                      connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// Rows on the page, the most urgent first.
const ROWS: u32 = 200;
/// The longest text that is searched for, in bytes.
const LONGEST_SEARCH: usize = 200;

type Answer = Response<Full<Bytes>>;

/// What one address shows.
#[derive(Debug)]
pub(in crate::agent) struct Site {
    pub listen: Listen,
    pub live: Arc<Live>,
    pub metrics: Option<Arc<Metrics>>,
    pub hub: Arc<Hub>,
}

impl Site {
    pub async fn answer(&self, request: &Request<Incoming>) -> Answer {
        if !self.is_meant(request) {
            return plain(StatusCode::FORBIDDEN, "this server has another name\n");
        }
        let path = request.uri().path();
        let known = match path {
            "/" => true,
            "/metrics" => self.listen.metrics,
            "/status.json" => self.listen.ui,
            _ => false,
        };
        if !known {
            return plain(StatusCode::NOT_FOUND, "there is nothing here; / says what there is\n");
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut refused =
                plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD: nothing can be changed here\n");
            refused.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            return refused;
        }
        match path {
            "/metrics" => self.metrics().await,
            "/status.json" => self.status(request.uri().query()).await,
            _ if self.listen.ui => found("text/html; charset=utf-8", PAGE),
            _ => found("text/plain; charset=utf-8", "mgmt\n\n/metrics  counters, in OpenMetrics\n"),
        }
    }

    /// On this host only: a page from elsewhere whose name was made to point here is not answered.
    fn is_meant(&self, request: &Request<Incoming>) -> bool {
        if !self.listen.at.ip().is_loopback() {
            return true;
        }
        let Some(host) = request.headers().get(header::HOST) else { return true };
        let Ok(authority) = host.to_str().unwrap_or_default().parse::<hyper::http::uri::Authority>() else {
            return false;
        };
        let name = authority.host().trim_start_matches('[').trim_end_matches(']');
        name.eq_ignore_ascii_case("localhost") || name.parse::<std::net::IpAddr>().is_ok()
    }

    async fn metrics(&self) -> Answer {
        let (Some(metrics), Ok(census)) = (&self.metrics, self.live.engine.census().await) else {
            return ending();
        };
        found(metrics::CONTENT_TYPE, metrics.render(&census, self.hub.stats(), self.live.mesh().as_ref()))
    }

    async fn status(&self, query: Option<&str>) -> Answer {
        let find = query.and_then(|query| query.strip_prefix("find=")).map(decode);
        let find = find.filter(|find| !find.is_empty() && find.len() <= LONGEST_SEARCH);
        let look = Look { rows: Rows::All, limit: Some(ROWS), slowest: 0, find };
        let Ok(status) = self.live.status(look).await else { return ending() };
        match serde_json::to_vec(&status) {
            Ok(json) => found("application/json", json),
            Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR, "the status cannot be written as JSON\n"),
        }
    }
}

fn ending() -> Answer {
    plain(StatusCode::SERVICE_UNAVAILABLE, "the agent is ending\n")
}

fn plain(status: StatusCode, text: &'static str) -> Answer {
    let mut answer = found("text/plain; charset=utf-8", text);
    *answer.status_mut() = status;
    answer
}

fn found(kind: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    for (name, value) in [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}

/// Undoes the percent-encoding of a query; what is not UTF-8 is replaced.
fn decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let hex = |byte: u8| char::from(byte).to_digit(16);
        let mut ahead = bytes.clone();
        match (byte, ahead.next().and_then(hex), ahead.next().and_then(hex)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                bytes = ahead;
            }
            (b'+', ..) => out.push(b' '),
            _ => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn a_search_is_decoded() {
        assert_eq!(decode("%2Fetc%2fmotd"), "/etc/motd");
        assert_eq!(decode("a+b%20c"), "a b c");
        assert_eq!(decode("100%"), "100%");
        assert_eq!(decode("%zz%4"), "%zz%4");
        assert_eq!(decode("%C3%BC"), "ü");
    }
}
