//! Where a host listens.

use std::io::ErrorKind;
use std::net::SocketAddr;

use super::{MeshError, Options};
use crate::cluster::etcd::serve::{Address, ListenError, Listener, Place};
use crate::cluster::link::PORT;

/// Ports for when the usual one is taken: next to it, after that of etcd's peers, and below those that the system gives to
/// outgoing connections.
const OTHERS: std::ops::RangeInclusive<u16> = 2381..=2999;

/// The addresses at which to listen: those that were asked for; else the usual port of the loopback, or, when another
/// program has it, one that is free and is kept.
pub(super) async fn choose(options: &Options, kept: Option<u16>) -> Result<Vec<Address>, MeshError> {
    let tls = !options.security.is_plain();
    if !options.listen.is_empty() {
        let mut listen = Vec::new();
        for address in &options.listen {
            listen.push(Address { tls, ..with_port(address).await? });
        }
        return Ok(listen);
    }
    // Whether a port is free is all that is asked here.
    let at = |port| Address { place: Place::Tcp("127.0.0.1".to_owned(), port), tls: false };
    let candidates = [kept.unwrap_or(PORT)].into_iter().chain(OTHERS).chain([0]);
    let mut last = MeshError::NoAddress;
    for port in candidates {
        match Listener::bind(&at(port), None).await {
            // It is bound again in a moment.
            Ok(listener) => {
                let port = listener.local().map_or(port, |local| local.port());
                return Ok(vec![Address { tls, ..at(port) }]);
            }
            Err(ListenError::Bind { cause, .. }) if cause.kind() == ErrorKind::AddrInUse => {}
            Err(error) => last = error.into(),
        }
    }
    Err(last)
}

/// Port 0 is one that the system chooses: others must know which.
async fn with_port(address: &Address) -> Result<Address, MeshError> {
    let address = &Address { tls: false, ..address.clone() };
    // One that is taken is an error also where only the way to the store would be told there.
    let listener = Listener::bind_ahead(address, None).await?;
    let Place::Tcp(host, 0) = &address.place else { return Ok(address.clone()) };
    let port = listener.local().ok_or(MeshError::NoAddress)?.port();
    Ok(Address { place: Place::Tcp(host.clone(), port), tls: address.tls })
}

/// The port, if it is not the usual one.
pub(super) fn kept_port(listen: &[Address]) -> Option<u16> {
    match listen {
        [Address { place: Place::Tcp(_, port), .. }] if *port != PORT => Some(*port),
        _ => None,
    }
}

/// Where others reach a host: what its administrator says, else where it listens; of an address that stands for all,
/// the one from which `towards` is reached.
pub(super) fn advertised(options: &Options, listen: &[Address], towards: Option<SocketAddr>) -> Vec<String> {
    if !options.advertise.is_empty() {
        return options.advertise.clone();
    }
    let urls = listen.iter().filter_map(|address| match &address.place {
        Place::Tcp(host, port) => {
            let host = match host.as_str() {
                "0.0.0.0" | "::" | "" => own_address(towards)?,
                host => host.to_owned(),
            };
            let place = Place::Tcp(host, *port);
            Some(Address { place, tls: address.tls }.to_string())
        }
        Place::Unix(_) => None,
    });
    urls.collect()
}

/// The address from which another one is reached: the system is asked, and nothing is sent.
fn own_address(towards: Option<SocketAddr>) -> Option<String> {
    // TEST-NET-1, RFC 5737: it stands for "anywhere".
    let towards = towards.unwrap_or_else(|| SocketAddr::from(([192, 0, 2, 1], 9)));
    let socket = std::net::UdpSocket::bind(if towards.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" }).ok()?;
    socket.connect(towards).ok()?;
    Some(socket.local_addr().ok()?.ip().to_string())
}
