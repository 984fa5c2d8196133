//! Interfaces of a host with a network of its own, and somebody who changes them.
//!
//! Many kernels of containers have no dummy, bond and VLAN: those are made only where they can be.

use super::machine::Machine;

/// A pair of interfaces, the one in the hands of the agent and the other up.
const GRAPH: &str = "graph: site
resources:
  net:
  - name: v0
    kind: veth
    link: v1
    state: up
    mtu: 1400
    addrs: [10.66.0.1/24, 10.66.0.2/24]
    gateway: 10.66.0.254
    routes:
    - {to: 10.67.0.0/16, via: 10.66.0.9, metric: 0, table: 0}
    ip_forward: true
";

/// Whether all is as the graph says.
const RIGHT: &str = "ip -o link show v0 | grep -q ',UP.*mtu 1400'
    ip -o -4 addr show v0 | grep -q 10.66.0.1/24; ip -o -4 addr show v0 | grep -q 10.66.0.2/24
    ip route | grep -q '^default via 10.66.0.254 dev v0 proto static metric 50'
    ip route | grep -q '^10.67.0.0/16 via 10.66.0.9 dev v0 proto static metric 50'
    grep -q 1 /proc/sys/net/ipv4/conf/v0/forwarding";

fn host() -> Option<Machine> {
    let host = Machine::bare()?;
    host.sh("ip link set lo up");
    Some(host)
}

#[test]
fn whatever_somebody_changes_is_put_right_again() {
    let Some(host) = host() else { return };
    let agent = host.agent(GRAPH);
    host.sh(RIGHT);
    for change in [
        "ip addr del 10.66.0.2/24 dev v0",
        // With the first address its secondaries go, and the routes, without a word.
        "ip addr del 10.66.0.1/24 dev v0",
        "ip link set v0 down",
        "ip link set v0 down; ip link set v0 up",
        "ip link set v0 mtu 1300",
        "ip route del default",
        "ip route flush proto static",
        "ip addr flush dev v0",
        "echo 0 >/proc/sys/net/ipv4/conf/v0/forwarding",
        "ip link del v0",
    ] {
        host.sh(change);
        agent.until(change, || host.try_sh(RIGHT).status.success());
    }
    host.sh("ip addr add 192.0.2.1/24 dev v0");
    agent.save(&GRAPH.replace("10.66.0.1/24, ", "").replace("mtu: 1400", "mtu: 1401"));
    agent.until_sh("ip -o link show v0 | grep -q 'mtu 1401'; ! ip -o addr show v0 | grep -q 10.66.0.1/24");
    host.sh("ip -o addr show v0 | grep -q 192.0.2.1/24");
    let (status, said) = agent.stop();
    assert!(status.success(), "{said}");
    assert!(host.once(GRAPH).status.success());
    host.sh(RIGHT);
}

#[test]
fn a_bridge_is_made_and_takes_its_part_and_an_interface_that_vanishes_is_waited_for() {
    let Some(host) = host() else { return };
    host.sh("ip link add e0 type veth peer name e1; ip link set e1 up");
    let graph = "graph: site
resources:
  net:
  - name: e0
    state: up
    master: br0
  - name: br0
    kind: bridge
    state: up
    addrs: [10.68.0.1/24]
";
    let agent = host.agent(graph);
    let right = "ip -o link show e0 | grep -q 'master br0'; ip -o addr show br0 | grep -q 10.68.0.1/24";
    host.sh(right);
    host.sh("ip link set e0 nomaster");
    agent.until("it is a part again", || host.try_sh(right).status.success());
    host.sh("ip link del e0");
    agent.until_said("there is no network interface", 1);
    host.sh("ip link add e0 type veth peer name e1; ip link set e1 up");
    agent.until("it is a part once it is back", || host.try_sh(right).status.success());
    host.sh("ip link del br0");
    agent.until("the bridge is made again", || host.try_sh(right).status.success());
    agent.kill9();
}

#[test]
fn an_ipv6_address_is_used_once_it_is_known_to_be_free() {
    let Some(host) = host() else { return };
    // The other end is in a namespace of its own, with the same address.
    host.sh("ip link add d0 type veth peer name d1; ip link set d0 up
        unshare --net sleep 1000 >/dev/null 2>&1 & echo $! >/tmp/peer");
    host.until_sh("[ \"$(readlink /proc/$(cat /tmp/peer)/ns/net)\" != \"$(readlink /proc/self/ns/net)\" ]");
    host.sh("peer=$(cat /tmp/peer); ip link set d1 netns $peer
        nsenter -t $peer -n ip link set d1 up
        nsenter -t $peer -n ip addr add 2001:db8::1/64 dev d1 nodad");
    let graph = |net: &str| {
        format!("graph: site\nresources:\n  net:\n  - name: d0\n    state: up\n    addrs: [\"{net}\"]\n")
    };
    let output = host.once(&graph("2001:db8::2/64"));
    assert!(output.status.success(), "{output:?}");
    assert_eq!(host.sh("ip -6 addr show d0 scope global | grep -c tentative || true"), "0");
    let output = host.once(&graph("2001:db8::1/64"));
    assert!(!output.status.success(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("another host on the network of \"d0\" has the address 2001:db8::1/64"), "{said}");
    let output = host.once(&format!("{}    nodad: true\n", graph("2001:db8::3/64")));
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn dummy_bond_and_vlan_are_made_where_the_kernel_has_them() {
    let Some(host) = host() else { return };
    for (kind, try_it, more) in [
        ("dummy", "ip link add x0 type dummy", ""),
        ("bond", "ip link add x0 type bond", "    bond_mode: active-backup\n"),
        ("vlan", "ip link add link v0 name x0 type vlan id 7", "    link: v0\n    vlan_id: 7\n"),
    ] {
        host.sh("ip link show v0 >/dev/null 2>&1 || ip link add v0 type veth peer name v1");
        if !host.try_sh(try_it).status.success() {
            eprintln!("skipped: this kernel has no {kind}");
            continue;
        }
        host.sh("ip link del x0");
        let graph =
            format!("graph: site\nresources:\n  net:\n  - name: x0\n    kind: {kind}\n    state: up\n{more}");
        let output = host.once(&graph);
        assert!(output.status.success(), "{output:?}");
        host.sh(&format!("ip -d link show x0 | grep -q {kind}; ip link del x0"));
    }
}

/// A pair of interfaces and a bridge that has the other end, kept by somebody else, too.
fn kept_by(keeper: &str) -> String {
    format!(
        "graph: site
resources:
  net:
  - name: br0
    kind: bridge
    state: up
    addrs: [10.68.0.1/24]
    persist: {keeper}
  - name: v0
    kind: veth
    link: v1
    state: up
    mtu: 1400
    addrs: [10.66.0.1/24, 10.66.0.2/24, \"2001:db8::1/64\"]
    gateway: 10.66.0.254
    routes:
    - {{to: 10.67.0.0/16, via: 10.66.0.9, metric: 0, table: 77}}
    persist: {keeper}
  - name: v1
    state: up
    master: br0
    persist: {keeper}
"
    )
}

const KEPT: &str = "ip -o link show v0 | grep -q ',UP.*mtu 1400'; ip -o link show v1 | grep -q 'master br0'
    ip -o addr show v0 | grep -q 10.66.0.1/24; ip -o addr show v0 | grep -q 10.66.0.2/24
    ip -o addr show v0 | grep -q 2001:db8::1/64; ip -o addr show br0 | grep -q 10.68.0.1/24
    ip route | grep -q '^default via 10.66.0.254 dev v0'
    ip route show table 77 | grep -q '^10.67.0.0/16 via 10.66.0.9 dev v0'";

/// Everything is gone, as after a restart of the host, and the service makes it anew, without an agent.
fn is_kept_by(host: &Machine, service: &str) {
    host.sh(&format!("systemctl stop {service}; ip link del v0; ip link del br0; systemctl start {service}"));
    host.until_sh(KEPT);
    host.sh(&format!("systemctl restart {service}"));
    host.until_sh(KEPT);
}

#[test]
fn networkd_keeps_what_it_is_told_to_keep() {
    let Some(host) = Machine::boot() else { return };
    host.sh("rm -f /etc/systemd/system/systemd-networkd.service; systemctl daemon-reload; systemctl start systemd-networkd");
    let agent = host.agent(&kept_by("networkd"));
    host.sh(KEPT);
    assert_eq!(host.sh("stat -c %a /etc/systemd/network/05-mgmt-v0.network"), "644");
    host.sh("networkctl reconfigure v0 v1 br0");
    agent.until_sh(KEPT);
    host.sh("ip addr flush dev v0; rm /etc/systemd/network/05-mgmt-br0.netdev; echo >/etc/systemd/network/05-mgmt-v0.network");
    agent.until_sh(&format!("{KEPT}; test -e /etc/systemd/network/05-mgmt-br0.netdev; grep -q 10.66 /etc/systemd/network/05-mgmt-v0.network"));
    let (status, said) = agent.stop();
    assert!(status.success(), "{said}");
    is_kept_by(&host, "systemd-networkd");
    let gone =
        "graph: site\nresources:\n  net:\n  - {name: br0, kind: bridge, state: absent, persist: networkd}\n";
    assert!(host.once(gone).status.success());
    host.sh("! ls /etc/systemd/network/05-mgmt-br0.*; systemctl restart systemd-networkd; ! ip link show br0 2>/dev/null");
}

#[test]
fn network_manager_keeps_what_it_is_told_to_keep() {
    let Some(host) = Machine::boot() else { return };
    host.sh("systemctl start NetworkManager");
    let agent = host.agent(&kept_by("networkmanager"));
    host.sh(KEPT);
    let folder = "/etc/NetworkManager/system-connections";
    assert_eq!(host.sh(&format!("stat -c '%a %U' {folder}/mgmt-v0.nmconnection")), "600 root");
    assert_eq!(host.sh("nmcli -g connection.interface-name connection show mgmt-v0"), "v0");
    host.sh(&format!(
        "ip addr flush dev v0; chmod 644 {folder}/mgmt-v0.nmconnection; rm {folder}/mgmt-br0.nmconnection"
    ));
    agent.until_sh(&format!("{KEPT}; test -e {folder}/mgmt-br0.nmconnection; test $(stat -c %a {folder}/mgmt-v0.nmconnection) = 600"));
    let (status, said) = agent.stop();
    assert!(status.success(), "{said}");
    is_kept_by(&host, "NetworkManager");
    let gone = "graph: site\nresources:\n  net:\n  - {name: br0, kind: bridge, state: absent, persist: networkmanager}\n";
    assert!(host.once(gone).status.success());
    host.sh(&format!(
        "! ls {folder}/mgmt-br0.*; systemctl restart NetworkManager; ! ip link show br0 2>/dev/null"
    ));
}
