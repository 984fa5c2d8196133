//! Peer URLs.

use std::fmt;
use std::str::FromStr;

use hyper::Uri;

/// Where a member is reached by the others: `http://10.0.0.1:2380`, `https://[2001:db8::1]:2380`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerUrl {
    /// A name, or an address without brackets.
    pub host: String,
    /// The port; in what is listened at, 0 lets the system choose.
    pub port: u16,
    /// `https`.
    pub tls: bool,
}

/// It is no peer URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{url:?} is no peer URL: write http://HOST:PORT or https://HOST:PORT")]
pub struct PeerUrlError {
    /// What was written.
    pub url: String,
}

impl PeerUrl {
    /// `host:port`, as tokens have it.
    pub fn place(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

impl FromStr for PeerUrl {
    type Err = PeerUrlError;

    fn from_str(url: &str) -> Result<Self, PeerUrlError> {
        read(url).ok_or_else(|| PeerUrlError { url: url.to_owned() })
    }
}

fn read(url: &str) -> Option<PeerUrl> {
    let uri: Uri = url.parse().ok()?;
    let tls = match uri.scheme_str()? {
        "http" => false,
        "https" => true,
        _ => return None,
    };
    if uri.path() != "/" || uri.query().is_some() {
        return None;
    }
    let host = uri.host()?.trim_start_matches('[').trim_end_matches(']').to_owned();
    Some(PeerUrl { host, port: uri.port_u16()?, tls })
}

impl fmt::Display for PeerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.place())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_url_is_shown_as_it_is_read() {
        for url in ["http://127.0.0.1:2380", "https://[::1]:2380", "https://node-1.example:0"] {
            assert_eq!(url.parse::<PeerUrl>().unwrap().to_string(), url);
        }
    }

    #[test]
    fn what_is_no_peer_url_is_refused() {
        for bad in
            ["", "127.0.0.1:2380", "http://h", "ftp://h:1", "http://h:1/p", "http://h:1/?q", "unix:///x"]
        {
            assert!(bad.parse::<PeerUrl>().is_err(), "{bad}");
        }
    }
}
