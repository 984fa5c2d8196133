//! The kernel's messages, read.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netlink_packet_route::AddressFamily;
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressMessage};
use netlink_packet_route::link::{
    InfoBond, InfoData, InfoVlan, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteMessage, RouteProtocol, RouteType};

use super::{Address, Link, Net, Route, RouteKey};

/// The number of the table of what is this host itself (`RT_TABLE_LOCAL`); the kernel alone fills it.
const LOCAL_TABLE: u32 = 255;

/// An interface.
pub fn link(message: &LinkMessage) -> Link {
    let flags = message.header.flags;
    let mut link = Link {
        index: message.header.index,
        up: flags.contains(LinkFlags::Up),
        carrier: flags.contains(LinkFlags::LowerUp),
        ..Link::default()
    };
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => link.name.clone_from(name),
            LinkAttribute::Mtu(mtu) => link.mtu = *mtu,
            LinkAttribute::Address(mac) => link.mac = mac.as_slice().try_into().ok(),
            LinkAttribute::Controller(index) => link.master = Some(*index).filter(|index| *index != 0),
            LinkAttribute::Link(index) => link.below = Some(*index),
            LinkAttribute::LinkInfo(infos) => infos.iter().for_each(|info| add_info(&mut link, info)),
            _ => {}
        }
    }
    link
}

fn add_info(link: &mut Link, info: &LinkInfo) {
    match info {
        LinkInfo::Kind(kind) => link.kind = Some(kind.to_string()),
        LinkInfo::Data(InfoData::Vlan(all)) => {
            link.vlan_id = all.iter().find_map(|it| match it {
                InfoVlan::Id(id) => Some(*id),
                _ => None,
            });
        }
        LinkInfo::Data(InfoData::Bond(all)) => {
            link.bond_mode = all.iter().find_map(|it| match it {
                InfoBond::Mode(mode) => Some((*mode).into()),
                _ => None,
            });
        }
        _ => {}
    }
}

/// An address; `None`: it is of another family.
pub fn address(message: &AddressMessage) -> Option<Address> {
    let mut flags = AddressFlags::from_bits_retain(message.header.flags.bits().into());
    let (mut local, mut remote) = (None, None);
    for attribute in &message.attributes {
        match attribute {
            // Of a link with two ends, the address is the other one's; for others both are the same.
            AddressAttribute::Local(ip) => local = Some(*ip),
            AddressAttribute::Address(ip) => remote = Some(*ip),
            AddressAttribute::Flags(all) => flags = *all,
            _ => {}
        }
    }
    Some(Address {
        index: message.header.index,
        net: Net { ip: local.or(remote)?, prefix: message.header.prefix_len },
        dynamic: !flags.contains(AddressFlags::Permanent),
        tentative: flags.contains(AddressFlags::Tentative) && !flags.contains(AddressFlags::Optimistic),
        duplicate: flags.contains(AddressFlags::Dadfailed),
    })
}

/// A route; `None`: it is none that a person makes.
pub fn route(message: &RouteMessage) -> Option<Route> {
    let header = &message.header;
    if header.kind != RouteType::Unicast {
        return None;
    }
    let any: IpAddr = match header.address_family {
        AddressFamily::Inet => Ipv4Addr::UNSPECIFIED.into(),
        AddressFamily::Inet6 => Ipv6Addr::UNSPECIFIED.into(),
        _ => return None,
    };
    let to = Net { ip: any, prefix: header.destination_prefix_length };
    let mut key = RouteKey { to, via: None, metric: 0, table: header.table.into() };
    let mut index = None;
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Destination(found) => key.to.ip = ip(found)?,
            RouteAttribute::Gateway(found) => key.via = Some(ip(found)?),
            RouteAttribute::Priority(metric) => key.metric = *metric,
            RouteAttribute::Table(table) => key.table = *table,
            RouteAttribute::Oif(found) => index = Some(*found),
            _ => {}
        }
    }
    let by_hand = matches!(header.protocol, RouteProtocol::Static | RouteProtocol::Boot);
    (key.table != LOCAL_TABLE).then_some(Route { index, key, by_hand })
}

fn ip(found: &RouteAddress) -> Option<IpAddr> {
    match found {
        RouteAddress::Inet(ip) => Some((*ip).into()),
        RouteAddress::Inet6(ip) => Some((*ip).into()),
        _ => None,
    }
}
