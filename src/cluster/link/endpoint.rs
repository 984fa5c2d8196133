//! Where a store may be.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::cluster::peer::PeerUrl;

/// The port of the store, of etcd and of ours.
pub const PORT: u16 = 2379;

/// Where a store may be: `host`, `host:port`, `https://host:port`, and `http://…` of a mesh without TLS; `etcd://host:port` is
/// an etcd that is not part of a mesh, `etcds://…` one with TLS.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Endpoint {
    /// Where.
    pub url: PeerUrl,
    /// It is an etcd of its own: hosts are its clients only.
    pub etcd: bool,
}

/// A text that is no endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no address of a host: write HOST, HOST:PORT or https://HOST:PORT; etcd://HOST:PORT for an etcd"
)]
pub struct EndpointError {
    text: String,
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        read(text).ok_or_else(|| EndpointError { text: text.to_owned() })
    }
}

fn read(text: &str) -> Option<Endpoint> {
    let (scheme, rest) = text.split_once("://").unwrap_or(("https", text));
    let (etcd, scheme) = match scheme {
        "http" | "https" => (false, scheme),
        "etcd" => (true, "http"),
        "etcds" => (true, "https"),
        _ => return None,
    };
    let place = rest.trim_end_matches('/');
    let has_port = place.rsplit_once(':').is_some_and(|(host, port)| {
        port.bytes().all(|byte| byte.is_ascii_digit())
            && !port.is_empty()
            && (!host.contains(':') || host.ends_with(']'))
    });
    let bare_v6 = !has_port && place.contains(':') && !place.starts_with('[');
    let url = match (has_port, bare_v6) {
        (true, _) => format!("{scheme}://{place}"),
        (false, true) => format!("{scheme}://[{place}]:{PORT}"),
        (false, false) => format!("{scheme}://{place}:{PORT}"),
    };
    let url: PeerUrl = url.parse().ok()?;
    (!url.host.is_empty() && url.port != 0).then_some(Endpoint { url, etcd })
}

impl Endpoint {
    /// A name for the store of this process, where no address leads.
    pub fn of_this_process() -> Self {
        let url = PeerUrl { tls: false, host: "localhost".to_owned(), port: PORT };
        Self { url, etcd: false }
    }

    /// The same place in a mesh without TLS; an etcd says itself what it speaks.
    #[must_use]
    pub fn without_tls(mut self) -> Self {
        self.url.tls &= self.etcd;
        self
    }
}

impl TryFrom<String> for Endpoint {
    type Error = EndpointError;

    fn try_from(text: String) -> Result<Self, EndpointError> {
        text.parse()
    }
}

impl From<Endpoint> for String {
    fn from(endpoint: Endpoint) -> Self {
        endpoint.to_string()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.url.to_string();
        match (self.etcd, url.split_once("://")) {
            (true, Some(("https", rest))) => write!(f, "etcds://{rest}"),
            (true, Some((_, rest))) => write!(f, "etcd://{rest}"),
            _ => f.write_str(&url),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_ways_to_write_an_address_are_understood() {
        for (text, meant) in [
            ("a", "https://a:2379"),
            ("a:7", "https://a:7"),
            ("10.0.0.1", "https://10.0.0.1:2379"),
            ("http://a:7/", "http://a:7"),
            ("https://a", "https://a:2379"),
            ("etcd://a", "etcd://a:2379"),
            ("etcds://a:1", "etcds://a:1"),
            ("::1", "https://[::1]:2379"),
            ("[::1]:7", "https://[::1]:7"),
            ("http://[::1]", "http://[::1]:2379"),
        ] {
            let endpoint: Endpoint = text.parse().unwrap();
            assert_eq!(endpoint.to_string(), meant);
            assert_eq!(meant.parse(), Ok(endpoint));
        }
    }

    #[test]
    fn without_tls_a_host_is_plain_and_an_etcd_what_it_is() {
        for (text, meant) in
            [("a", "http://a:2379"), ("etcds://a", "etcds://a:2379"), ("etcd://a", "etcd://a:2379")]
        {
            assert_eq!(text.parse::<Endpoint>().unwrap().without_tls().to_string(), meant);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", "ftp://a", "a:0", "a:99999", "http://", "a/b", "a b", ":7"] {
            assert!(text.parse::<Endpoint>().is_err(), "{text:?} was accepted");
        }
    }
}
