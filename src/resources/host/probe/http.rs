//! Asking web servers.

use std::collections::BTreeMap;
use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use reqwest::redirect::Policy;
use reqwest::{Client, Response};

use super::names::{NameError, Names};
use super::{HttpProbe, ProbeError, trust};

/// So much of an answer's body is looked through, in bytes.
const BODY: usize = 1 << 20;
/// So many redirects are followed, as browsers do about.
const REDIRECTS: usize = 10;
/// A connection that nobody uses is kept for so long: longer than the usual interval of probes.
const IDLE: Duration = Duration::from_secs(60);

/// The clients, each with its kept connections: one for each set of authorities, with and without redirects.
#[derive(Debug)]
pub struct Clients {
    /// Where the authorities of the system may be.
    bundles: Vec<PathBuf>,
    kept: Mutex<BTreeMap<Trust, Client>>,
}

impl Default for Clients {
    fn default() -> Self {
        Self::over(trust::bundles())
    }
}

/// What makes a client another one. A file of authorities that was written anew is another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Trust {
    ca: Option<Arc<Path>>,
    /// Of each place that is looked at, when it was written: an agent that starts before the package with the
    /// authorities is installed must see it come.
    written: Vec<Option<SystemTime>>,
    redirects: bool,
}

impl Clients {
    /// With these places for the authorities of the system.
    pub fn over(bundles: Vec<PathBuf>) -> Self {
        Self { bundles, kept: Mutex::default() }
    }

    /// Asks once.
    ///
    /// # Errors
    /// What was wrong with the answer, or why there was none.
    pub async fn ask(&self, probe: &HttpProbe) -> Result<(), ProbeError> {
        // Whoever waits for a redirect does not want it followed.
        let redirects = !probe.status.iter().any(|status| (300..400).contains(status));
        let client = self.client(probe.ca.as_ref(), redirects)?;
        let request = client.request(probe.method.clone(), probe.url.clone()).headers(probe.headers.clone());
        let answer = request.send().await.map_err(why)?;
        let found = answer.status().as_u16();
        let good = match &*probe.status {
            [] => answer.status().is_success(),
            wanted => wanted.contains(&found),
        };
        if !good {
            return Err(ProbeError::Status { found });
        }
        match &probe.body_match {
            Some(text) => holds(answer, text).await,
            None => Ok(()),
        }
    }

    /// A client for these authorities.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn client(&self, ca: Option<&Arc<Path>>, redirects: bool) -> Result<Client, ProbeError> {
        let time = |path: &Path| path.metadata().and_then(|found| found.modified()).ok();
        let written = match ca {
            Some(ca) => vec![time(ca)],
            None => self.bundles.iter().map(|path| time(path)).collect(),
        };
        let trust = Trust { ca: ca.cloned(), written, redirects };
        let mut clients = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&trust) {
            return Ok(client.clone());
        }
        let policy = if redirects { Policy::limited(REDIRECTS) } else { Policy::none() };
        let client = Client::builder()
            .tls_backend_preconfigured(trust::client_config(ca.map(|ca| &**ca), &self.bundles)?)
            .dns_resolver(Arc::new(Names))
            .redirect(policy)
            .pool_idle_timeout(IDLE)
            .user_agent(concat!("mgmt/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(why)?;
        // Those of an older state of the file are of no use any more.
        clients.retain(|old, _| old.ca != trust.ca || old.written == trust.written);
        clients.insert(trust, client.clone());
        Ok(client)
    }
}

/// Whether a text is in the body of an answer.
async fn holds(mut answer: Response, text: &str) -> Result<(), ProbeError> {
    let wanted = text.as_bytes();
    let mut seen: Vec<u8> = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(why)? {
        // The text may begin in one chunk and end in the next.
        let from = (seen.len() + 1).saturating_sub(wanted.len());
        let room = BODY - seen.len();
        seen.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if seen[from..].windows(wanted.len()).any(|window| window == wanted) {
            return Ok(());
        }
        if seen.len() == BODY {
            break;
        }
    }
    Err(ProbeError::Body { seen: seen.len() })
}

/// What was wrong, from the chain of causes that the client gives.
pub fn why(error: reqwest::Error) -> ProbeError {
    // The address may hold a password.
    let error = error.without_url();
    let mut deepest = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<NameError>() {
            let source = io::Error::new(error.source.kind(), error.source.to_string());
            return ProbeError::Name { host: error.host.clone(), source };
        }
        if let Some(error) = error.downcast_ref::<rustls::Error>() {
            return ProbeError::Tls { reason: error.to_string().into() };
        }
        if let Some(error) = error.downcast_ref::<io::Error>() {
            let Some(inner) = error.get_ref() else {
                return ProbeError::connection(io::Error::from(error.kind()));
            };
            // What an I/O error wraps is not among its causes: it stands for it.
            deepest = inner.to_string();
            cause = Some(inner);
            continue;
        }
        deepest = error.to_string();
        cause = error.source();
    }
    if deepest.contains("connection closed") {
        return ProbeError::Cut;
    }
    ProbeError::Protocol { reason: deepest.into() }
}
