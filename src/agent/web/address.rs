//! Where to listen, as people write it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs as _};
use std::str::FromStr;

/// An address to listen at: `9233`, `:9233` (both on this host only), `127.0.0.1:9233`, `[::]:9233`,
/// `localhost:9233`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address(pub SocketAddr);

/// It is no address.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an address: write PORT, IP:PORT or localhost:PORT")]
pub struct AddressError;

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if let Ok(port) = text.strip_prefix(':').unwrap_or(text).parse::<u16>() {
            return Ok(Self(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)));
        }
        if let Ok(address) = text.parse() {
            return Ok(Self(address));
        }
        let found: Vec<SocketAddr> = text.to_socket_addrs().map_err(|_| AddressError)?.collect();
        let first = found.iter().find(|it| it.is_ipv4()).or(found.first());
        first.copied().map(Self).ok_or(AddressError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_port_is_on_this_host_only() {
        let read = |text: &str| text.parse::<Address>().map(|address| address.0.to_string());
        for text in ["9233", ":9233", "127.0.0.1:9233", "localhost:9233"] {
            assert_eq!(read(text), Ok("127.0.0.1:9233".to_owned()), "{text}");
        }
        assert_eq!(read("[::]:80"), Ok("[::]:80".to_owned()));
        assert_eq!(read("0.0.0.0:80"), Ok("0.0.0.0:80".to_owned()));
        for text in ["", "70000", "127.0.0.1", "http://x"] {
            assert_eq!(read(text), Err(AddressError), "{text}");
        }
    }
}
