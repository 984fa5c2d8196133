//! Where a host listens.

use std::io::ErrorKind;
use std::net::SocketAddr;

use super::{Memory, MeshError, Options};
use crate::cluster::etcd::serve::{Address, Bound, ListenError, Place};
use crate::cluster::link::{Endpoint, PORT};

/// Ports for when the usual one is taken: next to it, after that of etcd's peers, and below those that the system gives to
/// outgoing connections.
const OTHERS: std::ops::RangeInclusive<u16> = 2381..=2999;

/// Where a host listens, whoever answers there: one that knows the way to the store, or carries it. Nobody else gets the
/// ports when one gives way to the other, and who calls in that moment waits for it.
#[derive(Debug, Default)]
pub(super) struct Door {
    bound: Vec<Bound>,
    /// Where others reach it, as URLs.
    pub advertised: Vec<String>,
}

impl Door {
    /// Listens at the addresses that were asked for; else at the usual port of the loopback, or, when another program has it,
    /// at one that is free and is kept. With `ahead`, also at addresses that this host does not have yet.
    pub async fn open(options: &Options, memory: &Memory, ahead: bool) -> Result<Self, MeshError> {
        let bound = match options.no_network {
            true => Vec::new(),
            false => listen(options, memory.port, ahead).await?,
        };
        let mut advertised = advertised(options, &bound);
        if advertised.is_empty() && !bound.is_empty() {
            advertised.clone_from(&memory.advertised);
        }
        Ok(Self { bound, advertised })
    }

    /// The sockets.
    pub fn bound(&self) -> &[Bound] {
        &self.bound
    }

    /// The port, if it is not the usual one.
    pub fn kept_port(&self) -> Option<u16> {
        match &*self.bound {
            [bound] => bound.local().map(|local| local.port()).filter(|port| *port != PORT),
            _ => None,
        }
    }

    /// Where others reach it.
    pub fn endpoints(&self) -> impl Iterator<Item = Endpoint> + '_ {
        self.advertised.iter().filter_map(|url| url.parse().ok())
    }

    /// Whoever answers there now is the last: who calls afterwards is refused.
    pub fn close(&mut self) {
        self.bound.clear();
    }
}

async fn listen(options: &Options, kept: Option<u16>, ahead: bool) -> Result<Vec<Bound>, MeshError> {
    let tls = !options.security.is_plain();
    if !options.listen.is_empty() {
        let mut bound = Vec::new();
        for address in &options.listen {
            // One that is taken is an error also where only the way to the store would be told there.
            bound.push(Bound::listen(&Address { tls, ..address.clone() }, ahead).await?);
        }
        return Ok(bound);
    }
    let mut last = MeshError::NoAddress;
    for port in [kept.unwrap_or(PORT)].into_iter().chain(OTHERS).chain([0]) {
        let address = Address { place: Place::Tcp("127.0.0.1".to_owned(), port), tls };
        match Bound::listen(&address, false).await {
            Ok(bound) => return Ok(vec![bound]),
            Err(ListenError::Bind { cause, .. }) if cause.kind() == ErrorKind::AddrInUse => {}
            Err(error) => last = error.into(),
        }
    }
    Err(last)
}

/// Where others reach a host: what its administrator says, else where it listens; of an address that stands for all,
/// the one from which others are reached.
fn advertised(options: &Options, bound: &[Bound]) -> Vec<String> {
    if !options.advertise.is_empty() {
        return options.advertise.clone();
    }
    let urls = bound.iter().map(Bound::address).filter_map(|address| match &address.place {
        Place::Tcp(host, port) => {
            let host = match host.as_str() {
                "0.0.0.0" | "::" | "" => own_address()?,
                host => host.to_owned(),
            };
            Some(Address { place: Place::Tcp(host, *port), tls: address.tls }.to_string())
        }
        Place::Unix(_) => None,
    });
    urls.collect()
}

/// The address from which others are reached: the system is asked, and nothing is sent.
fn own_address() -> Option<String> {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").ok()?;
    // TEST-NET-1, RFC 5737: it stands for "anywhere".
    socket.connect(SocketAddr::from(([192, 0, 2, 1], 9))).ok()?;
    Some(socket.local_addr().ok()?.ip().to_string())
}
