//! Network interfaces, their addresses and routes, as the kernel has them.

mod fake;
mod kernel;
mod read;
mod watchers;

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use async_trait::async_trait;
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

pub use fake::FakeNetlink;
pub use kernel::Kernel;
pub use watchers::Watchers;

/// All interfaces with what belongs to them.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// Interfaces.
    pub links: Vec<Link>,
    /// Addresses.
    pub addresses: Vec<Address>,
    /// Routes of unicast, of all tables but the local one.
    pub routes: Vec<Route>,
}

/// An interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// By which the kernel knows it.
    pub index: u32,
    /// By which people do.
    pub name: String,
    /// Such as `bridge`; `None`: a device of its own.
    pub kind: Option<String>,
    /// Whether it is meant to work.
    pub up: bool,
    /// Whether something is at its other end.
    pub carrier: bool,
    /// The longest packet, in bytes.
    pub mtu: u32,
    /// Its hardware address.
    pub mac: Option<[u8; 6]>,
    /// The index of the bridge or bond that it is a part of.
    pub master: Option<u32>,
    /// The index of the interface below it, or of the other end of a veth.
    pub below: Option<u32>,
    /// Of a VLAN.
    pub vlan_id: Option<u16>,
    /// Of a bond.
    pub bond_mode: Option<u8>,
}

/// An address of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The interface's index.
    pub index: u32,
    /// The address with its prefix.
    pub net: Net,
    /// It has a lifetime: a DHCP client or router gave it.
    pub dynamic: bool,
    /// It is being asked whether somebody else has it.
    pub tentative: bool,
    /// Somebody else has it.
    pub duplicate: bool,
}

/// A route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The index of the interface that it leads through.
    pub index: Option<u32>,
    /// What makes it the route that it is.
    pub key: RouteKey,
    /// Whether a person or program made it, and not the kernel, a router or a routing daemon.
    pub by_hand: bool,
}

/// What makes a route of an interface the one that it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RouteKey {
    /// Where to; a default route leads to a prefix of no length.
    pub to: Net,
    /// The next host; `None`: whoever is meant is at the link itself.
    pub via: Option<IpAddr>,
    /// Of several routes to the same place, the one with the least is taken.
    pub metric: u32,
    /// The routing table; 254 is the main one.
    pub table: u32,
}

impl fmt::Display for RouteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to.prefix {
            0 => f.write_str("default")?,
            _ => write!(f, "{}", self.to)?,
        }
        if let Some(via) = self.via {
            write!(f, " via {via}")?;
        }
        write!(f, " metric {}", self.metric)?;
        if self.table != MAIN_TABLE { write!(f, " table {}", self.table) } else { Ok(()) }
    }
}

/// The number of the main routing table (`RT_TABLE_MAIN`).
pub const MAIN_TABLE: u32 = 254;

/// An IP address with the length of its network's prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Net {
    /// The address.
    pub ip: IpAddr,
    /// In bits.
    pub prefix: u8,
}

/// A text that is no address with a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no address with the length of a prefix")]
pub struct NoNet;

impl Net {
    /// Whether no bit is set behind the prefix: it is a network, and not a host in it.
    pub fn is_network(self) -> bool {
        match self.ip {
            IpAddr::V4(ip) => ip.to_bits().checked_shl(self.prefix.into()).unwrap_or(0) == 0,
            IpAddr::V6(ip) => ip.to_bits().checked_shl(self.prefix.into()).unwrap_or(0) == 0,
        }
    }

    /// Whether an address is in its network.
    pub fn holds(self, address: IpAddr) -> bool {
        let rest = |longest: u32| longest - u32::from(self.prefix);
        match (self.ip, address) {
            (IpAddr::V4(ip), IpAddr::V4(it)) => {
                (ip.to_bits() ^ it.to_bits()).checked_shr(rest(32)).unwrap_or(0) == 0
            }
            (IpAddr::V6(ip), IpAddr::V6(it)) => {
                (ip.to_bits() ^ it.to_bits()).checked_shr(rest(128)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }

    /// Whether the kernel makes it by itself for each interface.
    pub fn is_link_local(self) -> bool {
        matches!(self.ip, IpAddr::V6(ip) if ip.segments()[0] & 0xffc0 == 0xfe80)
    }
}

impl FromStr for Net {
    type Err = NoNet;

    fn from_str(text: &str) -> Result<Self, NoNet> {
        let (ip, prefix) = text.split_once('/').ok_or(NoNet)?;
        let ip: IpAddr = ip.parse().map_err(|_| NoNet)?;
        let prefix: u8 = prefix.parse().map_err(|_| NoNet)?;
        let longest = if ip.is_ipv4() { 32 } else { 128 };
        if prefix <= longest { Ok(Self { ip, prefix }) } else { Err(NoNet) }
    }
}

impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.ip, self.prefix)
    }
}

impl From<Net> for String {
    fn from(net: Net) -> Self {
        net.to_string()
    }
}

impl TryFrom<String> for Net {
    type Error = NoNet;

    fn try_from(text: String) -> Result<Self, NoNet> {
        text.parse()
    }
}

/// Something for the kernel to do. Interfaces are named: one may have been made by the request before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Make an interface.
    Create(String, Make),
    /// Remove one.
    Remove(String),
    /// Make it a part of a bridge or bond, or of none.
    Master(String, Option<String>),
    /// Set the longest packet.
    Mtu(String, u32),
    /// Set the hardware address.
    Mac(String, [u8; 6]),
    /// Have it work.
    Up(String),
    /// Have it not work.
    Down(String),
    /// Give it an address, for ever; without asking around whether it is free.
    AddAddress(String, Net, bool),
    /// Take an address from it.
    RemoveAddress(String, Net),
    /// Have a route lead through it.
    AddRoute(String, RouteKey),
    /// Have it not.
    RemoveRoute(String, RouteKey),
    /// Whether IPv4 packets that come in there go on.
    Forward(String, bool),
}

/// What sort of interface to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Make {
    /// A bridge.
    Bridge,
    /// One that leads nowhere.
    Dummy,
    /// A bond of this mode; `None`: the kernel's choice.
    Bond(Option<u8>),
    /// A VLAN with this number on an interface.
    Vlan(String, u16),
    /// One end of a pair; the other has this name.
    Veth(String),
}

impl Make {
    /// As the kernel calls it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Bridge => "bridge",
            Self::Dummy => "dummy",
            Self::Bond(_) => "bond",
            Self::Vlan(..) => "vlan",
            Self::Veth(_) => "veth",
        }
    }
}

/// Why the kernel did not do it.
#[derive(Debug, thiserror::Error)]
#[error("{op}")]
pub struct NetlinkError {
    /// What was to be done.
    pub op: String,
    /// What the kernel said.
    #[source]
    pub source: io::Error,
}

impl NetlinkError {
    /// Whether the kernel answered so.
    pub fn is(&self, answer: Errno) -> bool {
        Errno::from_io_error(&self.source) == Some(answer)
    }
}

/// Called when something may have changed. It must be quick and must not block.
pub type NetlinkSink = Arc<dyn Fn() + Send + Sync>;

/// The kernel's network.
#[async_trait]
pub trait Netlink: fmt::Debug + Send + Sync + 'static {
    /// All that there is.
    ///
    /// # Errors
    /// When the kernel refuses.
    async fn dump(&self) -> Result<Network, NetlinkError>;

    /// Whether IPv4 packets that come in at an interface go on.
    ///
    /// # Errors
    /// When the kernel refuses; when there is no such interface.
    fn forwards(&self, name: &str) -> Result<bool, NetlinkError>;

    /// Has something done, and waits for the kernel's word.
    ///
    /// # Errors
    /// When the kernel refuses.
    async fn request(&self, request: &Request) -> Result<(), NetlinkError>;

    /// Calls `sink` at each event of interfaces, addresses, routes and forwarding until the guard is dropped. Events
    /// after this returns are not missed.
    ///
    /// # Errors
    /// When the kernel refuses.
    fn listen(&self, sink: NetlinkSink) -> Result<Listening, NetlinkError>;
}

/// Ends the listening when it is dropped.
pub struct Listening(#[expect(dead_code, reason = "it is only dropped")] Box<dyn Send + Sync>);

impl Listening {
    /// Of whatever ends it when it is dropped.
    pub fn new(guard: impl Send + Sync + 'static) -> Self {
        Self(Box::new(guard))
    }
}

impl fmt::Debug for Listening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listening")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_net_is_an_address_with_a_prefix() {
        for (text, is_network) in [
            ("10.0.0.1/24", false),
            ("10.0.0.0/24", true),
            ("0.0.0.0/0", true),
            ("::/0", true),
            ("::1/128", true),
        ] {
            let net: Net = text.parse().unwrap();
            assert_eq!((net.to_string().as_str(), net.is_network()), (text, is_network));
        }
        for (net, ip, holds) in [
            ("10.0.0.1/24", "10.0.0.254", true),
            ("10.0.0.1/24", "10.0.1.1", false),
            ("10.0.0.1/32", "10.0.0.1", true),
            ("10.0.0.1/32", "10.0.0.2", false),
            ("0.0.0.0/0", "192.0.2.1", true),
            ("2001:db8::1/64", "2001:db8::ff", true),
            ("2001:db8::1/64", "2001:db8:1::", false),
            ("::/0", "10.0.0.1", false),
        ] {
            assert_eq!(net.parse::<Net>().unwrap().holds(ip.parse().unwrap()), holds, "{net} {ip}");
        }
        for text in ["10.0.0.1", "10.0.0.1/33", "::/129", "x/1", "10.0.0.1/-1"] {
            assert_eq!(text.parse::<Net>(), Err(NoNet), "{text}");
        }
        assert!("fe80::1/64".parse::<Net>().unwrap().is_link_local());
        assert!(!"2001:db8::1/64".parse::<Net>().unwrap().is_link_local());
    }
}
