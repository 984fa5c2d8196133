//! The kind `http:check`: a web server that must answer.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};

use super::health::{self, Health, Rhythm};
use super::{doc_of, path_asks};
use crate::engine::entry::Entry;
use crate::engine::registry::did_you_mean;
use crate::engine::{Capabilities, Declaration, Kind, KindDoc, ParamError, Resource};
use crate::resources::file::target::normalize;
use crate::resources::host::Host;
use crate::resources::host::probe::{HttpProbe, Probe};

crate::entry! {
    /// Fails until a web server answers as it should.
    ///
    /// What comes after it in the graph waits until it answers, and is held back again while it does not. It is asked at
    /// an interval, which varies by a tenth; once what is up has given so many bad answers in a row, it is down. Nothing
    /// is repaired: that is left to whatever makes the server. When it answers again after it was down, those to whom
    /// an edge with `notify` leads are refreshed. A refresh asks at once, as after a change of the service.
    ///
    /// What asks this host itself (`localhost`, `127.0.0.1`, `::1`) comes after all services of the graph that should run,
    /// and its first question is put again for 5 s, or `timeout_ms` if that is less, while nothing listens yet.
    ///
    /// No answer, and each way in which an answer can be wrong, is told apart: the name, a refused connection, a timeout,
    /// TLS, the status, the body. Redirects are followed, unless `status` has one. Proxies are those of the agent's
    /// environment (`http_proxy`, `https_proxy`, `no_proxy`).
    ///
    /// ```yaml
    /// resources:
    ///   http:check:
    ///   - name: http://127.0.0.1:8080/healthz
    ///     body_match: ok
    ///   print:
    ///   - name: the shop is open
    /// edges:
    /// - name: e1
    ///   from: {kind: http:check, name: "http://127.0.0.1:8080/healthz"}
    ///   to: {kind: print, name: the shop is open}
    /// ```
    pub struct HttpCheckParams {
        /// What is asked for: an `http` or `https` address. The resource's name if not given.
        url: Arc<str>,
        /// The method of the question.
        method: Arc<str> = Arc::from("GET"),
        /// Which answers are good. If not given: any from 200 to 299.
        status: Vec<u16>,
        /// Text that must be in the first MiB of the answer's body.
        body_match: Arc<str>,
        /// Further headers of the question. They are never shown.
        headers: BTreeMap<Arc<str>, Arc<str>>,
        /// The PEM file of the authorities that may sign the server's certificate: an absolute path. If not given: those of
        /// the system.
        ca: Arc<str>,
        /// From question to question, in ms, at least 100.
        interval_ms: u32 = 10_000,
        /// How long an answer may take, in ms.
        timeout_ms: u32 = 5_000,
        /// So many bad answers in a row before what was up is down.
        failures: u32 = 3,
        /// So many good answers in a row before what was down is up.
        successes: u32 = 1,
    }
}

/// The methods that are known; others have no meaning to a check.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"];

/// The kind `http:check`.
#[derive(Debug)]
pub struct HttpCheckKind {
    host: Arc<Host>,
    doc: KindDoc,
}

impl HttpCheckKind {
    /// The kind, over a host.
    pub fn new(host: Arc<Host>) -> Self {
        Self { host, doc: doc_of::<HttpCheckParams>("http:check", health::outputs()) }
    }
}

impl Kind for HttpCheckKind {
    fn describe(&self) -> &KindDoc {
        &self.doc
    }

    fn build(&self, declaration: &Declaration) -> Result<Box<dyn Resource>, Vec<ParamError>> {
        let (probe, rhythm) = read(declaration)?;
        Ok(Box::new(Health::new(&self.host, probe, rhythm)))
    }

    fn capabilities(&self, declaration: &Declaration) -> Capabilities {
        let Ok((probe, _)) = read(declaration) else { return Capabilities::default() };
        let ca = match &probe {
            Probe::Http(probe) => probe.ca.as_deref().and_then(Path::to_str),
            Probe::Tcp(_) => None,
        };
        let asks = health::asks(&probe).into_iter().chain(ca.map(path_asks::of_source)).collect();
        Capabilities { asks, refreshable: true, waits: true, ..Capabilities::default() }
    }
}

fn read(declaration: &Declaration) -> Result<(Probe, Rhythm), Vec<ParamError>> {
    let params = HttpCheckParams::decode(&declaration.params)?;
    let mut errors = Vec::new();
    let (given, place) = match &*params.url {
        "" => (&declaration.label.name, None),
        _ => (&params.url, Some("url")),
    };
    let url = url(given, place).map_err(|error| errors.push(error)).ok();
    let method = match METHODS.iter().find(|method| params.method.eq_ignore_ascii_case(method)) {
        Some(method) => method.parse().expect("it is a method"),
        None => {
            let error = ParamError::at("method", format!("{:?} is no method", params.method));
            errors.push(match did_you_mean(&params.method.to_uppercase(), METHODS) {
                Some(near) => error.hint(format!("did you mean {near}?")),
                None => error.hint(format!("a method is one of {}", METHODS.join(", "))),
            });
            Method::GET
        }
    };
    for status in params.status.iter().filter(|status| !(100..600).contains(*status)) {
        errors.push(ParamError::at("status", format!("{status} is no status: they go from 100 to 599")));
    }
    let headers = headers(&params.headers, &mut errors);
    let ca = match &*params.ca {
        "" => None,
        path => normalize(path, Some("ca")).map_err(|error| errors.push(error)).ok(),
    };
    let rhythm = Rhythm::new(params.interval_ms, params.failures, params.successes, &mut errors);
    let timeout = health::timeout(params.timeout_ms, &mut errors);
    let (Some(url), true) = (url, errors.is_empty()) else { return Err(errors) };
    let probe = HttpProbe {
        url,
        method,
        status: params.status,
        body_match: Some(params.body_match).filter(|text| !text.is_empty()),
        headers,
        ca: ca.map(|ca| Path::new(&*ca.path).into()),
        timeout,
    };
    Ok((Probe::Http(Box::new(probe)), rhythm))
}

fn url(given: &str, place: Option<&'static str>) -> Result<Url, ParamError> {
    let wrong = |message: String| ParamError { param: place, message, hint: None };
    let hint = "write it as http://host:port/path";
    match Url::parse(given) {
        _ if !given.contains("://") => {
            Err(wrong("the address has no `http://` or `https://` in front".into()).hint(hint))
        }
        Ok(url) if !matches!(url.scheme(), "http" | "https") => {
            Err(wrong(format!("a {:?} address cannot be asked", url.scheme())).hint(hint))
        }
        Ok(url) => Ok(url),
        // The text is not shown: it may hold a password.
        Err(error) => Err(wrong(format!("it is no address: {error}")).hint(hint)),
    }
}

fn headers(given: &BTreeMap<Arc<str>, Arc<str>>, errors: &mut Vec<ParamError>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in given {
        match (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
            (Ok(name), Ok(mut value)) => {
                value.set_sensitive(true);
                headers.insert(name, value);
            }
            (Err(_), _) => errors.push(ParamError::at("headers", format!("{name:?} is no name of a header"))),
            (_, Err(_)) => {
                errors
                    .push(ParamError::at("headers", format!("the value of {name:?} has control characters")));
            }
        }
    }
    headers
}
