use std::sync::Arc;

use rustix::io::Errno;

use super::NetKind;
use crate::engine::kind::{Ask, Uid};
use crate::engine::{Class, Declaration, Label, Value};
use crate::resources::host::netlink::{Address, FakeNetlink, Make, Net, Request, Route, Watchers};
use crate::resources::host::{FakeWatch, Host};
use crate::resources::testing::{Bench, Given, Subject, capabilities, refused, texts};

fn kind(netlink: &FakeNetlink) -> NetKind {
    let netlink = Watchers::new(Arc::new(netlink.clone()));
    let host = Host { netlink, ..Host::over(Arc::new(FakeWatch::new())) };
    NetKind::new(Arc::new(host))
}

fn net(bench: &Bench, netlink: &FakeNetlink, name: &str, params: Given<'_>) -> Subject {
    bench.build(&kind(netlink), name, params)
}

fn at(text: &str) -> Net {
    text.parse().unwrap()
}

fn address(index: u32, text: &str) -> Address {
    Address { index, net: at(text), dynamic: false, tentative: false, duplicate: false }
}

fn addresses(netlink: &FakeNetlink) -> Vec<String> {
    netlink.network().addresses.iter().map(|address| address.net.to_string()).collect()
}

fn routes(netlink: &FakeNetlink) -> Vec<String> {
    netlink.network().routes.iter().map(|route| route.key.to_string()).collect()
}

fn route(to: &str, via: &str, metric: i64, table: i64) -> Value {
    let fields = [
        (Arc::from("to"), Value::str(to)),
        (Arc::from("via"), Value::str(via)),
        (Arc::from("metric"), Value::Int(metric)),
        (Arc::from("table"), Value::Int(table)),
    ];
    Value::Struct(Arc::new(fields))
}

const UP: fn() -> (&'static str, Value) = || ("state", Value::str("up"));

#[tokio::test]
async fn an_interface_is_set_up_in_the_order_that_the_kernel_needs() {
    let (bench, netlink) = (Bench::new(), FakeNetlink::with_link("eth0"));
    let params = [
        UP(),
        ("addrs", texts(["10.0.0.1/24", "2001:db8::1/64"])),
        ("gateway", Value::str("10.0.0.254")),
        ("gateway6", Value::str("2001:db8::ff")),
        ("routes", Value::List([route("10.9.0.0/16", "10.0.0.9", 7, 100)].into())),
        ("mtu", Value::Int(1400)),
        ("mac", Value::str("02-00-5E-10-00-01")),
        ("ip_forward", Value::Bool(true)),
    ];
    let subject = net(&bench, &netlink, "eth0", &params);
    let noop = subject.noop().await;
    assert_eq!(
        noop.shown(),
        [
            "mtu: 1500 -> 1400",
            "mac: 02:00:00:00:00:01 -> 02:00:5e:10:00:01",
            "state: down -> up",
            "ip_forward: false -> true",
            "addrs: absent -> 10.0.0.1/24",
            "addrs: absent -> 2001:db8::1/64",
            "routes: absent -> default via 10.0.0.254 metric 50",
            "routes: absent -> default via 2001:db8::ff metric 50",
            "routes: absent -> 10.9.0.0/16 via 10.0.0.9 metric 7 table 100",
        ]
    );
    assert!(netlink.take_asked().is_empty(), "a check only reads");
    assert!(!bench.prefix().exists());
    subject.repair().await;
    assert_eq!(netlink.take_asked().len(), 9);
    assert_eq!(routes(&netlink).len(), 3);
}

#[tokio::test]
async fn what_was_added_goes_when_it_is_declared_no_more_and_what_is_of_others_stays() {
    let (bench, netlink) = (Bench::new(), FakeNetlink::with_link("eth0"));
    netlink.change(|network| network.addresses.push(address(1, "192.0.2.1/24")));
    let gateway = ("gateway", Value::str("10.0.0.254"));
    let both = [UP(), ("addrs", texts(["10.0.0.1/24", "10.0.0.2/24"])), gateway];
    net(&bench, &netlink, "eth0", &both).repair().await;
    assert_eq!(addresses(&netlink), ["192.0.2.1/24", "10.0.0.1/24", "10.0.0.2/24"]);
    let one = net(&bench, &netlink, "eth0", &[UP(), ("addrs", texts(["10.0.0.2/24"]))]);
    let ran = one.repair().await;
    let expected = ["routes: default via 10.0.0.254 metric 50 -> absent", "addrs: 10.0.0.1/24 -> absent"];
    assert_eq!(ran.shown(), expected);
    assert_eq!(addresses(&netlink), ["192.0.2.1/24", "10.0.0.2/24"]);
    // Added by somebody else later, it is not ours any more.
    netlink.change(|network| network.addresses.push(address(1, "10.0.0.1/24")));
    assert!(one.run().await.drift.is_empty());
}

#[tokio::test]
async fn exclusive_takes_what_is_foreign_but_not_what_has_a_lifetime_or_is_of_the_link() {
    let (bench, netlink) = (Bench::new(), FakeNetlink::with_link("eth0"));
    netlink.change(|network| {
        network.links[0].up = true;
        network.addresses.push(address(1, "192.0.2.1/24"));
        network.addresses.push(address(1, "fe80::1/64"));
        network.addresses.push(Address { dynamic: true, ..address(1, "192.0.2.9/24") });
        for (to, by_hand) in [("198.51.100.0/24", true), ("203.0.113.0/24", false)] {
            let key = super::RouteParam { to: to.into(), via: "".into(), metric: 0, table: 0 };
            let key = crate::resources::host::netlink::RouteKey {
                to: at(&key.to),
                via: None,
                metric: 0,
                table: 254,
            };
            network.routes.push(Route { index: Some(1), key, by_hand });
        }
    });
    net(&bench, &netlink, "eth0", &[UP(), ("exclusive", Value::Bool(true))]).repair().await;
    assert_eq!(addresses(&netlink), ["fe80::1/64", "192.0.2.9/24"]);
    assert_eq!(routes(&netlink), ["203.0.113.0/24 metric 0"]);
}

#[tokio::test]
async fn routes_lost_without_an_event_are_added_after_the_next_one() {
    let (bench, netlink) = (Bench::new(), FakeNetlink::with_link("eth0"));
    let params = [UP(), ("addrs", texts(["10.0.0.1/24"])), ("gateway", Value::str("10.0.0.254"))];
    let subject = net(&bench, &netlink, "eth0", &params);
    let _wakes = subject.resource.watch(&subject.cx()).await.unwrap();
    subject.repair().await;
    let wakes = bench.wakes();
    netlink.change(|network| {
        network.links[0].up = false;
        network.routes.clear();
    });
    assert_eq!(bench.wakes(), wakes + 1);
    let ran = subject.repair().await;
    let expected = ["state: down -> up", "routes: absent -> default via 10.0.0.254 metric 50"];
    assert_eq!(ran.shown(), expected);
}

#[tokio::test]
async fn all_interfaces_are_read_at_once_and_only_after_an_event() {
    let (bench, netlink) = (Bench::new(), FakeNetlink::with_link("eth0"));
    netlink.change(|network| network.links[0].up = true);
    let kind = kind(&netlink);
    let first = bench.build(&kind, "eth0", &[UP()]);
    let _wakes = first.resource.watch(&first.cx()).await.unwrap();
    for _ in 0..3 {
        let one_of_many = bench.build(&kind, "eth0", &[UP()]);
        assert!(one_of_many.run().await.drift.is_empty());
    }
    assert_eq!(netlink.dumps(), 1);
    netlink.change(|_| {});
    first.run().await;
    assert_eq!(netlink.dumps(), 2);
}

#[tokio::test]
async fn interfaces_are_made_and_are_never_replaced() {
    let (bench, netlink) = (Bench::new(), FakeNetlink::with_link("eth0"));
    let text = |param, value| (param, Value::str(value));
    let made: [(&str, Given<'_>, Make); 5] = [
        ("br0", &[text("kind", "bridge")], Make::Bridge),
        ("dummy0", &[text("kind", "dummy")], Make::Dummy),
        ("bond0", &[text("kind", "bond"), text("bond_mode", "802.3ad")], Make::Bond(Some(4))),
        (
            "eth0.7",
            &[text("kind", "vlan"), text("link", "eth0"), ("vlan_id", Value::Int(7))],
            Make::Vlan("eth0".into(), 7),
        ),
        ("veth0", &[text("kind", "veth"), text("link", "veth1")], Make::Veth("veth1".into())),
    ];
    for (name, params, make) in made {
        let subject = net(&bench, &netlink, name, params);
        assert_eq!(subject.repair().await.shown(), [format!("kind: absent -> {}", make.kind())]);
        assert_eq!(netlink.take_asked(), [Request::Create(name.into(), make)]);
    }
    let params = [
        text("kind", "bridge"),
        text("state", "up"),
        ("mtu", Value::Int(1400)),
        ("addrs", texts(["192.0.2.7/24"])),
        text("gateway", "192.0.2.1"),
    ];
    assert_eq!(
        net(&bench, &netlink, "br1", &params).noop().await.shown(),
        [
            "kind: absent -> bridge",
            "mtu: absent -> 1400",
            "state: absent -> up",
            "addrs: absent -> 192.0.2.7/24",
            "routes: absent -> default via 192.0.2.1 metric 50",
        ]
    );
    let params = [text("kind", "vlan"), text("link", "eth0"), ("vlan_id", Value::Int(8))];
    let other = net(&bench, &netlink, "eth0.7", &params);
    let error = other.try_run(other.cx()).await.unwrap_err();
    assert_eq!(error.class(), Class::User);
    assert!(error.to_string().ends_with("is the VLAN 7 on eth0, not the VLAN 8 on eth0"), "{error}");
    let other = net(&bench, &netlink, "eth0", &[text("kind", "bridge")]).failure().await;
    assert_eq!(other, "the network interface \"eth0\" is a device, not a bridge");
}

#[tokio::test]
async fn a_part_of_a_bond_is_set_down_first_and_that_of_a_bridge_is_not() {
    let (bench, netlink) = (Bench::new(), FakeNetlink::with_link("eth0"));
    netlink.change(|network| network.links[0].up = true);
    for master in ["br0", "bond0"] {
        let kind = if master == "br0" { "bridge" } else { "bond" };
        net(&bench, &netlink, master, &[("kind", Value::str(kind))]).repair().await;
    }
    netlink.take_asked();
    net(&bench, &netlink, "eth0", &[UP(), ("master", Value::str("br0"))]).repair().await;
    let name = || "eth0".to_owned();
    assert_eq!(netlink.take_asked(), [Request::Master(name(), Some("br0".into()))]);
    net(&bench, &netlink, "eth0", &[UP(), ("master", Value::str("bond0"))]).repair().await;
    let expected =
        [Request::Down(name()), Request::Master(name(), Some("bond0".into())), Request::Up(name())];
    assert_eq!(netlink.take_asked(), expected);
    net(&bench, &netlink, "eth0", &[("master", Value::str("none"))]).repair().await;
    assert_eq!(netlink.take_asked(), [Request::Master(name(), None)]);
    let missing = net(&bench, &netlink, "eth0", &[("master", Value::str("br9"))]).failure().await;
    assert_eq!(missing, "there is no network interface \"br9\"");
}

#[tokio::test]
async fn a_missing_interface_is_waited_for_and_one_that_is_absent_is_removed() {
    let (bench, netlink) = (Bench::new(), FakeNetlink::with_link("eth0"));
    let subject = net(&bench, &netlink, "eth1", &[UP()]);
    let _wakes = subject.resource.watch(&subject.cx()).await.unwrap();
    let error = subject.try_run(subject.cx()).await.unwrap_err();
    assert_eq!(error.class(), Class::Transient);
    let wakes = bench.wakes();
    netlink.change(|network| {
        let mut link = network.links[0].clone();
        (link.index, link.name) = (9, "eth1".into());
        network.links.push(link);
    });
    assert!(bench.wakes() > wakes);
    subject.repair().await;
    let absent = net(&bench, &netlink, "eth1", &[("state", Value::str("absent"))]);
    assert_eq!(absent.repair().await.shown(), ["state: there -> absent"]);
}

#[tokio::test]
async fn an_address_is_there_once_nobody_else_has_it() {
    let (bench, netlink) = (Bench::new(), FakeNetlink::with_link("eth0"));
    let (tentative, duplicate) = (true, true);
    netlink.change(|network| {
        network.links[0].up = true;
        network.addresses.push(Address { tentative, ..address(1, "2001:db8::1/64") });
    });
    let subject = net(&bench, &netlink, "eth0", &[("addrs", texts(["2001:db8::1/64"]))]);
    assert_eq!(subject.noop().await.shown(), ["addrs: 2001:db8::1/64, tentative -> 2001:db8::1/64"]);
    let _wakes = subject.resource.watch(&subject.cx()).await.unwrap();
    // Comes to its turn once the apply waits for an event.
    let ready = async { netlink.change(|network| network.addresses[0].tentative = false) };
    tokio::join!(subject.repair(), ready);
    netlink.change(|network| network.addresses[0].duplicate = duplicate);
    let error = subject.failure().await;
    assert_eq!(error, "another host on the network of \"eth0\" has the address 2001:db8::1/64");
    // Nobody is there to be asked.
    netlink.change(|network| {
        network.links[0].carrier = false;
        network.addresses[0] = Address { tentative, ..address(1, "2001:db8::1/64") };
    });
    assert!(subject.run().await.drift.is_empty());
}

#[tokio::test]
async fn what_the_kernel_refuses_is_told_and_what_is_so_already_is_fine() {
    let (bench, netlink) = (Bench::new(), FakeNetlink::with_link("eth0"));
    let subject = net(&bench, &netlink, "eth0", &[UP()]);
    netlink.refuse(Errno::PERM);
    let error = subject.try_run(subject.cx()).await.unwrap_err();
    assert_eq!(error.hint(), Some("mgmt must run as root (CAP_NET_ADMIN)"));
    let addrs = [("addrs", texts(["10.0.0.1/24"]))];
    let subject = net(&bench, &netlink, "eth0", &addrs);
    let _wakes = subject.resource.watch(&subject.cx()).await.unwrap();
    netlink.refuse(Errno::EXIST);
    subject.repair().await;
    // Others take it away each time.
    netlink.change(|network| network.addresses.clear());
    (0..6).for_each(|_| netlink.refuse(Errno::EXIST));
    assert!(subject.failure().await.contains("differs again after 6 repairs"));
}

#[tokio::test]
async fn an_undo_brings_back_what_was() {
    let (bench, netlink) = (Bench::new(), FakeNetlink::with_link("eth0"));
    let params = [UP(), ("mtu", Value::Int(1400)), ("addrs", texts(["10.0.0.1/24"]))];
    let subject = net(&bench, &netlink, "eth0", &params);
    let undo = subject.resource.undo(&subject.cx()).await.unwrap().unwrap();
    subject.repair().await;
    let undo: Vec<_> = undo.iter().map(|(name, value)| (name, value.clone())).collect();
    net(&bench, &netlink, "eth0", &undo).repair().await;
    let found = netlink.network();
    assert_eq!((found.links[0].mtu, found.links[0].up, found.addresses.len()), (1500, false, 0));
    let made = net(&bench, &netlink, "br0", &[("kind", Value::str("bridge"))]);
    let undo = made.resource.undo(&made.cx()).await.unwrap().unwrap();
    assert_eq!(undo.get("state"), Some(&Value::str("absent")));
}

#[test]
fn all_that_is_wrong_is_refused_at_once() {
    let kind = kind(&FakeNetlink::default());
    let wrong = refused(
        &kind,
        "a name too long for it",
        &[
            ("state", Value::str("upp")),
            ("persist", Value::str("x")),
            ("addrs", texts(["10.0.0.1", "10.0.0.1/24", "10.0.0.1/24"])),
            ("gateway", Value::str("::1")),
            ("gateway6", Value::str("x")),
            ("routes", Value::List([route("10.0.0.1/24", "", 0, 0), route("::/8", "10.0.0.1", 0, 0)].into())),
            ("bond_mode", Value::str("802.3d")),
            ("vlan_id", Value::Int(1)),
            ("link", Value::str("a b")),
            ("kind", Value::str("brige")),
            ("mac", Value::str("01:00:00:00:00:00")),
            ("master", Value::str("a/b")),
            ("mtu", Value::Int(1)),
        ],
    );
    let at: Vec<&str> = wrong.iter().map(|error| error.param.unwrap_or("")).collect();
    let expected = [
        "",
        "state",
        "persist",
        "addrs",
        "addrs",
        "gateway",
        "gateway6",
        "routes",
        "routes",
        "bond_mode",
        "bond_mode",
        "vlan_id",
        "link",
        "kind",
        "mac",
        "master",
        "mtu",
    ];
    assert_eq!(at, expected);
    for (index, hint) in [(1, "`up`"), (9, "`802.3ad`"), (13, "`bridge`")] {
        assert_eq!(wrong[index].hint.as_deref(), Some(&*format!("did you mean {hint}?")));
    }
    let vlan = refused(&kind, "v", &[("kind", Value::str("vlan")), ("link", Value::str("eth0"))]);
    assert_eq!(vlan[0].param, Some("vlan_id"));
    assert_eq!(refused(&kind, "v", &[("kind", Value::str("veth"))])[0].param, Some("link"));
}

#[test]
fn what_contradicts_itself_is_refused_where_it_stands() {
    let kind = kind(&FakeNetlink::default());
    let at = |given: Given<'_>| -> Vec<&str> {
        let Err(errors) = super::Wanted::new(&declaration("br0", given)) else { return Vec::new() };
        assert!(errors.iter().all(|error| error.hint.is_some()), "{errors:?}");
        errors.iter().map(|error| error.param.unwrap_or("")).collect()
    };
    let s = |name: &'static str, text: &str| (name, Value::str(text));
    let to = |to: &str, via: Option<&str>| {
        let via = via.map(|via| (Arc::from("via"), Value::str(via)));
        Value::Struct([(Arc::from("to"), Value::str(to))].into_iter().chain(via).collect())
    };
    let routes = |all: &[Value]| ("routes", Value::List(all.into()));
    let addrs = || ("addrs", texts(["10.0.0.1/24", "2001:db8::1/64"]));
    for (given, expected) in [
        (vec![addrs(), s("gateway", "10.0.1.1")], vec!["gateway"]),
        (vec![addrs(), s("gateway", "10.0.0.254"), s("gateway6", "2001:db8:1::1")], vec!["gateway6"]),
        (vec![addrs(), s("gateway6", "fe80::1")], vec![]),
        (vec![s("gateway", "10.0.1.1")], vec![]),
        (vec![addrs(), s("gateway", "10.0.1.1"), routes(&[to("10.0.1.1/32", None)])], vec![]),
        (
            vec![addrs(), routes(&[to("10.9.0.0/16", Some("10.1.0.1")), to("default", Some("10.0.0.9"))])],
            vec!["routes"],
        ),
        (vec![s("kind", "bridge"), s("master", "br0")], vec!["master"]),
        (vec![s("kind", "veth"), s("link", "br0")], vec!["link"]),
        (vec![s("state", "absent"), addrs(), ("mtu", Value::Int(1400))], vec!["addrs", "mtu"]),
        (vec![s("state", "absent"), s("kind", "bridge")], vec![]),
    ] {
        assert_eq!(at(&given), expected, "{given:?}");
    }
    let wanted = super::Wanted::new(&declaration("br0", &[routes(&[to("10.9.0.0/16", None)])])).unwrap();
    assert_eq!(wanted.routes[0].to_string(), "10.9.0.0/16 metric 50");
    assert!(refused(&kind, "br0", &[routes(&[Value::Struct(Arc::new([]))])])[0].message.contains("`to`"));
}

fn declaration(name: &str, given: Given<'_>) -> Declaration {
    Declaration::new(Label::new("net", name), given.iter().cloned().collect())
}

#[test]
fn what_it_is_on_goes_before_and_its_addresses_are_offered() {
    let kind = kind(&FakeNetlink::default());
    let params = [
        ("kind", Value::str("vlan")),
        ("link", Value::str("eth0")),
        ("vlan_id", Value::Int(7)),
        ("master", Value::str("br0")),
        ("addrs", texts(["10.0.0.1/24"])),
    ];
    let found = capabilities(&kind, "eth0.7", &params);
    assert_eq!(found.offers, [Uid::new("interface", "eth0.7"), Uid::new("address", "10.0.0.1")]);
    assert_eq!(
        found.asks,
        [
            Ask::after(vec![Uid::new("interface", "br0")], "what it is a part of"),
            Ask::after(vec![Uid::new("interface", "eth0")], "the interface it is on"),
        ]
    );
    assert!(found.reversible && found.waits);
}

fn given(name: &'static str, value: &str) -> (&'static str, Value) {
    (name, Value::str(value))
}

/// The files of an interface, each as its path, its mode and its text.
fn kept(name: &str, params: Given<'_>, in_bond: bool) -> Vec<(String, u32, Option<String>)> {
    let label = crate::engine::id::Label::new("net", name);
    let declaration = crate::engine::Declaration::new(label, params.iter().cloned().collect());
    let files = super::persist::files(&super::Wanted::new(&declaration).unwrap(), in_bond);
    files.into_iter().map(|file| (file.path.display().to_string(), file.mode, file.text)).collect()
}

#[test]
fn files_of_networkd_ifupdown_and_network_manager_say_the_same() {
    let files = |persist: &str| {
        let params = [
            UP(),
            ("addrs", texts(["10.0.0.1/24"])),
            ("gateway", Value::str("10.0.0.254")),
            ("mtu", Value::Int(1400)),
            ("ip_forward", Value::Bool(true)),
            ("persist", Value::str(persist)),
        ];
        kept("eth0", &params, false)
    };
    let head = "# Written by mgmt: changes are undone.\n";
    assert!(files("none").is_empty());
    for (persist, path, mode, text) in [
        (
            "networkd",
            "/etc/systemd/network/05-mgmt-eth0.network",
            0o644,
            "[Match]\nName=eth0\n\n[Link]\nMTUBytes=1400\n\n\
             [Network]\nAddress=10.0.0.1/24\nIPv4Forwarding=yes\nKeepConfiguration=static\nConfigureWithoutCarrier=yes\n\n\
             [Route]\nGateway=10.0.0.254\nMetric=50\n",
        ),
        (
            "networkmanager",
            "/etc/NetworkManager/system-connections/mgmt-eth0.nmconnection",
            0o600,
            "[connection]\nid=mgmt-eth0\ntype=ethernet\ninterface-name=eth0\nautoconnect-priority=100\n\n\
             [ethernet]\nmtu=1400\n\n[ipv4]\nmethod=manual\naddress1=10.0.0.1/24\nroute1=0.0.0.0/0,10.0.0.254,50\n\n\
             [ipv6]\nmethod=link-local\n",
        ),
        (
            "ifupdown",
            "/etc/network/interfaces.d/mgmt-eth0",
            0o644,
            "auto eth0\niface eth0 inet static\n    \
             address 10.0.0.1/24\n    mtu 1400\n    up sysctl -qw net/ipv4/conf/eth0/forwarding=1\n    \
             up ip -4 route replace 0.0.0.0/0 via 10.0.0.254 dev eth0 proto static metric 50\n",
        ),
    ] {
        let (kept, gone): (Vec<_>, Vec<_>) =
            files(persist).into_iter().partition(|(.., text)| text.is_some());
        assert_eq!(kept, [(path.to_owned(), mode, Some(format!("{head}{text}")))]);
        let gone: Vec<_> = gone.iter().map(|(path, ..)| path.rsplit('/').next().unwrap()).collect();
        let old = if persist == "networkd" { vec!["mgmt-eth0.network", "mgmt-eth0.netdev"] } else { vec![] };
        assert_eq!(gone, old, "once called so");
    }
}

#[test]
fn routes_in_a_file_of_ifupdown_come_after_an_address_of_their_sort() {
    let stanzas = |addrs: &[&str], gateways: Given<'_>| {
        let mut params =
            vec![given("persist", "ifupdown"), ("addrs", texts(addrs)), ("mtu", Value::Int(1400))];
        params.extend(gateways.iter().cloned());
        kept("eth0", &params, false).remove(0).2.unwrap()
    };
    let gateways = [given("gateway", "10.0.0.254"), given("gateway6", "2001:db8::fe")];
    let head = "# Written by mgmt: changes are undone.\nauto eth0\n";
    let route4 = "    up ip -4 route replace 0.0.0.0/0 via 10.0.0.254 dev eth0 proto static metric 50\n";
    let route6 = "    up ip -6 route replace ::/0 via 2001:db8::fe dev eth0 proto static metric 50\n";
    assert_eq!(
        stanzas(&["2001:db8::1/64", "10.0.0.1/24", "2001:db8::2/64"], &gateways),
        format!(
            "{head}iface eth0 inet static\n    address 10.0.0.1/24\n    mtu 1400\n{route4}\
             iface eth0 inet6 static\n    address 2001:db8::1/64\n{route6}\
             iface eth0 inet6 static\n    address 2001:db8::2/64\n"
        )
    );
    let link_local = [given("gateway6", "fe80::1")];
    assert_eq!(
        stanzas(&["10.0.0.1/24"], &link_local),
        format!(
            "{head}iface eth0 inet static\n    address 10.0.0.1/24\n    mtu 1400\niface eth0 inet6 manual\n{}",
            route6.replace("2001:db8::fe", "fe80::1")
        )
    );
    assert_eq!(stanzas(&[], &[]), format!("{head}iface eth0 inet manual\n    mtu 1400\n"));
}

#[test]
fn what_ifupdown_would_not_keep_is_refused() {
    let kind = kind(&FakeNetlink::default());
    let at = |params: Given<'_>| -> Vec<&str> {
        let all = [params, &[given("persist", "ifupdown")]].concat();
        refused(&kind, "x0", &all).iter().map(|error| error.param.unwrap()).collect()
    };
    assert_eq!(at(&[given("kind", "bond"), given("bond_mode", "802.3ad")]), ["kind"]);
    assert_eq!(at(&[given("kind", "vlan"), given("link", "e0"), ("vlan_id", Value::Int(7))]), ["kind"]);
    assert_eq!(at(&[given("kind", "bridge"), given("master", "b0")]), ["kind", "master"]);
    assert_eq!(kept("x0", &[given("persist", "ifupdown"), given("master", "none")], false).len(), 1);
    let absent = [given("persist", "ifupdown"), given("kind", "bridge"), given("state", "absent")];
    assert_eq!(kept("x0", &absent, false)[0].2, None, "its file goes");
}

#[test]
fn parts_and_vlans_are_told_to_whoever_keeps_them() {
    let persist = |keeper: &str| given("persist", keeper);
    let part = |keeper: &str, in_bond| {
        kept("e0", &[given("master", "m0"), persist(keeper)], in_bond).remove(0).2.unwrap()
    };
    for (in_bond, networkd, manager) in
        [(false, "\nBridge=m0\n", "slave-type=bridge"), (true, "\nBond=m0\n", "slave-type=bond")]
    {
        assert!(part("networkd", in_bond).contains(networkd));
        let profile = part("networkmanager", in_bond);
        assert!(
            profile.contains(manager) && profile.contains("master=m0") && !profile.contains("[ipv4]"),
            "{profile}"
        );
    }
    let vlan = |more: Given<'_>| {
        let mut params = vec![given("kind", "vlan"), given("link", "e0"), ("vlan_id", Value::Int(7))];
        params.extend(more.iter().cloned());
        kept("e0.7", &params, false)
    };
    let files = vlan(&[persist("networkd")]);
    let files: Vec<_> = files.into_iter().filter(|(.., text)| text.is_some()).collect();
    let paths: Vec<_> =
        files.iter().map(|(path, ..)| path.trim_start_matches("/etc/systemd/network/")).collect();
    assert_eq!(paths, ["05-mgmt-e0.7.network", "05-mgmt-e0.7.netdev", "05-mgmt-e0.network.d/mgmt-e0.7.conf"]);
    assert!(files[2].2.as_ref().unwrap().ends_with("[Network]\nVLAN=e0.7\n"));
    assert!(vlan(&[persist("networkd"), given("state", "absent")]).iter().all(|(.., text)| text.is_none()));
    assert!(vlan(&[persist("networkmanager")])[0].2.as_ref().unwrap().contains("type=vlan\n"));
    let wrong = [persist("networkmanager"), given("gateway", "10.0.0.1")];
    assert_eq!(refused(&kind(&FakeNetlink::default()), "e0", &wrong)[0].param, Some("persist"));
}
