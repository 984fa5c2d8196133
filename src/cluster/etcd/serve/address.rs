//! Where to listen: etcd's URLs.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use hyper::Uri;

/// Where to listen, as etcd writes it: `http://127.0.0.1:2379`, `https://[::]:2379`, `unix:///run/etcd.sock`,
/// `unixs:///run/etcd.sock`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The socket.
    pub place: Place,
    /// Whether TLS is spoken there.
    pub tls: bool,
}

/// A socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A host, an address mostly, and a port.
    Tcp(String, u16),
    /// A file.
    Unix(PathBuf),
}

/// It is no URL to listen at.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "cannot listen at {url:?}: write http://ADDRESS:PORT, https://ADDRESS:PORT, unix:///PATH or unixs:///PATH"
)]
pub struct AddressError {
    /// What was written.
    pub url: String,
}

impl fmt::Display for Address {
    /// The URL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secure = if self.tls { "s" } else { "" };
        match &self.place {
            Place::Tcp(host, port) if host.contains(':') => write!(f, "http{secure}://[{host}]:{port}"),
            Place::Tcp(host, port) => write!(f, "http{secure}://{host}:{port}"),
            Place::Unix(path) => write!(f, "unix{secure}://{}", path.display()),
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(url: &str) -> Result<Self, AddressError> {
        read(url).ok_or_else(|| AddressError { url: url.to_owned() })
    }
}

fn read(url: &str) -> Option<Address> {
    for (scheme, tls) in [("unix://", false), ("unixs://", true)] {
        if let Some(path) = url.strip_prefix(scheme) {
            return (!path.is_empty()).then(|| Address { place: Place::Unix(path.into()), tls });
        }
    }
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
    Some(Address { place: Place::Tcp(host, uri.port_u16()?), tls })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn etcds_urls_are_read_and_others_refused() {
        let tcp = |host: &str, port, tls| Ok(Address { place: Place::Tcp(host.into(), port), tls });
        assert_eq!("http://127.0.0.1:2379".parse(), tcp("127.0.0.1", 2379, false));
        assert_eq!("https://[::]:1/".parse(), tcp("::", 1, true));
        assert_eq!("http://localhost:0".parse(), tcp("localhost", 0, false));
        let unix = |path: &str, tls| Ok(Address { place: Place::Unix(path.into()), tls });
        assert_eq!("unix:///run/x".parse(), unix("/run/x", false));
        assert_eq!("unixs://x:1".parse(), unix("x:1", true));
        for url in ["http://127.0.0.1:2379", "https://[::]:1", "unix:///run/x", "unixs:///run/x"] {
            assert_eq!(url.parse::<Address>().unwrap().to_string(), url);
        }
        for bad in ["", "127.0.0.1:2379", "http://h", "ftp://h:1", "http://h:1/p", "unix://"] {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
    }
}
