//! This machine's kernel, over rtnetlink: one socket for requests, one for events.

use std::io;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{Stream, StreamExt as _, pin_mut};
use netlink_packet_route::AddressFamily;
use netlink_packet_route::address::AddressFlags;
use netlink_packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage};
use netlink_packet_route::link::BondMode;
use netlink_packet_route::route::{RouteMessage, RouteProtocol, RouteScope};
use rtnetlink::sys::{AsyncSocket as _, AsyncSocketExt as _, SocketAddr, TokioSocket, protocols};
use rtnetlink::{
    Handle, LinkBond, LinkBridge, LinkDummy, LinkMessageBuilder, LinkUnspec, LinkVeth, LinkVlan,
    RouteMessageBuilder,
};
use rustix::io::Errno;

use super::{Listening, Make, Net, Netlink, NetlinkError, NetlinkSink, Network, Request, RouteKey, read};

/// The groups of events, as bits (linux/rtnetlink.h): links, IPv4 addresses and routes, IPv6 addresses and routes, and
/// settings of interfaces (forwarding) of both.
const GROUPS: u32 = group(1) | group(5) | group(7) | group(9) | group(11) | group(24) | group(25);
/// Room for events that have not been read, in bytes: a thousand routes go at once when an interface does.
const ROOM: usize = 1 << 20;
/// The kernel answers in microseconds; one that does not is not waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// After this the socket of events is made anew, when it failed.
const AGAIN: Duration = Duration::from_secs(1);

const fn group(number: u32) -> u32 {
    1 << (number - 1)
}

/// This machine's kernel, in the namespace of this process. Connected to on the first use.
#[derive(Debug, Default)]
pub struct Kernel {
    handle: Mutex<Option<Handle>>,
}

impl Kernel {
    fn handle(&self) -> io::Result<Handle> {
        let mut handle = self.handle.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(handle) = &*handle {
            return Ok(handle.clone());
        }
        let (connection, fresh, _) = rtnetlink::new_connection_with_strict_check()?;
        tokio::spawn(connection);
        *handle = Some(fresh.clone());
        Ok(fresh)
    }

    /// What the kernel said; a connection that broke is made anew the next time.
    fn refused(&self, op: &str, error: rtnetlink::Error) -> NetlinkError {
        let source = match error {
            rtnetlink::Error::NetlinkError(message) => message.to_io(),
            other => {
                *self.handle.lock().unwrap_or_else(PoisonError::into_inner) = None;
                io::Error::other(other.to_string())
            }
        };
        NetlinkError { op: op.to_owned(), source }
    }

    async fn all<M>(
        &self,
        op: &str,
        messages: impl Stream<Item = Result<M, rtnetlink::Error>>,
        mut take: impl FnMut(M),
    ) -> Result<(), NetlinkError> {
        pin_mut!(messages);
        while let Some(message) = messages.next().await {
            take(message.map_err(|error| self.refused(op, error))?);
        }
        Ok(())
    }

    async fn read_all(&self) -> Result<Network, NetlinkError> {
        let handle =
            self.handle().map_err(|source| NetlinkError { op: "open a netlink socket".into(), source })?;
        let mut network = Network::default();
        let links = handle.link().get().execute();
        self.all("list the interfaces", links, |it| network.links.push(read::link(&it))).await?;
        let addresses = handle.address().get().execute();
        self.all("list the addresses", addresses, |it| network.addresses.extend(read::address(&it))).await?;
        for family in [AddressFamily::Inet, AddressFamily::Inet6] {
            let mut which = RouteMessage::default();
            which.header.address_family = family;
            let routes = handle.route().get(which).execute();
            self.all("list the routes", routes, |it| network.routes.extend(read::route(&it))).await?;
        }
        Ok(network)
    }
}

fn index(name: &str) -> io::Result<u32> {
    use rustix::net::{AddressFamily, SocketType, socket};
    let any = socket(AddressFamily::UNIX, SocketType::DGRAM, None)?;
    Ok(rustix::net::netdevice::name_to_index(&any, name)?)
}

fn forwarding(name: &str) -> String {
    format!("/proc/sys/net/ipv4/conf/{name}/forwarding")
}

async fn in_time<T>(
    op: &str,
    work: impl Future<Output = Result<T, NetlinkError>>,
) -> Result<T, NetlinkError> {
    let late = |_| NetlinkError { op: op.to_owned(), source: Errno::TIMEDOUT.into() };
    tokio::time::timeout(PATIENCE, work).await.map_err(late)?
}

#[async_trait]
impl Netlink for Kernel {
    async fn dump(&self) -> Result<Network, NetlinkError> {
        in_time("read the network", self.read_all()).await
    }

    fn forwards(&self, name: &str) -> Result<bool, NetlinkError> {
        let path = forwarding(name);
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(text.trim() != "0"),
            Err(source) => Err(NetlinkError { op: format!("read {path}"), source }),
        }
    }

    async fn request(&self, request: &Request) -> Result<(), NetlinkError> {
        let op = describe(request);
        in_time(&op, self.ask(&op, request)).await
    }

    fn listen(&self, sink: NetlinkSink) -> Result<Listening, NetlinkError> {
        let failed = |source| NetlinkError { op: "listen to events of the network".into(), source };
        let socket = event_socket().map_err(failed)?;
        let task = tokio::spawn(hear(socket, sink));
        Ok(Listening::new(Abort(task.abort_handle())))
    }
}

struct Abort(tokio::task::AbortHandle);

impl Drop for Abort {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn event_socket() -> io::Result<TokioSocket> {
    let mut socket = TokioSocket::new(protocols::NETLINK_ROUTE)?;
    // The kernel may give less; then events are lost sooner, and all is read again.
    let _ = socket.socket_mut().set_rx_buf_sz(ROOM as i32);
    socket.socket_mut().bind(&SocketAddr::new(0, GROUPS))?;
    Ok(socket)
}

/// Passes events on until it is aborted. What they say is not read: all is read afresh.
async fn hear(mut socket: TokioSocket, sink: NetlinkSink) {
    loop {
        match socket.recv_from_full().await {
            Ok(_) => sink(),
            // Events were lost: something may have changed.
            Err(error) if Errno::from_io_error(&error) == Some(Errno::NOBUFS) => sink(),
            Err(error) => {
                tracing::warn!(%error, "events of the network cannot be heard: tried again");
                loop {
                    tokio::time::sleep(AGAIN).await;
                    if let Ok(fresh) = event_socket() {
                        socket = fresh;
                        break;
                    }
                }
                sink();
            }
        }
    }
}

impl Kernel {
    async fn ask(&self, op: &str, request: &Request) -> Result<(), NetlinkError> {
        let failed = |source: io::Error| NetlinkError { op: op.to_owned(), source };
        if let Request::Forward(name, on) = request {
            return std::fs::write(forwarding(name), if *on { "1" } else { "0" }).map_err(failed);
        }
        let handle = self.handle().map_err(failed)?;
        let refused = |error| self.refused(op, error);
        let set = |change: fn(LinkMessageBuilder<LinkUnspec>) -> LinkMessageBuilder<LinkUnspec>,
                   name: &str| {
            index(name).map(|index| change(LinkUnspec::new_with_index(index)))
        };
        let change = match request {
            Request::Forward(..) => return Ok(()),
            Request::Create(name, make) => {
                let message = made(name, make).map_err(failed)?;
                return handle.link().add(message).execute().await.map_err(refused);
            }
            Request::Remove(name) => {
                return handle.link().del(index(name).map_err(failed)?).execute().await.map_err(refused);
            }
            Request::AddAddress(name, net, nodad) => {
                let index = index(name).map_err(failed)?;
                let mut add = handle.address().add(index, net.ip, net.prefix).replace();
                if *nodad {
                    let message = add.message_mut();
                    message.header.flags |= AddressHeaderFlags::Nodad;
                    message.attributes.push(AddressAttribute::Flags(AddressFlags::Nodad));
                }
                return add.execute().await.map_err(refused);
            }
            Request::RemoveAddress(name, net) => {
                let message = address(index(name).map_err(failed)?, *net);
                return handle.address().del(message).execute().await.map_err(refused);
            }
            Request::AddRoute(name, key) => {
                let message = route(index(name).map_err(failed)?, key);
                return handle.route().add(message).execute().await.map_err(refused);
            }
            Request::RemoveRoute(name, key) => {
                let message = route(index(name).map_err(failed)?, key);
                return handle.route().del(message).execute().await.map_err(refused);
            }
            Request::Up(name) => set(LinkMessageBuilder::up, name),
            Request::Down(name) => set(LinkMessageBuilder::down, name),
            Request::Master(name, None) => set(LinkMessageBuilder::nocontroller, name),
            Request::Master(name, Some(master)) => {
                let master = index(master).map_err(failed)?;
                index(name).map(|index| LinkUnspec::new_with_index(index).controller(master))
            }
            Request::Mtu(name, mtu) => index(name).map(|index| LinkUnspec::new_with_index(index).mtu(*mtu)),
            Request::Mac(name, mac) => {
                index(name).map(|index| LinkUnspec::new_with_index(index).address(mac.to_vec()))
            }
        };
        let change = change.map_err(failed)?.build();
        handle.link().set(change).execute().await.map_err(refused)
    }
}

fn made(name: &str, make: &Make) -> io::Result<netlink_packet_route::link::LinkMessage> {
    Ok(match make {
        Make::Bridge => LinkBridge::new(name).build(),
        Make::Dummy => LinkDummy::new(name).build(),
        Make::Bond(None) => LinkBond::new(name).build(),
        Make::Bond(Some(mode)) => LinkBond::new(name).mode(BondMode::from(*mode)).build(),
        Make::Vlan(parent, id) => LinkVlan::new(name, index(parent)?, *id).build(),
        Make::Veth(peer) => LinkVeth::new(name, peer).build(),
    })
}

fn address(index: u32, net: Net) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.family = if net.ip.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    message.header.prefix_len = net.prefix;
    message.header.index = index;
    message.attributes.push(AddressAttribute::Local(net.ip));
    message.attributes.push(AddressAttribute::Address(net.ip));
    message
}

fn route(index: u32, key: &RouteKey) -> RouteMessage {
    let scope = if key.via.is_none() { RouteScope::Link } else { RouteScope::Universe };
    match key.to.ip {
        IpAddr::V4(to) => {
            let mut message = RouteMessageBuilder::<std::net::Ipv4Addr>::new().scope(scope);
            if key.to.prefix > 0 {
                message = message.destination_prefix(to, key.to.prefix);
            }
            message = match key.via {
                Some(IpAddr::V4(via)) => message.gateway(via),
                Some(IpAddr::V6(via)) => message.via(via),
                None => message,
            };
            let message = message.output_interface(index).priority(key.metric).table_id(key.table);
            message.protocol(RouteProtocol::Static).build()
        }
        IpAddr::V6(to) => {
            let mut message = RouteMessageBuilder::<std::net::Ipv6Addr>::new();
            if key.to.prefix > 0 {
                message = message.destination_prefix(to, key.to.prefix);
            }
            if let Some(IpAddr::V6(via)) = key.via {
                message = message.gateway(via);
            }
            let message = message.output_interface(index).priority(key.metric).table_id(key.table);
            message.protocol(RouteProtocol::Static).build()
        }
    }
}

fn describe(request: &Request) -> String {
    match request {
        Request::Create(name, make) => format!("make the {} {name}", make.kind()),
        Request::Remove(name) => format!("remove the interface {name}"),
        Request::Master(name, Some(master)) => format!("make {name} a part of {master}"),
        Request::Master(name, None) => format!("make {name} a part of nothing"),
        Request::Mtu(name, mtu) => format!("set the MTU of {name} to {mtu}"),
        Request::Mac(name, _) => format!("set the hardware address of {name}"),
        Request::Up(name) => format!("set {name} up"),
        Request::Down(name) => format!("set {name} down"),
        Request::AddAddress(name, net, _) => format!("give {name} the address {net}"),
        Request::RemoveAddress(name, net) => format!("take the address {net} from {name}"),
        Request::AddRoute(name, key) => format!("add the route {key} through {name}"),
        Request::RemoveRoute(name, key) => format!("remove the route {key} through {name}"),
        Request::Forward(name, on) => format!("set the forwarding of {name} to {on}"),
    }
}
