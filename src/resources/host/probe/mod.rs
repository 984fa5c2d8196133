//! Asking a server whether it answers: over HTTP, or over bare TCP.

mod error;
mod fake;
pub(super) mod http;
mod names;
mod tcp;
mod trust;

#[cfg(test)]
mod tests;

use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::HeaderMap;
use reqwest::{Method, Url};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

pub use error::ProbeError;
pub use fake::FakeProber;
use http::Clients;

/// So many probes are under way at the same time; others wait for their turn, which counts for nothing.
const AT_ONCE: usize = 300;

/// A question to a web server.
#[derive(Clone)]
pub struct HttpProbe {
    /// Where: `http` or `https`.
    pub url: Url,
    /// How.
    pub method: Method,
    /// Which answers are good; none given: any from 200 to 299.
    pub status: Vec<u16>,
    /// Text that must be in the first MiB of the answer's body.
    pub body_match: Option<Arc<str>>,
    /// Headers of the question. They may hold secrets: they are never shown.
    pub headers: HeaderMap,
    /// A PEM file of the authorities that sign the server; `None`: those of the system.
    pub ca: Option<Arc<Path>>,
    /// How long the whole may take: name, connection, answer, body.
    pub timeout: Duration,
}

/// Without what may be a secret.
impl fmt::Debug for HttpProbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpProbe").field("host", &self.url.host_str()).finish_non_exhaustive()
    }
}

/// A connection to try.
#[derive(Clone, Debug)]
pub struct TcpProbe {
    /// A name or an address.
    pub host: Arc<str>,
    /// The port.
    pub port: u16,
    /// What is said first, if anything.
    pub send: Option<Arc<str>>,
    /// Text that must come within the first 64 KiB of what the server says.
    pub expect: Option<Arc<str>>,
    /// How long the whole may take: name, connection, what is said.
    pub timeout: Duration,
}

/// Something that may be asked.
#[derive(Clone, Debug)]
pub enum Probe {
    /// A web server.
    Http(Box<HttpProbe>),
    /// Any server.
    Tcp(TcpProbe),
}

impl Probe {
    /// How long an answer may take.
    pub fn timeout(&self) -> Duration {
        match self {
            Self::Http(probe) => probe.timeout,
            Self::Tcp(probe) => probe.timeout,
        }
    }

    /// Whether this very host is asked.
    pub fn is_local(&self) -> bool {
        let name = match self {
            Self::Http(probe) => probe.url.host_str().unwrap_or_default(),
            Self::Tcp(probe) => &probe.host,
        };
        name.eq_ignore_ascii_case("localhost") || self.address().is_some_and(|address| address.is_loopback())
    }

    /// What should come of it, after "it should".
    pub fn wanted(&self) -> String {
        match self {
            Self::Http(probe) => {
                let status = match &*probe.status {
                    [] => "from 200 to 299".to_owned(),
                    several => several.iter().map(u16::to_string).collect::<Vec<_>>().join(" or "),
                };
                let body = if probe.body_match.is_some() { " and the text of `body_match`" } else { "" };
                format!("answer a {} with status {status}{body}", probe.method)
            }
            Self::Tcp(probe) if probe.expect.is_some() => {
                "take connections and say what `expect` has".to_owned()
            }
            Self::Tcp(_) => "take TCP connections".to_owned(),
        }
    }

    /// The address that is asked, where no name stands for it.
    pub fn address(&self) -> Option<IpAddr> {
        let host = match self {
            Self::Http(probe) => probe.url.host_str()?,
            Self::Tcp(probe) => &probe.host,
        };
        host.trim_matches(['[', ']']).parse().ok()
    }
}

/// Who is asked, for messages: no password, no query.
impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(probe) => {
                let url = &probe.url;
                write!(f, "{}://{}", url.scheme(), url.host_str().unwrap_or_default())?;
                if let Some(port) = url.port() {
                    write!(f, ":{port}")?;
                }
                f.write_str(url.path())
            }
            Self::Tcp(probe) if probe.host.contains(':') => write!(f, "[{}]:{}", probe.host, probe.port),
            Self::Tcp(probe) => write!(f, "{}:{}", probe.host, probe.port),
        }
    }
}

/// Asks servers.
#[async_trait]
pub trait Prober: fmt::Debug + Send + Sync + 'static {
    /// Asks once, and says how long the answer took.
    ///
    /// # Errors
    /// What was wrong with the answer, or why there was none.
    async fn probe(&self, probe: &Probe) -> Result<Duration, ProbeError>;
}

/// Asks over the network of this machine. Connections to web servers are kept for the next question.
#[derive(Debug)]
pub struct NetworkProber {
    clients: Clients,
    turns: Semaphore,
}

impl Default for NetworkProber {
    fn default() -> Self {
        Self { clients: Clients::default(), turns: Semaphore::new(AT_ONCE) }
    }
}

#[async_trait]
impl Prober for NetworkProber {
    async fn probe(&self, probe: &Probe) -> Result<Duration, ProbeError> {
        let _turn = self.turns.acquire().await.expect("the semaphore is never closed");
        let began = Instant::now();
        let asked = async {
            match probe {
                Probe::Http(probe) => self.clients.ask(probe).await,
                Probe::Tcp(probe) => tcp::ask(probe).await,
            }
        };
        match timeout(probe.timeout(), asked).await {
            Ok(answer) => answer.map(|()| began.elapsed()),
            Err(_) => Err(ProbeError::Timeout { after: probe.timeout() }),
        }
    }
}
