//! The kind `tcp:check`: a server that must take connections.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::doc_of;
use super::health::{self, Health, Rhythm};
use crate::engine::entry::Entry;
use crate::engine::{Capabilities, Declaration, Kind, KindDoc, ParamError, Resource};
use crate::resources::host::Host;
use crate::resources::host::probe::{Probe, TcpProbe};

crate::entry! {
    /// Fails until a server takes connections.
    ///
    /// What comes after it in the graph waits until a TCP connection can be made, and is held back again while none can.
    /// With `send` and `expect` the server must say something too. It is asked at an interval, which varies by a tenth;
    /// once what is up has failed so many times in a row, it is down. Nothing is repaired: that is left to whatever
    /// makes the server. When it answers again after it was down, those to whom an edge with `notify` leads are
    /// refreshed. A refresh asks at once.
    ///
    /// What asks this host itself (`localhost`, `127.0.0.1`, `::1`) comes after all services of the graph that should run,
    /// and its first question is put again for 5 s, or `timeout_ms` if that is less, while nothing listens yet.
    ///
    /// ```yaml
    /// resources:
    ///   tcp:check:
    ///   - name: the mail server
    ///     address: 127.0.0.1:25
    ///     expect: "220 "
    /// ```
    pub struct TcpCheckParams {
        /// Where: `host:port`, an IPv6 address in brackets. The resource's name if not given.
        address: Arc<str>,
        /// From connection to connection, in ms, at least 100.
        interval_ms: u32 = 10_000,
        /// How long it may take to connect and to hear what is expected, in ms.
        timeout_ms: u32 = 5_000,
        /// So many failures in a row before what was up is down.
        failures: u32 = 3,
        /// So many successes in a row before what was down is up.
        successes: u32 = 1,
        /// What is said once connected.
        send: Arc<str>,
        /// Text that must be in the first 64 KiB of what the server says.
        expect: Arc<str>,
    }
}

/// The kind `tcp:check`.
#[derive(Debug)]
pub struct TcpCheckKind {
    host: Arc<Host>,
    doc: KindDoc,
}

impl TcpCheckKind {
    /// The kind, over a host.
    pub fn new(host: Arc<Host>) -> Self {
        Self { host, doc: doc_of::<TcpCheckParams>("tcp:check", health::outputs()) }
    }
}

impl Kind for TcpCheckKind {
    fn describe(&self) -> &KindDoc {
        &self.doc
    }

    fn build(&self, declaration: &Declaration) -> Result<Box<dyn Resource>, Vec<ParamError>> {
        let (probe, rhythm) = read(declaration)?;
        Ok(Box::new(Health::new(&self.host, probe, rhythm)))
    }

    fn capabilities(&self, declaration: &Declaration) -> Capabilities {
        let asks = read(declaration).map(|(probe, _)| health::asks(&probe)).unwrap_or_default();
        Capabilities { asks, refreshable: true, waits: true, ..Capabilities::default() }
    }
}

fn read(declaration: &Declaration) -> Result<(Probe, Rhythm), Vec<ParamError>> {
    let params = TcpCheckParams::decode(&declaration.params)?;
    let mut errors = Vec::new();
    let (given, place) = match &*params.address {
        "" => (&declaration.label.name, None),
        _ => (&params.address, Some("address")),
    };
    let address = host_and_port(given);
    if address.is_none() {
        let error = ParamError { param: place, message: format!("{given:?} is no address"), hint: None };
        errors.push(error.hint("write it as host:port, or [2001:db8::1]:port"));
    }
    let rhythm = Rhythm::new(params.interval_ms, params.failures, params.successes, &mut errors);
    let timeout = health::timeout(params.timeout_ms, &mut errors);
    let (Some((host, port)), true) = (address, errors.is_empty()) else { return Err(errors) };
    let some = |text: Arc<str>| Some(text).filter(|text| !text.is_empty());
    let probe = TcpProbe { host, port, send: some(params.send), expect: some(params.expect), timeout };
    Ok((Probe::Tcp(probe), rhythm))
}

/// Takes an address apart; `None`: it is none.
fn host_and_port(given: &str) -> Option<(Arc<str>, u16)> {
    let (host, port) = given.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port != 0)?;
    let host = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').filter(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok())?,
        None => host,
    };
    let plain = !host.is_empty() && !host.contains([' ', '/', '[', ']']);
    let bare_v6 = host.contains(':') && !given.starts_with('[');
    (plain && !bare_v6).then(|| (host.into(), port))
}
