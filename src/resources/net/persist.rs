//! What is wanted of an interface, in the words of the programs that set it up when the host starts.

use std::fmt::Write as _;

use super::profile::profile;
use super::spec::{Persist, State, Wanted, bond_mode_name, mac_text};
use crate::resources::host::netlink::{MAIN_TABLE, Make};
use crate::resources::small_file::SmallFile;

/// Where NetworkManager looks for profiles that it did not write itself.
const PROFILES: &str = "/etc/NetworkManager/system-connections";
/// Where networkd looks for what the host's owner says.
const NETWORKS: &str = "/etc/systemd/network";

/// The files, the main one first. `in_bond`: what it is a part of is a bond.
pub fn files(wanted: &Wanted, in_bond: bool) -> Vec<SmallFile> {
    let name = &wanted.name;
    let file = |path: String, mode: u32, text: String| {
        let text = (wanted.state != State::Absent).then_some(text);
        SmallFile { what: "persist", path: path.into(), text, mode, owner: None }
    };
    match wanted.persist {
        Persist::None => Vec::new(),
        Persist::Networkd => {
            let main = file(format!("{NETWORKS}/mgmt-{name}.network"), 0o644, network(wanted, in_bond));
            let mut files = vec![main];
            if let Some(make) = &wanted.make {
                files.push(file(format!("{NETWORKS}/mgmt-{name}.netdev"), 0o644, netdev(wanted, make)));
            }
            // networkd makes a VLAN only if what it is on says that it has it.
            if let Some(Make::Vlan(parent, _)) = &wanted.make {
                let path = format!("{NETWORKS}/mgmt-{parent}.network.d/mgmt-{name}.conf");
                files.push(file(path, 0o644, format!("{HEAD}[Network]\nVLAN={name}\n")));
            }
            files
        }
        Persist::NetworkManager => {
            // It reads none that others may read.
            vec![file(format!("{PROFILES}/mgmt-{name}.nmconnection"), 0o600, profile(wanted, in_bond))]
        }
        Persist::Ifupdown => {
            vec![file(format!("/etc/network/interfaces.d/mgmt-{name}"), 0o644, interfaces(wanted))]
        }
    }
}

/// How each file begins.
pub const HEAD: &str = "# Written by mgmt: changes are undone.\n";

fn network(wanted: &Wanted, in_bond: bool) -> String {
    let mut text = format!("{HEAD}[Match]\nName={}\n", wanted.name);
    let mut link = String::new();
    line(&mut link, "MTUBytes", wanted.mtu);
    line(&mut link, "MACAddress", wanted.mac.map(mac_text));
    if wanted.state == State::Down {
        link.push_str("ActivationPolicy=down\n");
    }
    if !link.is_empty() {
        let _ = write!(text, "\n[Link]\n{link}");
    }
    let mut network = String::new();
    if let Some(Some(master)) = &wanted.master {
        line(&mut network, if in_bond { "Bond" } else { "Bridge" }, Some(master));
    }
    for net in &wanted.addrs {
        line(&mut network, "Address", Some(net));
    }
    line(&mut network, "IPv4Forwarding", wanted.forward.map(|on| if on { "yes" } else { "no" }));
    // What others have added stays when networkd starts anew.
    network.push_str("KeepConfiguration=static\n");
    // As the kernel is told: addresses are there with nothing at the other end, too.
    network.push_str("ConfigureWithoutCarrier=yes\n");
    let _ = write!(text, "\n[Network]\n{network}");
    for route in &wanted.routes {
        let _ = write!(text, "\n[Route]\n");
        if route.to.prefix > 0 || route.via.is_none() {
            line(&mut text, "Destination", Some(route.to));
        }
        line(&mut text, "Gateway", route.via);
        line(&mut text, "Metric", Some(route.metric));
        line(&mut text, "Table", (route.table != MAIN_TABLE).then_some(route.table));
    }
    text
}

fn netdev(wanted: &Wanted, make: &Make) -> String {
    let mut text = format!("{HEAD}[NetDev]\nName={}\nKind={}\n", wanted.name, make.kind());
    line(&mut text, "MACAddress", wanted.mac.map(mac_text));
    match make {
        Make::Vlan(_, id) => drop(write!(text, "\n[VLAN]\nId={id}\n")),
        Make::Bond(Some(mode)) => drop(write!(text, "\n[Bond]\nMode={}\n", bond_mode_name(*mode))),
        Make::Veth(peer) => drop(write!(text, "\n[Peer]\nName={peer}\n")),
        Make::Bridge | Make::Dummy | Make::Bond(None) => {}
    }
    text
}

/// A line `KEY=VALUE`, if there is a value.
pub fn line(text: &mut String, key: &str, value: Option<impl std::fmt::Display>) {
    if let Some(value) = value {
        let _ = writeln!(text, "{key}={value}");
    }
}

fn interfaces(wanted: &Wanted) -> String {
    let name = &wanted.name;
    let mut text = HEAD.to_owned();
    if wanted.state != State::Down {
        let _ = writeln!(text, "auto {name}");
    }
    let mut first = true;
    let mut stanza = |text: &mut String, family: &str, address: Option<String>| {
        let method = if address.is_some() { "static" } else { "manual" };
        let _ = writeln!(text, "iface {name} {family} {method}");
        if let Some(address) = address {
            let _ = writeln!(text, "    address {address}");
        }
        if !std::mem::replace(&mut first, false) {
            return;
        }
        if let Some(mtu) = wanted.mtu {
            let _ = writeln!(text, "    mtu {mtu}");
        }
        if let Some(mac) = wanted.mac {
            let _ = writeln!(text, "    hwaddress {}", mac_text(mac));
        }
        for route in &wanted.routes {
            let family = if route.to.ip.is_ipv4() { "-4" } else { "-6" };
            let via = route.via.map(|via| format!(" via {via}")).unwrap_or_default();
            let table = (route.table != MAIN_TABLE).then(|| format!(" table {}", route.table));
            let (to, metric) = (route.to, route.metric);
            let _ = writeln!(
                text,
                "    up ip {family} route replace {to}{via} dev {name} proto static metric {metric}{}",
                table.unwrap_or_default()
            );
        }
        if let Some(on) = wanted.forward {
            let _ = writeln!(text, "    up sysctl -qw net/ipv4/conf/{name}/forwarding={}", u8::from(on));
        }
    };
    for net in &wanted.addrs {
        stanza(&mut text, if net.ip.is_ipv4() { "inet" } else { "inet6" }, Some(net.to_string()));
    }
    if wanted.addrs.is_empty() {
        stanza(&mut text, "inet", None);
    }
    text
}
