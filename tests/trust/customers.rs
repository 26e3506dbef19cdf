// SPDX-License-Identifier: GPL-2.0-only
//! Nobody keeps a customer out by SYNs in his name (trial 6).

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::thread;
use std::time::{Duration, Instant};

use lab::forger::Forger;
use lab::frames::ipv6;
use lab::netns::connect as join;
use lab::pair::Pair;
use lab::{cpu, wait_for, wire};
use socket2::{Domain, Socket, Type};

use crate::ground::{Ground, PORT, servers};

/// An address of the pair's client.
const CUSTOMER: [&str; 2] = ["10.0.0.2", "fd00:5::2"];

/// SYNs in the name of a customer, from many ports.
fn in_the_name_of(ground: &Ground, customer: IpAddr) -> Vec<Vec<u8>> {
    let frame = |port: u16| match customer {
        IpAddr::V4(customer) => ground.syn(customer, |tcp| tcp.source_port = port),
        IpAddr::V6(customer) => {
            let mut frame = ipv6(&[], |ip, tcp| {
                ip.source = customer.octets();
                ip.destination = Pair::SERVER6.parse::<Ipv6Addr>().unwrap().octets();
                (tcp.source_port, tcp.destination_port) = (port, PORT);
            });
            frame[..6].copy_from_slice(&ground.pair.server.mac("eth0"));
            frame
        }
    };
    (1_024..9_216).map(frame).collect()
}

/// How long a connection of the customer takes. None: it does not come within this time.
fn visit(customer: IpAddr, server: SocketAddr, patience: Duration) -> Option<Duration> {
    let socket = Socket::new(Domain::for_address(server), Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::new(customer, 0).into()).unwrap();
    let start = Instant::now();
    socket.connect_timeout(&server.into(), patience).ok().map(|()| start.elapsed())
}

/// Five connections, one after the other.
fn visits(ground: &Ground, customer: IpAddr, server: SocketAddr) -> Vec<Option<Duration>> {
    const PATIENCE: Duration = Duration::from_secs(5);
    ground.pair.client.enter(|| (0..5).map(|_| visit(customer, server, PATIENCE)).collect())
}

#[track_caller]
fn assert_served(what: &str, visits: Vec<Option<Duration>>) {
    let mut times: Vec<_> = visits.iter().flatten().collect();
    times.sort();
    println!("{what}: {} of {} connections, {times:?}", times.len(), visits.len());
    assert_eq!(times.len(), visits.len(), "{what}");
    assert!(*times[times.len() / 2] < Duration::from_millis(100), "{what}: {times:?}");
}

/// With these limits, over IPv4 and IPv6.
fn forged_at(per_second: u64, limits: &[&str]) {
    let ground = Ground::new();
    let _listener = ground.listen(|_| {});
    let _defence = ground.protect(limits);
    for (customer, server) in CUSTOMER.into_iter().zip(servers()) {
        let customer = customer.parse().unwrap();
        let frames = in_the_name_of(&ground, customer);
        // More than its SYN bucket holds, at first.
        wire::send(&ground.pair.client, "eth0", &frames[..200]);
        let forger = Forger::start(&ground.pair, "eth0", frames, Some(per_second));
        let visits = visits(&ground, customer, server);
        drop(forger);
        assert_served(&format!("{customer}, {per_second} SYN/s, {limits:?}"), visits);
    }
}

#[test]
fn forged_at_low_rates() {
    for per_second in [3, 50, 1_000] {
        forged_at(per_second, &["--cookies", "own"]);
    }
}

#[test]
fn forged_at_low_rates_with_the_limits_of_the_tutorial() {
    for per_second in [3, 50, 1_000] {
        forged_at(per_second, &["--cookies", "own", "--burst", "5", "--rate", "1"]);
    }
}

/// The kernel makes cookies from a second after the first SYN that wants one.
#[test]
fn forged_at_low_rates_where_cookies_are_the_kernels() {
    for per_second in [3, 50, 1_000] {
        forged_at(per_second, &["--cookies", "kernel"]);
    }
}

/// From the other interface, where an rp_filter would drop the customer's SYNs.
#[test]
fn forged_on_another_interface() {
    let ground = Ground::new();
    join(&ground.pair.client, "eth1", &ground.pair.server, "eth1");
    ground.pair.server.run("ip", &["address", "add", "10.50.0.10/16", "dev", "eth1"]);
    ground.pair.set("net.ipv4.conf.eth1.rp_filter=1");
    let _listener = ground.listen(|_| {});
    let _defence = ground.protect(&["--iface", "eth1", "--burst", "5", "--rate", "1"]);
    let customer = CUSTOMER[0].parse().unwrap();
    let mut frames = in_the_name_of(&ground, customer);
    let outside = ground.pair.server.mac("eth1");
    frames.iter_mut().for_each(|frame| frame[..6].copy_from_slice(&outside));
    wire::send(&ground.pair.client, "eth1", &frames[..200]);
    let _forger = Forger::start(&ground.pair, "eth1", frames, Some(1_000));
    assert_served("inside", visits(&ground, customer, servers()[0]));
}

/// Each SYN of the customer has the chance of any in its name: about one in three here. It sends seven
/// within ten seconds, and has several connections at once, so that luck does not decide. All on one CPU,
/// as each CPU counts for itself.
#[test]
fn forged_at_100000_a_second() {
    const PATIENCE: Duration = Duration::from_secs(10);
    let ground = Ground::new();
    let _listener = ground.listen(|_| {});
    let _defence = ground.protect(&[]);
    let customer = CUSTOMER[0].parse().unwrap();
    cpu::stay();
    let start = Instant::now();
    let frames = in_the_name_of(&ground, customer);
    let forger = Forger::start(&ground.pair, "eth0", frames, Some(100_000));
    wait_for("the flood", || (forger.sent() > 50_000).then_some(()));
    let visit = || ground.pair.client.enter(|| visit(customer, servers()[0], PATIENCE));
    let served: Vec<_> = thread::scope(|scope| {
        let tries: Vec<_> = (0..8).map(|_| scope.spawn(visit)).collect();
        tries.into_iter().filter_map(|each| each.join().unwrap()).collect()
    });
    let sent = forger.stop();
    println!("{:.0} SYN/s: {served:?}", sent as f64 / start.elapsed().as_secs_f64());
    assert!(!served.is_empty(), "nobody got in while {sent} SYNs were sent");
}
