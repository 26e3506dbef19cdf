// SPDX-License-Identifier: GPL-2.0-only
//! Routes and rules.

use std::fmt::Write as _;
use std::thread;

use lab::netns::Netns;
use lab::wait_for;
use nix::sched::{CloneFlags, unshare};
use synflood_xdp::kernel::netlink::{self, LocalRoute, Route, has_policy_routing, local_routes};

use super::host;

const LOCAL: u32 = 255;

fn ip(host: &Netns, command: &str) {
    let words: Vec<_> = command.split(' ').collect();
    host.run("ip", &words);
}

/// Without those of the link's own IPv6 address, which is there or not.
fn own(host: &Netns) -> Vec<LocalRoute> {
    let mut routes = host.enter(|| local_routes().unwrap());
    routes.retain(|route| !route.network.to_string().starts_with("fe80:"));
    routes.sort();
    routes
}

fn local(network: &str, table: u32) -> LocalRoute {
    LocalRoute { network: network.parse().unwrap(), table }
}

fn routes(host: &Netns) -> Vec<Route> {
    host.enter(|| netlink::routes(1000).unwrap()).unwrap()
}

fn route(host: &Netns, network: &str) -> Route {
    let network = network.parse().unwrap();
    let found: Vec<_> = routes(host).into_iter().filter(|route| route.network == network).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found[0]
}

fn index(host: &Netns, name: &str) -> Option<u32> {
    let links = host.enter(|| netlink::links().unwrap());
    links.into_iter().find(|link| link.name == name).map(|link| link.index)
}

#[test]
fn host_alone_has_neither_addresses_nor_routes() {
    let host = Netns::new("host");
    assert_eq!(own(&host), []);
    assert_eq!(routes(&host), []);
    assert!(!host.enter(|| has_policy_routing().unwrap()));
}

#[test]
fn host_before_its_first_address_has_no_tables() {
    let work = || {
        unshare(CloneFlags::CLONE_NEWNET).unwrap();
        assert_eq!(local_routes().unwrap(), []);
        assert_eq!(netlink::routes(1000).unwrap(), Some(vec![]));
        assert!(!has_policy_routing().unwrap());
    };
    thread::spawn(work).join().unwrap();
}

#[test]
fn addresses_are_local() {
    let (host, _other) = host();
    // The kernel may enter an IPv6 address later.
    let both = [local("10.0.0.10/32", LOCAL), local("fd00:5::10/128", LOCAL)];
    wait_for("both addresses", || (own(&host) == both).then_some(()));
}

#[test]
fn whole_networks_may_be_local() {
    let (host, _other) = host();
    ip(&host, "route add to local 203.0.113.0/24 dev lo");
    ip(&host, "route add local 198.51.100.7 dev eth0 scope host proto 66 table local");
    ip(&host, "-6 route add local 2001:db8:1::/64 dev lo");
    ip(&host, "route add local 192.0.2.0/24 dev lo table 1000");
    // Not local: a route, and a network that is refused.
    ip(&host, "route add 192.0.2.0/24 via 10.0.0.1");
    ip(&host, "route add blackhole 192.0.2.0/25");
    let expected = [
        local("10.0.0.10/32", LOCAL),
        local("192.0.2.0/24", 1000),
        local("198.51.100.7/32", LOCAL),
        local("203.0.113.0/24", LOCAL),
        local("2001:db8:1::/64", LOCAL),
        local("fd00:5::10/128", LOCAL),
    ];
    assert_eq!(own(&host), expected);
}

#[test]
fn routes_say_where_frames_go() {
    let (host, _other) = host();
    ip(&host, "route add default via 10.0.0.1 metric 100 advmss 1200 mtu 1300");
    ip(&host, "-6 route add default via fd00:5::1 advmss 1210");
    ip(&host, "route add 192.0.2.0/24 via inet6 fd00:5::2 dev eth0");
    ip(&host, "route add 198.51.100.0/24 tos 0x10 dev eth0");
    ip(&host, "route add 203.0.113.0/24 dev eth0 table 7");
    ip(&host, "route add unreachable 203.0.113.0/24");
    let eth0 = index(&host, "eth0");

    let link = Route {
        network: "10.0.0.0/16".parse().unwrap(),
        interface: eth0,
        gateway: None,
        advmss: None,
        mtu: None,
        metric: 0,
        is_multipath: false,
        is_conditional: false,
    };
    assert_eq!(route(&host, "10.0.0.0/16"), link);
    let default = Route {
        network: "0.0.0.0/0".parse().unwrap(),
        gateway: Some("10.0.0.1".parse().unwrap()),
        advmss: Some(1200),
        mtu: Some(1300),
        metric: 100,
        ..link
    };
    assert_eq!(route(&host, "0.0.0.0/0"), default);
    let default6 = Route {
        network: "::/0".parse().unwrap(),
        gateway: Some("fd00:5::1".parse().unwrap()),
        advmss: Some(1210),
        metric: 1024,
        ..link
    };
    assert_eq!(route(&host, "::/0"), default6);
    let over_ipv6 = Route {
        network: "192.0.2.0/24".parse().unwrap(),
        gateway: Some("fd00:5::2".parse().unwrap()),
        ..link
    };
    assert_eq!(route(&host, "192.0.2.0/24"), over_ipv6);
    let conditional =
        Route { network: "198.51.100.0/24".parse().unwrap(), is_conditional: true, ..link };
    assert_eq!(route(&host, "198.51.100.0/24"), conditional);
    let other_table = "203.0.113.0/24".parse().unwrap();
    assert!(routes(&host).iter().all(|route| route.network != other_table));
}

#[test]
fn shared_routes_have_no_single_way() {
    let (host, _other) = host();
    ip(&host, "route add 192.0.2.0/24 nexthop via 10.0.0.1 nexthop via 10.0.0.2");
    ip(&host, "-6 route add 2001:db8:1::/64 nexthop via fd00:5::1 nexthop via fd00:5::2");
    ip(&host, "nexthop add id 1 via 10.0.0.1 dev eth0");
    ip(&host, "nexthop add id 2 via 10.0.0.2 dev eth0");
    ip(&host, "nexthop add id 3 group 1/2");
    ip(&host, "route add 198.51.100.0/24 nhid 3");
    ip(&host, "route add 203.0.113.0/24 nhid 1");
    for network in ["192.0.2.0/24", "2001:db8:1::/64", "198.51.100.0/24"] {
        let route = route(&host, network);
        assert!(route.is_multipath, "{route:?}");
        assert_eq!((route.interface, route.gateway), (None, None), "{route:?}");
    }
    let single = route(&host, "203.0.113.0/24");
    assert_eq!(single.gateway, Some("10.0.0.1".parse().unwrap()));
    assert!(!single.is_multipath);

    // Then the kernel shows the number of the object, and nothing more.
    host.run("sysctl", &["-qw", "net.ipv4.nexthop_compat_mode=0"]);
    let single = route(&host, "203.0.113.0/24");
    assert_eq!((single.gateway, single.is_multipath), (None, true));
}

#[test]
fn too_many_routes_are_none() {
    let (host, _other) = host();
    let mut commands = String::new();
    for i in 0..2000 {
        writeln!(commands, "route add 172.16.{}.{}/32 dev eth0", i / 256, i % 256).unwrap();
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), commands).unwrap();
    host.run("ip", &["-batch", file.path().to_str().unwrap()]);
    let count = |limit| host.enter(|| netlink::routes(limit).unwrap()).map(|routes| routes.len());
    let all = count(usize::MAX).unwrap();
    assert!(all > 2000, "{all}");
    assert_eq!(count(all), Some(all));
    // The last ones are of IPv6.
    assert_eq!(count(all - 1), None);
    assert_eq!(count(1000), None);
    assert_eq!(count(0), None);
}

#[test]
fn rules_are_policy_routing() {
    for command in [
        "rule add from 10.0.0.0/8 table 7",
        "-6 rule add from fd00::/8 table 7",
        "rule add fwmark 1 table main priority 32766",
        "rule add table main priority 100",
        "rule add iif lo blackhole",
        "rule add not from 10.0.0.0/8 table main priority 32766",
    ] {
        let host = Netns::new("host");
        assert!(!host.enter(|| has_policy_routing().unwrap()));
        ip(&host, command);
        assert!(host.enter(|| has_policy_routing().unwrap()), "{command}");
    }
}
