//! Listening at an address that this host does not have yet: it boots, and its network comes later.

use std::io;
use std::net::IpAddr;

use tokio::net::{TcpListener, TcpSocket};

/// Connections that wait to be accepted; tokio's own figure.
const BACKLOG: u32 = 1024;

/// Listens; where this host does not have the address, from the moment in which it has.
///
/// # Errors
/// When the system refuses for another reason, or a name of a host was given that it cannot look up.
pub async fn listen_ahead(host: &str, port: u16) -> io::Result<TcpListener> {
    let error = match TcpListener::bind((host, port)).await {
        Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => error,
        bound => return bound,
    };
    let Ok(address) = host.parse::<IpAddr>() else { return Err(error) };
    let socket = match address {
        IpAddr::V4(_) => TcpSocket::new_v4()?,
        IpAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    match address {
        IpAddr::V4(_) => rustix::net::sockopt::set_ip_freebind(&socket, true)?,
        IpAddr::V6(_) => rustix::net::sockopt::set_ipv6_freebind(&socket, true)?,
    }
    socket.bind((address, port).into())?;
    tracing::warn!(%address, port, "this host does not have the address at which it is to listen: it listens once it does");
    socket.listen(BACKLOG)
}
