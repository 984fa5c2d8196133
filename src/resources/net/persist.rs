//! What is wanted of an interface, in the words of the programs that set it up when the host starts.

use std::fmt::Write as _;
use std::net::IpAddr;

use super::NetParams;
use super::profile::profile;
use super::spec::{Persist, State, Wanted, bond_mode_name, mac_text};
use crate::engine::ParamError;
use crate::resources::host::netlink::{MAIN_TABLE, Make, Net, RouteKey};
use crate::resources::small_file::SmallFile;

/// Where NetworkManager looks for profiles that it did not write itself.
const PROFILES: &str = "/etc/NetworkManager/system-connections";
/// Where networkd looks for what the host's owner says.
const NETWORKS: &str = "/etc/systemd/network";
/// How the names of its files begin. Of all that match an interface it takes the first by name, and those that
/// installers and netplan make begin with 10.
const FIRST: &str = "05-mgmt-";

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
            let gone = |path: String| SmallFile { text: None, ..file(path, 0o644, String::new()) };
            let ours = format!("{NETWORKS}/{FIRST}{name}");
            let mut files = vec![file(format!("{ours}.network"), 0o644, network(wanted, in_bond))];
            if let Some(make) = &wanted.make {
                files.push(file(format!("{ours}.netdev"), 0o644, netdev(wanted, make)));
            }
            // As they were called once.
            files.extend(["network", "netdev"].map(|end| gone(format!("{NETWORKS}/mgmt-{name}.{end}"))));
            // networkd makes a VLAN only if what it is on says that it has it.
            if let Some(Make::Vlan(parent, _)) = &wanted.make {
                let path = |first: &str| format!("{NETWORKS}/{first}{parent}.network.d/mgmt-{name}.conf");
                files.push(file(path(FIRST), 0o644, format!("{HEAD}[Network]\nVLAN={name}\n")));
                files.push(gone(path("mgmt-")));
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

/// What the program that is to keep it cannot keep.
pub fn unkept(
    persist: Persist,
    state: State,
    params: &NetParams,
    addrs: &[Net],
    routes: &[RouteKey],
) -> Vec<ParamError> {
    let has_route = routes.iter().any(|route| route.to.ip.is_ipv4());
    let has_address = addrs.iter().any(|net| net.ip.is_ipv4());
    match persist {
        Persist::NetworkManager if has_route && !has_address => {
            let error =
                ParamError::at("persist", "NetworkManager keeps no IPv4 route without an IPv4 address");
            vec![error.hint("add one to `addrs`, or leave out the routes")]
        }
        // Each of its add-on packages says in its own way what an interface is made of.
        Persist::Ifupdown if state != State::Absent => {
            let parts = [("kind", &*params.kind), ("master", &*params.master)];
            let given = parts.into_iter().filter(|(_, text)| !matches!(*text, "" | "none"));
            let error = |param| {
                ParamError::at(param, format!("with `persist: ifupdown`, `{param}` would not be kept"))
            };
            let hint = "use `persist: networkd`; or `persist: none`, and write the file of ifupdown by a `file` resource";
            given.map(|(param, _)| error(param).hint(hint)).collect()
        }
        _ => Vec::new(),
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
    let is_of = |ip: IpAddr, family: &str| ip.is_ipv4() == (family == "inet");
    let mut first = true;
    for family in ["inet", "inet6"] {
        let addresses = wanted.addrs.iter().filter(|net| is_of(net.ip, family));
        let mut methods: Vec<_> = addresses.map(|net| format!("static\n    address {net}")).collect();
        let routes: Vec<_> = wanted.routes.iter().filter(|route| is_of(route.to.ip, family)).collect();
        // What has no address has a stanza all the same: the one that all else is said in, or that of its routes.
        let is_needed = (wanted.addrs.is_empty() && family == "inet") || !routes.is_empty();
        if methods.is_empty() && is_needed {
            methods.push("manual".to_owned());
        }
        for (at, method) in methods.iter().enumerate() {
            let _ = writeln!(text, "iface {name} {family} {method}");
            if std::mem::replace(&mut first, false) {
                if let Some(mtu) = wanted.mtu {
                    let _ = writeln!(text, "    mtu {mtu}");
                }
                if let Some(mac) = wanted.mac {
                    let _ = writeln!(text, "    hwaddress {}", mac_text(mac));
                }
                if let Some(on) = wanted.forward {
                    let _ =
                        writeln!(text, "    up sysctl -qw net/ipv4/conf/{name}/forwarding={}", u8::from(on));
                }
            }
            // Before the first address of its sort is there, the kernel refuses the next host.
            if at == 0 {
                routes.iter().for_each(|route| up_route(&mut text, name, route));
            }
        }
    }
    text
}

fn up_route(text: &mut String, name: &str, route: &RouteKey) {
    let family = if route.to.ip.is_ipv4() { "-4" } else { "-6" };
    let via = route.via.map(|via| format!(" via {via}")).unwrap_or_default();
    let table = if route.table == MAIN_TABLE { String::new() } else { format!(" table {}", route.table) };
    let (to, metric) = (route.to, route.metric);
    let _ = writeln!(
        text,
        "    up ip {family} route replace {to}{via} dev {name} proto static metric {metric}{table}"
    );
}
