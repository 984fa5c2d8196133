//! From what there is and what should be to requests, in the order in which the kernel takes them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::error::NetError;
use super::spec::{State, Wanted};
use crate::resources::host::netlink::{Address, Link, MAIN_TABLE, Make, Net, Network, Request, RouteKey};

/// What this vertex has added and may take away again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Own {
    /// Addresses.
    pub addresses: BTreeSet<Net>,
    /// Routes.
    pub routes: BTreeSet<RouteKey>,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The parameter that asks for it.
    pub what: &'static str,
    /// How it is; `None`: absent.
    pub found: Option<String>,
    /// How it should be; `None`: absent.
    pub wanted: Option<String>,
    /// What is asked of the kernel.
    pub request: Request,
}

/// All that is to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// In order.
    pub steps: Vec<Step>,
    /// Addresses of which the kernel does not know yet whether another host has them.
    pub tentative: Vec<Net>,
}

impl Plan {
    /// Whether all is as wanted.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.tentative.is_empty()
    }

    fn add(&mut self, what: &'static str, found: Option<String>, wanted: Option<String>, request: Request) {
        self.steps.push(Step { what, found, wanted, request });
    }
}

/// Plans. `forwards`: how forwarding is now, if that is managed.
///
/// # Errors
/// When there is no such interface; when it is another; when another host has an address.
pub fn plan(wanted: &Wanted, network: &Network, own: &Own, forwards: Option<bool>) -> Result<Plan, NetError> {
    let mut plan = Plan::default();
    let name = || wanted.name.to_string();
    let Some(link) = network.links.iter().find(|link| *link.name == *wanted.name) else {
        if wanted.state == State::Absent {
            return Ok(plan);
        }
        let Some(make) = &wanted.make else { return Err(NetError::Missing { name: name() }) };
        // What a new one looks like is seen once it is there.
        plan.add("kind", None, Some(make.kind().to_owned()), Request::Create(name(), make.clone()));
        return Ok(plan);
    };
    if wanted.state == State::Absent {
        let kind = link.kind.clone().unwrap_or_else(|| "there".to_owned());
        plan.add("state", Some(kind), None, Request::Remove(name()));
        return Ok(plan);
    }
    is_same(wanted, link, network)?;
    attributes(wanted, link, network, &mut plan)?;
    match (wanted.state, link.up) {
        (State::Up, false) => {
            plan.add("state", Some("down".into()), Some("up".into()), Request::Up(name()));
        }
        (State::Down, true) => {
            plan.add("state", Some("up".into()), Some("down".into()), Request::Down(name()));
        }
        _ => {}
    }
    if let (Some(on), Some(found)) = (wanted.forward, forwards)
        && on != found
    {
        let request = Request::Forward(name(), on);
        plan.add("ip_forward", Some(found.to_string()), Some(on.to_string()), request);
    }
    let here = |address: &&Address| address.index == link.index;
    let addresses: Vec<&Address> = network.addresses.iter().filter(here).collect();
    add_addresses(wanted, link, &addresses, &mut plan)?;
    routes(wanted, link, network, own, &mut plan);
    for address in addresses {
        let net = address.net;
        let foreign = !wanted.addrs.contains(&net);
        let strange = wanted.exclusive && !address.dynamic && !net.is_link_local();
        if foreign && (strange || own.addresses.contains(&net)) {
            plan.add("addrs", Some(net.to_string()), None, Request::RemoveAddress(name(), net));
        }
    }
    Ok(plan)
}

/// What an interface that is to be made gets after that, as far as it is declared.
pub fn declared(wanted: &Wanted) -> Vec<(&'static str, String)> {
    let state = match wanted.state {
        State::Up => Some("up"),
        State::Down => Some("down"),
        State::Absent | State::Any => None,
    };
    let master = wanted.master.iter().flatten();
    let mut all: Vec<(&'static str, String)> = Vec::new();
    all.extend(master.map(|master| ("master", master.to_string())));
    all.extend(wanted.mtu.map(|mtu| ("mtu", mtu.to_string())));
    all.extend(wanted.mac.map(|mac| ("mac", super::spec::mac_text(mac))));
    all.extend(state.map(|state| ("state", state.to_owned())));
    all.extend(wanted.forward.map(|on| ("ip_forward", on.to_string())));
    all.extend(wanted.addrs.iter().map(|net| ("addrs", net.to_string())));
    // Through an interface that is down leads nothing.
    let routes = wanted.routes.iter().filter(|_| wanted.state == State::Up);
    all.extend(routes.map(|key| ("routes", key.to_string())));
    all
}

/// An interface of the right name must be the right one: it is never removed to be made anew.
fn is_same(wanted: &Wanted, link: &Link, network: &Network) -> Result<(), NetError> {
    let Some(make) = &wanted.make else { return Ok(()) };
    let other = |found: String, wanted_text: String| {
        Err(NetError::Other { name: wanted.name.to_string(), found, wanted: wanted_text })
    };
    if link.kind.as_deref() != Some(make.kind()) {
        let found = link.kind.as_ref().map_or("a device".to_owned(), |kind| format!("a {kind}"));
        return other(found, format!("a {}", make.kind()));
    }
    match make {
        Make::Vlan(parent, id) => {
            let below = network.links.iter().find(|it| Some(it.index) == link.below);
            let (found, found_id) = (below.map_or("?", |it| it.name.as_str()), link.vlan_id.unwrap_or(0));
            if found != parent || found_id != *id {
                return other(
                    format!("the VLAN {found_id} on {found}"),
                    format!("the VLAN {id} on {parent}"),
                );
            }
        }
        Make::Bond(Some(mode)) if link.bond_mode != Some(*mode) => {
            let found = link.bond_mode.map_or("?".to_owned(), super::spec::bond_mode_name);
            return other(
                format!("a bond of mode {found}"),
                format!("one of {}", super::spec::bond_mode_name(*mode)),
            );
        }
        _ => {}
    }
    Ok(())
}

fn attributes(wanted: &Wanted, link: &Link, network: &Network, plan: &mut Plan) -> Result<(), NetError> {
    let name = || wanted.name.to_string();
    if let Some(master) = &wanted.master {
        let of = |index| network.links.iter().find(|it| Some(it.index) == index);
        let found = of(link.master).map(|it| it.name.clone());
        let master = master.as_deref().map(str::to_owned);
        if found != master {
            let bond = master.as_ref().and_then(|name| network.links.iter().find(|it| it.name == *name));
            if let (Some(master), None) = (&master, bond) {
                return Err(NetError::Missing { name: master.clone() });
            }
            // A bond takes only those that are down.
            if link.up && bond.is_some_and(|it| it.kind.as_deref() == Some("bond")) {
                plan.add("master", Some("up".into()), Some("down".into()), Request::Down(name()));
                if wanted.state != State::Down {
                    let request = Request::Master(name(), master.clone());
                    plan.add("master", found, master, request);
                    plan.add("master", Some("down".into()), Some("up".into()), Request::Up(name()));
                    return Ok(());
                }
            }
            plan.add("master", found, master.clone(), Request::Master(name(), master));
        }
    }
    if let Some(mtu) = wanted.mtu.filter(|mtu| *mtu != link.mtu) {
        plan.add("mtu", Some(link.mtu.to_string()), Some(mtu.to_string()), Request::Mtu(name(), mtu));
    }
    if let Some(mac) = wanted.mac.filter(|mac| Some(*mac) != link.mac) {
        let found = link.mac.map(super::spec::mac_text);
        plan.add("mac", found, Some(super::spec::mac_text(mac)), Request::Mac(name(), mac));
    }
    Ok(())
}

fn add_addresses(
    wanted: &Wanted,
    link: &Link,
    addresses: &[&Address],
    plan: &mut Plan,
) -> Result<(), NetError> {
    for net in &wanted.addrs {
        let name = wanted.name.to_string();
        match addresses.iter().find(|address| address.net == *net) {
            Some(address) if address.duplicate && !wanted.nodad => {
                return Err(NetError::Duplicate { name, net: *net });
            }
            Some(address) if address.dynamic || address.duplicate => {
                let found = Some(format!("{net}, not for ever"));
                plan.add(
                    "addrs",
                    found,
                    Some(net.to_string()),
                    Request::AddAddress(name, *net, wanted.nodad),
                );
            }
            // Without anything at the other end there is nobody to be asked.
            Some(address) if address.tentative && link.up && link.carrier => plan.tentative.push(*net),
            Some(_) => {}
            None => {
                plan.add("addrs", None, Some(net.to_string()), Request::AddAddress(name, *net, wanted.nodad));
            }
        }
    }
    Ok(())
}

fn routes(wanted: &Wanted, link: &Link, network: &Network, own: &Own, plan: &mut Plan) {
    let name = || wanted.name.to_string();
    let here: Vec<_> = network.routes.iter().filter(|route| route.index == Some(link.index)).collect();
    // Through an interface that is down leads nothing; the kernel forgets them.
    let is_up = wanted.state == State::Up || (link.up && wanted.state != State::Down);
    for key in wanted.routes.iter().filter(|_| is_up) {
        if !here.iter().any(|route| route.key == *key) {
            plan.add("routes", None, Some(key.to_string()), Request::AddRoute(name(), key.clone()));
        }
    }
    for route in here {
        let strange = wanted.exclusive && route.by_hand && route.key.table == MAIN_TABLE;
        let foreign = !wanted.routes.contains(&route.key);
        if foreign && (strange || own.routes.contains(&route.key)) {
            let request = Request::RemoveRoute(name(), route.key.clone());
            plan.add("routes", Some(route.key.to_string()), None, request);
        }
    }
}
