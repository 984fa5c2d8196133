//! Where members reach one another.

use super::MemberError;

/// Peer URLs: one at least, each of the form `scheme://host:port`, sorted as ids need it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PeerUrls(Vec<String>);

/// What is wrong with a URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// There must be one.
    #[error("no URL is given")]
    None,
    /// Neither of the schemes.
    #[error("{0:?} must begin with http://, https://, unix:// or unixs://")]
    Scheme(String),
    /// Nothing may follow the address.
    #[error("{0:?} must not have a path: only http://host:port")]
    Path(String),
    /// Not an address.
    #[error("{0:?} is not of the form http://host:port")]
    Address(String),
}

impl From<UrlError> for MemberError {
    /// What a client is told, which is less.
    fn from(_: UrlError) -> Self {
        Self::BadUrls
    }
}

impl PeerUrls {
    /// Checks and sorts them. Space around them is cut off.
    pub fn parse<S: AsRef<str>>(urls: impl IntoIterator<Item = S>) -> Result<Self, UrlError> {
        let mut urls =
            urls.into_iter().map(|url| checked(url.as_ref().trim())).collect::<Result<Vec<_>, _>>()?;
        if urls.is_empty() {
            return Err(UrlError::None);
        }
        urls.sort();
        Ok(Self(urls))
    }
}

impl std::ops::Deref for PeerUrls {
    type Target = [String];

    fn deref(&self) -> &[String] {
        &self.0
    }
}

/// The URL with its scheme in small letters.
fn checked(url: &str) -> Result<String, UrlError> {
    let (scheme, rest) = url.split_once("://").ok_or_else(|| UrlError::Scheme(url.to_owned()))?;
    let scheme = scheme.to_ascii_lowercase();
    match scheme.as_str() {
        "http" | "https" => {
            if rest.contains('/') {
                return Err(UrlError::Path(url.to_owned()));
            }
            if !is_address(rest) {
                return Err(UrlError::Address(url.to_owned()));
            }
        }
        "unix" | "unixs" if rest.is_empty() => return Err(UrlError::Address(url.to_owned())),
        "unix" | "unixs" => {}
        _ => return Err(UrlError::Scheme(url.to_owned())),
    }
    Ok(format!("{scheme}://{rest}"))
}

/// Whether this is a host and a port. The host may be nothing (every address), a name, an IPv4 address, or an IPv6
/// address in brackets.
fn is_address(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let host_fits = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').is_some_and(is_ipv6),
        None => host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)),
    };
    host_fits && port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok()
}

/// With a zone, perhaps, such as `fe80::1%25eth0`.
fn is_ipv6(text: &str) -> bool {
    let address = text.split_once('%').map_or(text, |(address, _)| address);
    address.parse::<std::net::Ipv6Addr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<String, UrlError> {
        PeerUrls::parse([url]).map(|urls| urls[0].clone())
    }

    #[test]
    fn urls_that_etcd_takes_are_taken() {
        for url in [
            "http://127.0.0.1:2380",
            "https://host.example:2380",
            "http://h_h:1",
            "http://:2380",
            "http://[::1]:2380",
            "unix://a",
            "unix://a:1",
            "unix:///tmp/a",
            "unixs://x/y",
        ] {
            assert_eq!(parse(url).as_deref(), Ok(url));
        }
        assert_eq!(parse(" HTTP://h:1 ").as_deref(), Ok("http://h:1"));
    }

    #[test]
    fn urls_that_etcd_refuses_are_refused() {
        for url in ["ftp://h:1", "h:1", "//h:1", "http:h:1", "", "unix:a", "127.0.0.1:2380"] {
            assert_eq!(parse(url), Err(UrlError::Scheme(url.into())));
        }
        for url in ["http://h:1/", "http://h:1/x"] {
            assert_eq!(parse(url), Err(UrlError::Path(url.into())));
        }
        for url in [
            "http://h",
            "http://::1:2380",
            "http://h:80a",
            "http://h h:1",
            "http://%41:1",
            "http://h:+1",
            "http://",
        ] {
            assert_eq!(parse(url), Err(UrlError::Address(url.into())));
        }
        assert_eq!(PeerUrls::parse::<&str>([]), Err(UrlError::None));
    }

    #[test]
    fn nothing_but_an_address_is_taken() {
        // etcd takes these, and can do nothing with them.
        for url in ["http://h:", "http://h:99999", "http://h:1?x=y", "http://u:p@h:1", "unix://"] {
            assert_eq!(parse(url), Err(UrlError::Address(url.into())));
        }
    }

    #[test]
    fn urls_are_sorted_and_a_client_is_told_only_that_they_are_wrong() {
        let urls = PeerUrls::parse(["http://b:2", "http://a:1"]).unwrap();
        assert_eq!(*urls, ["http://a:1", "http://b:2"]);
        assert_eq!(MemberError::from(UrlError::None), MemberError::BadUrls);
    }
}
