//! What a declaration of an interface says.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use super::NetParams;
use super::persist::unkept;
use super::route::RouteParam;
use crate::engine::entry::Entry as _;
use crate::engine::{Declaration, ParamError};
use crate::resources::choice::no_choice;
use crate::resources::host::netlink::{MAIN_TABLE, Make, Net, RouteKey};

/// The metric of our routes where none is declared: they win over those of NetworkManager (100 and more) and of
/// networkd's DHCP (1024), and lose to those that somebody makes by hand (0).
pub const METRIC: u32 = 50;
/// The longest name of an interface, in bytes (IFNAMSIZ with its end).
const LONGEST_NAME: usize = 15;
/// Modes of bonds, by their numbers (linux/if_bonding.h).
const BOND_MODES: [&str; 7] =
    ["balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-tlb", "balance-alb"];
const KINDS: [&str; 5] = ["bond", "bridge", "dummy", "veth", "vlan"];
const KEEPERS: [&str; 4] = ["none", "networkd", "networkmanager", "ifupdown"];
const STATES: [&str; 3] = ["up", "down", "absent"];

/// Whether an interface should work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It should.
    Up,
    /// It should not.
    Down,
    /// It should not be there.
    Absent,
    /// As it is.
    Any,
}

/// Where what is wanted is kept over a restart of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persist {
    /// Nowhere.
    None,
    /// In a file of systemd-networkd.
    Networkd,
    /// In a profile of NetworkManager.
    NetworkManager,
    /// In a file of ifupdown.
    Ifupdown,
}

impl Persist {
    /// Its name.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Networkd => "networkd",
            Self::NetworkManager => "networkmanager",
            Self::Ifupdown => "ifupdown",
        }
    }
}

/// An interface as it should be.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Its name.
    pub name: Arc<str>,
    /// Whether it works.
    pub state: State,
    /// Its addresses, in order.
    pub addrs: Vec<Net>,
    /// Whether they are used without asking around.
    pub nodad: bool,
    /// Routes through it.
    pub routes: Vec<RouteKey>,
    /// The longest packet.
    pub mtu: Option<u32>,
    /// Its hardware address.
    pub mac: Option<[u8; 6]>,
    /// What to make if it is not there.
    pub make: Option<Make>,
    /// What it is a part of; `Some(None)`: of nothing.
    pub master: Option<Option<Arc<str>>>,
    /// Whether packets go on.
    pub forward: Option<bool>,
    /// Whether all other addresses and routes go.
    pub exclusive: bool,
    /// Where it is kept.
    pub persist: Persist,
}

impl Wanted {
    /// Reads a declaration.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn new(declaration: &Declaration) -> Result<Self, Vec<ParamError>> {
        let params = NetParams::decode(&declaration.params)?;
        let mut errors = Vec::new();
        let name = declaration.label.name.clone();
        if !is_name(&name) {
            let error = ParamError::whole(format!("{name:?} is no name of a network interface"));
            errors.push(error.hint("it has at most 15 characters, and neither blanks nor slashes"));
        }
        let state = match &*params.state {
            "" => State::Any,
            "up" => State::Up,
            "down" => State::Down,
            "absent" => State::Absent,
            other => {
                errors.push(no_choice("state", other, &STATES, &[]));
                State::Any
            }
        };
        let persist = match &*params.persist {
            "none" => Persist::None,
            "networkd" => Persist::Networkd,
            "networkmanager" => Persist::NetworkManager,
            "ifupdown" => Persist::Ifupdown,
            other => {
                errors.push(no_choice("persist", other, &KEEPERS, &[]));
                Persist::None
            }
        };
        let addrs = addrs(&params, &mut errors);
        let routes = routes(&params, &mut errors);
        let make = make(&params, &mut errors);
        let mac = match &*params.mac {
            "" => None,
            text => mac(text).map_err(|error| errors.push(error)).ok(),
        };
        let master = match &*params.master {
            "" => None,
            "none" => Some(None),
            name if is_name(name) => Some(Some(params.master.clone())),
            other => {
                errors.push(ParamError::at("master", format!("{other:?} is no name of a network interface")));
                None
            }
        };
        itself(&name, &params, &mut errors);
        if state == State::Absent {
            absent(declaration, &mut errors);
        }
        unreachable(&params, &addrs, &routes, &mut errors);
        if params.mtu.is_some_and(|mtu| !(68..=65_535).contains(&mtu)) {
            let error = ParamError::at("mtu", "no interface has such an MTU");
            errors.push(error.hint("it is between 68 and 65535 bytes, and usually 1500"));
        }
        errors.extend(unkept(persist, state, &params, &addrs, &routes));
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Self {
            name,
            state,
            addrs,
            nodad: params.nodad,
            routes,
            mtu: params.mtu,
            mac,
            make,
            master,
            forward: params.ip_forward,
            exclusive: params.exclusive,
            persist,
        })
    }
}

/// What would be a part of itself.
fn itself(name: &str, params: &NetParams, errors: &mut Vec<ParamError>) {
    for (param, other) in [("master", &params.master), ("link", &params.link)] {
        if **other == *name {
            let error = ParamError::at(param, format!("{name} cannot be its own {param}"));
            errors.push(error.hint("name another interface"));
        }
    }
}

/// What an interface cannot have that is not there.
fn absent(declaration: &Declaration, errors: &mut Vec<ParamError>) {
    let senseless = ["addrs", "gateway", "gateway6", "routes", "ip_forward", "mtu", "mac", "master"];
    for param in senseless.into_iter().filter(|param| declaration.params.get(param).is_some()) {
        let error = ParamError::at(param, format!("what is absent has no `{param}`"));
        errors.push(error.hint(format!("remove `{param}`, or have it `up` or `down`")));
    }
}

/// Next hosts that the kernel would refuse: in no net that is on the link. Where none is declared, others may have some.
fn unreachable(params: &NetParams, addrs: &[Net], routes: &[RouteKey], errors: &mut Vec<ParamError>) {
    let on_link = routes.iter().filter(|route| route.via.is_none()).map(|route| &route.to);
    let nets: Vec<&Net> = addrs.iter().chain(on_link).collect();
    for route in routes {
        let Some(via) = route.via else { continue };
        let is_of_link = matches!(via, IpAddr::V6(ip) if ip.is_unicast_link_local());
        let mut like = nets.iter().filter(|net| net.ip.is_ipv4() == via.is_ipv4()).peekable();
        if is_of_link || like.peek().is_none() || like.any(|net| net.holds(via)) {
            continue;
        }
        let gateways = [("gateway", &params.gateway), ("gateway6", &params.gateway6)];
        let is_it = |text: &str| route.to.prefix == 0 && text.parse() == Ok(via);
        let param = gateways.into_iter().find(|(_, text)| is_it(text)).map_or("routes", |(param, _)| param);
        let error = ParamError::at(param, format!("no address of this interface reaches {via}"));
        errors.push(error.hint(format!(
            "is the prefix of an address wrong? What is on the link all the same needs a route to `{via}/{}` without `via`",
            if via.is_ipv4() { 32 } else { 128 }
        )));
    }
}

fn is_name(name: &str) -> bool {
    let fits = !name.is_empty() && name.len() <= LONGEST_NAME && !matches!(name, "." | "..");
    fits && !name.contains(|c: char| c == '/' || c == ':' || c.is_whitespace() || c.is_control())
}

fn addrs(params: &NetParams, errors: &mut Vec<ParamError>) -> Vec<Net> {
    let mut addrs: Vec<Net> = Vec::new();
    for text in &params.addrs {
        match text.parse() {
            Ok(net) if addrs.contains(&net) => {
                errors.push(ParamError::at("addrs", format!("{net} is given twice")));
            }
            Ok(net) => addrs.push(net),
            Err(_) => {
                let error = ParamError::at("addrs", format!("{text:?} is no address with a prefix"));
                errors.push(error.hint("write it as 192.0.2.7/24 or 2001:db8::7/64"));
            }
        }
    }
    addrs
}

fn routes(params: &NetParams, errors: &mut Vec<ParamError>) -> Vec<RouteKey> {
    let mut routes = Vec::new();
    let everywhere = [
        ("gateway", &params.gateway, IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        ("gateway6", &params.gateway6, IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
    ];
    for (param, text, any) in everywhere {
        match text.parse::<IpAddr>() {
            _ if text.is_empty() => {}
            Ok(via) if via.is_ipv4() == any.is_ipv4() => {
                let to = Net { ip: any, prefix: 0 };
                routes.push(RouteKey { to, via: Some(via), metric: METRIC, table: MAIN_TABLE });
            }
            parsed => errors.push(no_gateway(param, text, parsed.ok())),
        }
    }
    for route in &params.routes {
        match route_key(route) {
            Ok(key) if routes.contains(&key) => {
                errors.push(ParamError::at("routes", format!("the route {key} is given twice")));
            }
            Ok(key) => routes.push(key),
            Err(error) => errors.push(error),
        }
    }
    routes
}

fn no_gateway(param: &'static str, text: &str, of_other_sort: Option<IpAddr>) -> ParamError {
    let (version, other) = if param == "gateway" { (4, "gateway6") } else { (6, "gateway") };
    match of_other_sort {
        Some(_) => ParamError::at(param, format!("{text:?} is no IPv{version} address"))
            .hint(format!("give it as `{other}: {text}`")),
        None => ParamError::at(param, format!("{text:?} is no IPv{version} address")).hint(format!(
            "it is one address, without a prefix, such as {}",
            if version == 4 { "192.0.2.1" } else { "2001:db8::1" }
        )),
    }
}

fn route_key(route: &RouteParam) -> Result<RouteKey, ParamError> {
    let via = match &*route.via {
        "" => None,
        text => Some(text.parse::<IpAddr>().map_err(|_| {
            ParamError::at("routes", format!("{text:?}, the next host of a route, is no address"))
        })?),
    };
    let to = match (&*route.to, via) {
        ("default", Some(IpAddr::V6(_))) => Net { ip: Ipv6Addr::UNSPECIFIED.into(), prefix: 0 },
        ("default", _) => Net { ip: Ipv4Addr::UNSPECIFIED.into(), prefix: 0 },
        (text, _) => text.parse().map_err(|_| {
            let error = ParamError::at("routes", format!("{text:?} is no network that a route leads to"));
            error.hint("write it as 192.0.2.0/24, 2001:db8::/32 or default")
        })?,
    };
    if !to.is_network() {
        let error = ParamError::at("routes", format!("{to} is an address in a network, and no network"));
        return Err(error.hint("set the bits behind the prefix to zero"));
    }
    if via.is_some_and(|via| via.is_ipv4() != to.ip.is_ipv4()) {
        return Err(ParamError::at(
            "routes",
            format!("the next host of {to} has an address of the other sort"),
        ));
    }
    let or = |given, otherwise| if given == 0 { otherwise } else { given };
    Ok(RouteKey { to, via, metric: or(route.metric, METRIC), table: or(route.table, MAIN_TABLE) })
}

fn make(params: &NetParams, errors: &mut Vec<ParamError>) -> Option<Make> {
    let mode = match &*params.bond_mode {
        "" => None,
        given => {
            let mode = BOND_MODES.iter().position(|mode| *mode == given);
            if mode.is_none() {
                errors.push(no_choice("bond_mode", given, &BOND_MODES, &[]));
            }
            mode.and_then(|mode| u8::try_from(mode).ok())
        }
    };
    let is = |kind: &str| *params.kind == *kind;
    if !params.bond_mode.is_empty() && !is("bond") {
        errors.push(ParamError::at("bond_mode", "only a bond has a mode: add `kind: bond`"));
    }
    if params.vlan_id.is_some() && !is("vlan") {
        errors.push(ParamError::at("vlan_id", "only a VLAN has a number: add `kind: vlan`"));
    }
    if !params.link.is_empty() && !is("vlan") && !is("veth") {
        errors.push(ParamError::at("link", "only a vlan and a veth have another interface"));
    } else if !params.link.is_empty() && !is_name(&params.link) {
        errors.push(ParamError::at("link", format!("{:?} is no name of a network interface", params.link)));
    }
    match &*params.kind {
        "" => None,
        "bridge" => Some(Make::Bridge),
        "dummy" => Some(Make::Dummy),
        "bond" => Some(Make::Bond(mode)),
        "vlan" | "veth" if params.link.is_empty() => {
            let error = ParamError::at("link", format!("a {} needs another interface", params.kind));
            errors.push(error.hint("of a VLAN, the one that it is on; of a veth, the name of its other end"));
            None
        }
        "veth" => Some(Make::Veth(params.link.to_string())),
        "vlan" => match params.vlan_id {
            Some(id) if (1..4095).contains(&id) => Some(Make::Vlan(params.link.to_string(), id)),
            _ => {
                let error = ParamError::at("vlan_id", "a VLAN needs its number");
                errors.push(error.hint("it is between 1 and 4094"));
                None
            }
        },
        other => {
            errors.push(no_choice("kind", other, &KINDS, &[]));
            None
        }
    }
}

fn mac(text: &str) -> Result<[u8; 6], ParamError> {
    let error = || ParamError::at("mac", format!("{text:?} is no hardware address"));
    let parts: Vec<&str> = text.split([':', '-']).collect();
    let bytes: Option<Vec<u8>> = parts
        .iter()
        .map(|part| (part.len() == 2).then(|| u8::from_str_radix(part, 16).ok()).flatten())
        .collect();
    let mac: [u8; 6] = bytes
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| error().hint("write it as 02:00:5e:10:00:01"))?;
    if mac[0] & 1 == 1 || mac == [0; 6] {
        return Err(error().hint("the address of one interface has an even first byte"));
    }
    Ok(mac)
}

/// A hardware address as people write it.
pub fn mac_text(mac: [u8; 6]) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}

/// A bond's mode as people write it.
pub fn bond_mode_name(mode: u8) -> String {
    BOND_MODES.get(usize::from(mode)).map_or_else(|| mode.to_string(), |name| (*name).to_owned())
}
