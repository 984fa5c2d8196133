//! Names of servers to addresses: through the system, with an error that says it was the name.

use std::io;
use std::net::SocketAddr;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// A name that has no address.
#[derive(Debug, thiserror::Error)]
#[error("resolve the name {host:?}")]
pub struct NameError {
    /// The name.
    pub host: Box<str>,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

/// The addresses of a name.
///
/// # Errors
/// When it has none.
pub async fn addresses(host: &str, port: u16) -> Result<Vec<SocketAddr>, NameError> {
    let failed = |source| NameError { host: host.into(), source };
    let found: Vec<SocketAddr> = tokio::net::lookup_host((host, port)).await.map_err(failed)?.collect();
    if found.is_empty() {
        return Err(failed(io::Error::new(io::ErrorKind::NotFound, "it has no address")));
    }
    Ok(found)
}

/// The system's resolver, for the HTTP client.
#[derive(Debug)]
pub struct Names;

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = addresses(name.as_str(), 0).await?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
