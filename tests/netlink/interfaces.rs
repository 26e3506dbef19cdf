// SPDX-License-Identifier: GPL-2.0-only
//! Interfaces and neighbours.

use std::net::IpAddr;

use lab::netns::{Netns, connect};
use synflood_xdp::kernel::netlink::{Link, links, neighbours};

fn link(host: &Netns, name: &str) -> Link {
    let links = host.enter(|| links().unwrap());
    let mut ours = links.into_iter().filter(|link| link.name == name);
    ours.next().unwrap_or_else(|| panic!("no {name}"))
}

#[test]
fn loopback_has_no_mac() {
    let host = Netns::new("host");
    let lo = link(&host, "lo");
    assert!(lo.is_loopback);
    assert_eq!((lo.index, lo.mac, lo.mtu), (1, None, 65_536));
    assert_eq!((lo.kind, lo.controller, lo.lower), (None, None, None));
}

#[test]
fn other_end_of_a_veth_is_not_below_it() {
    let (host, other) = (Netns::new("host"), Netns::new("other"));
    connect(&host, "eth0", &other, "eth0");
    host.run("ip", &["link", "set", "eth0", "mtu", "1400"]);
    host.run("ip", &["link", "add", "here0", "type", "veth", "peer", "name", "here1"]);

    let far = link(&host, "eth0");
    assert_eq!((far.kind.as_deref(), far.lower, far.mtu), (Some("veth"), None, 1400));
    assert_eq!(far.mac, Some(host.mac("eth0")));
    assert!(!far.is_loopback);
    let near = link(&host, "here0");
    assert_eq!((near.kind.as_deref(), near.lower), (Some("veth"), None));
}

#[test]
fn port_of_a_bridge_has_a_controller() {
    let (host, other) = (Netns::new("host"), Netns::new("other"));
    connect(&host, "eth0", &other, "eth0");
    host.run("ip", &["link", "add", "br0", "type", "bridge"]);
    assert_eq!(link(&host, "eth0").controller, None);
    host.run("ip", &["link", "set", "eth0", "master", "br0"]);

    let bridge = link(&host, "br0");
    assert_eq!((bridge.kind.as_deref(), bridge.controller_kind), (Some("bridge"), None));
    let port = link(&host, "eth0");
    assert_eq!(port.controller, Some(bridge.index));
    assert_eq!(port.controller_kind.as_deref(), Some("bridge"));
    assert_eq!(port.kind.as_deref(), Some("veth"));
}

#[test]
fn macvlan_lies_on_another_interface_while_both_are_here() {
    let (host, other) = (Netns::new("host"), Netns::new("other"));
    connect(&host, "eth0", &other, "eth0");
    host.run("ip", &["link", "add", "link", "eth0", "name", "upper", "type", "macvlan"]);
    let upper = link(&host, "upper");
    assert_eq!(upper.kind.as_deref(), Some("macvlan"));
    assert_eq!(upper.lower, Some(link(&host, "eth0").index));

    // There an interface of its own has the same number.
    host.run("ip", &["link", "set", "upper", "netns", other.name()]);
    assert_eq!(link(&other, "upper").lower, None);
}

#[test]
fn lists_more_interfaces_than_fit_in_one_part() {
    let host = Netns::new("host");
    let commands: String =
        (0..100).map(|i| format!("link add a{i} type veth peer name b{i}\n")).collect();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), commands).unwrap();
    host.run("ip", &["-batch", file.path().to_str().unwrap()]);
    assert_eq!(host.enter(|| links().unwrap().len()), 201);
}

#[test]
fn neighbours_have_addresses() {
    let (host, other) = (Netns::new("host"), Netns::new("other"));
    connect(&host, "eth0", &other, "eth0");
    host.run("ip", &["address", "add", "10.0.0.10/16", "dev", "eth0"]);
    let add = |ip: &str, more: &[&str]| {
        host.run("ip", &[&["neighbour", "add", ip, "dev", "eth0"], more].concat());
    };
    add("10.0.0.1", &["lladdr", "02:00:00:00:00:01", "nud", "permanent"]);
    add("fd00:5::1", &["lladdr", "02:00:00:00:00:02", "nud", "stale"]);
    add("10.0.0.3", &["nud", "failed"]);
    add("10.0.0.4", &["nud", "incomplete"]);

    let found = host.enter(|| neighbours().unwrap());
    let eth0 = link(&host, "eth0").index;
    let mac = |ip: &str| found.get(&(eth0, ip.parse::<IpAddr>().unwrap())).copied();
    assert_eq!(mac("10.0.0.1"), Some([2, 0, 0, 0, 0, 1]));
    assert_eq!(mac("fd00:5::1"), Some([2, 0, 0, 0, 0, 2]));
    assert_eq!((mac("10.0.0.3"), mac("10.0.0.4")), (None, None));
}
