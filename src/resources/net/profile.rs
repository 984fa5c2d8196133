//! What is wanted of an interface as a profile of NetworkManager: nm-settings-keyfile(5). Pure.

use std::fmt::Write as _;

use super::persist::{HEAD, line};
use super::spec::{State, Wanted, bond_mode_name, mac_text};
use crate::resources::host::netlink::{MAIN_TABLE, Make};

/// Profiles of others for the same interface have 0 unless somebody says otherwise.
const PRIORITY: u32 = 100;

/// The text of a profile. `in_bond`: what it is a part of is a bond.
pub fn profile(wanted: &Wanted, in_bond: bool) -> String {
    let name = &wanted.name;
    let kind = wanted.make.as_ref().map_or("ethernet", Make::kind);
    let mut text = format!("{HEAD}[connection]\nid=mgmt-{name}\ntype={kind}\ninterface-name={name}\n");
    match wanted.state {
        State::Down => text.push_str("autoconnect=false\n"),
        _ => line(&mut text, "autoconnect-priority", Some(PRIORITY)),
    }
    let master = wanted.master.as_ref().and_then(Option::as_deref);
    if let Some(master) = master {
        let of = if in_bond { "bond" } else { "bridge" };
        let _ = write!(text, "master={master}\nslave-type={of}\n");
    }
    match &wanted.make {
        // Otherwise NetworkManager turns on what the kernel leaves off.
        Some(Make::Bridge) => text.push_str("\n[bridge]\nstp=false\n"),
        Some(Make::Bond(Some(mode))) => drop(write!(text, "\n[bond]\nmode={}\n", bond_mode_name(*mode))),
        Some(Make::Vlan(parent, id)) => drop(write!(text, "\n[vlan]\nid={id}\nparent={parent}\n")),
        Some(Make::Veth(peer)) => drop(write!(text, "\n[veth]\npeer={peer}\n")),
        Some(Make::Bond(None) | Make::Dummy) | None => {}
    }
    if wanted.mtu.is_some() || wanted.mac.is_some() {
        text.push_str("\n[ethernet]\n");
        line(&mut text, "mtu", wanted.mtu);
        line(&mut text, "cloned-mac-address", wanted.mac.map(mac_text));
    }
    // A part of something has no addresses of its own there.
    if master.is_none() {
        family(&mut text, wanted, true);
        family(&mut text, wanted, false);
    }
    text
}

/// The addresses and routes of one sort.
fn family(text: &mut String, wanted: &Wanted, is_ipv4: bool) {
    let addrs: Vec<_> = wanted.addrs.iter().filter(|net| net.ip.is_ipv4() == is_ipv4).collect();
    let (section, otherwise, nowhere) =
        if is_ipv4 { ("ipv4", "disabled", "0.0.0.0") } else { ("ipv6", "link-local", "::") };
    let method = if addrs.is_empty() { otherwise } else { "manual" };
    let _ = write!(text, "\n[{section}]\nmethod={method}\n");
    for (number, net) in (1..).zip(addrs) {
        let _ = writeln!(text, "address{number}={net}");
    }
    let routes = wanted.routes.iter().filter(|route| route.to.ip.is_ipv4() == is_ipv4);
    for (number, route) in (1..).zip(routes) {
        let via = route.via.map_or_else(|| nowhere.to_owned(), |via| via.to_string());
        let _ = writeln!(text, "route{number}={},{via},{}", route.to, route.metric);
        if route.table != MAIN_TABLE {
            let _ = writeln!(text, "route{number}_options=table={}", route.table);
        }
    }
}
