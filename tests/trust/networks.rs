// SPDX-License-Identifier: GPL-2.0-only
//! One host that has a whole network (trial 9: 44,617 connections in 6 s from the 65,536 /64s of one /48).

use std::collections::BTreeSet;
use std::net::{Ipv6Addr, SocketAddr};
use std::ops::Range;
use std::thread;
use std::time::Duration;

use lab::defence::{Defence, dump};
use lab::{wait_at_most, wait_for};
use libbpf_rs::{MapCore, MapFlags, MapHandle};
use plain::Plain;
use serde_json::Value;
use socket2::{Domain, Socket, Type};
use synflood_xdp::kernel::instance::{self, Running, State};
use synflood_xdp::kernel::interface::Interface;
use synflood_xdp::kernel::skel::{as_bytes, from_bytes, types};
use synflood_xdp::kernel::{clock, encode};

use crate::ground::{Ground, servers};

/// A /48 has 64 at once, and a token every 112 s; a /40 has 256.
const LIMITS: [&str; 4] = ["--burst", "2", "--rate", "1/h"];
const OF_48: usize = 64;
const OF_40: usize = 256;
/// SYNs and answers that a CPU sees before it sees a connection stand.
const BATCH: usize = 64;
const SECOND: u64 = 1_000_000_000;
const HOUR: u64 = 3600 * SECOND;
/// Far longer than a connection takes here.
const PATIENCE: Duration = Duration::from_secs(2);

/// An address of the client, of 2001:db8:THIRD::/48. The /40 ends in the middle of this part.
fn address(third: u16, fourth: u16) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, third, fourth, 0, 0, 0, 1)
}

struct Attack {
    ground: Ground,
    listener: Socket,
    defence: Defence,
}

impl Attack {
    /// The client has 2001:db8::/32.
    fn new(options: &[&str]) -> Self {
        let ground = Ground::new();
        ground.pair.client.run("ip", &["-6", "route", "add", "local", "2001:db8::/32", "dev", "lo"]);
        ground.pair.client.run("sysctl", &["-qw", "net.ipv6.ip_nonlocal_bind=1"]);
        ground.pair.server.run("ip", &["-6", "route", "add", "2001:db8::/32", "via", "fd00:5::1"]);
        let listener = ground.listen(|_| {});
        listener.set_nonblocking(true).unwrap();
        let defence = ground.protect(&[&LIMITS[..], options].concat());
        Self { ground, listener, defence }
    }

    fn begin(&self, from: Ipv6Addr) -> Socket {
        self.ground.pair.client.enter(|| {
            let socket = Socket::new(Domain::IPV6, Type::STREAM, None).unwrap();
            socket.bind(&SocketAddr::new(from.into(), 0).into()).unwrap();
            socket.set_nonblocking(true).unwrap();
            let error =
                socket.connect(&servers()[1].into()).err().and_then(|error| error.raw_os_error());
            assert!(matches!(error, None | Some(libc::EINPROGRESS)), "{error:?}");
            socket
        })
    }

    /// Who has connections that wait to be accepted.
    fn accept(&self) -> BTreeSet<Ipv6Addr> {
        let peers = std::iter::from_fn(|| self.listener.accept().ok());
        peers.map(|(_, peer)| *peer.as_socket_ipv6().unwrap().ip()).collect()
    }

    /// Whether a client gets in that begins now.
    fn gets_in(&self, from: Ipv6Addr, patience: Duration) -> bool {
        let _client = self.begin(from);
        wait_at_most(patience, || self.accept().contains(&from).then_some(())).is_some()
    }

    /// So many hosts of each of these networks connect, each from a /64 of its own. Returns how many got in.
    fn connect_from(&self, thirds: Range<u16>, count: u16) -> usize {
        let mut served = BTreeSet::new();
        let mut clients = Vec::new();
        for (third, fourth) in
            thirds.clone().flat_map(|third| (0..count).map(move |fourth| (third, fourth)))
        {
            clients.push(self.begin(address(third, fourth)));
            served.extend(self.accept());
        }
        // What was challenged or refused is sent again after a second.
        thread::sleep(Duration::from_millis(1_500)); // of the attack
        served.extend(self.accept());
        served.iter().filter(|from| thirds.contains(&from.segments()[2])).count()
    }

    fn running(&self) -> Box<Running> {
        self.ground.pair.server.enter(|| {
            let interface = Interface::by_name("eth0").unwrap();
            let mut found = instance::find(&[interface]).unwrap();
            match found.remove(0).state {
                State::Readable(running) => running,
                State::OtherVersion { .. } => panic!("another version"),
            }
        })
    }

    fn shown(&self) -> Vec<Value> {
        let shown = dump(&self.ground.pair, &["--networks"]);
        assert_eq!(shown["sources"], Value::Array(Vec::new()), "instead of the sources");
        shown["networks"].as_array().unwrap().clone()
    }

    fn said(&self, kind: &str, network: &str) {
        wait_for(kind, || {
            let said = self.defence.stdout();
            let lines = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            lines.into_iter().find(|line| line["type"] == kind && line["network"] == network)
        });
    }

    fn says(&self, args: &[&str]) -> String {
        String::from_utf8(self.ground.pair.synflood(args).output().unwrap().stdout).unwrap()
    }
}

/// Changes an entry of a table, which must be there.
fn change<Value: Plain + Default>(map: &MapHandle, key: &[u8], edit: impl FnOnce(&mut Value)) {
    let mut value = from_bytes(&map.lookup(key, MapFlags::ANY).unwrap().unwrap()).unwrap();
    edit(&mut value);
    map.update(key, as_bytes(&value), MapFlags::EXIST).unwrap();
}

/// As if a source had connected five minutes ago.
fn make_old(running: &Running, source: Ipv6Addr) {
    let addr = encode::source_addr(&running.policy, source.into());
    let key = types::source_key { addr, ..Default::default() };
    change(&running.sources, as_bytes(&key), |entry: &mut types::source| entry.first_connected -= 300);
}

fn network_key(network: &str) -> Vec<u8> {
    as_bytes(&encode::network_key(&network.parse().unwrap(), 0)).to_vec()
}

/// As if a network had refused nothing for a minute.
fn calm(running: &Running, network: &str) {
    let before = clock::now_ns().unwrap() - 61 * SECOND;
    change(&running.networks, &network_key(network), |entry: &mut types::network| {
        entry.last_refusal = before
    });
}

/// Whoever connects once from each address, slowly, has no more than a network has twice.
#[test]
fn sources_that_connected_before_are_limited_together() {
    let attack = Attack::new(&[]);
    let hosts: Vec<_> = (0..2 * OF_48 as u16 + 10).map(|host| address(0x48, host)).collect();
    let running = attack.running();
    for host in &hosts {
        assert!(attack.gets_in(*host, PATIENCE));
        make_old(&running, *host);
        change(&running.networks, &network_key("2001:db8:48::/48"), |entry: &mut types::network| {
            entry.full_at = 0;
        });
    }
    let again = hosts.iter().filter(|host| attack.gets_in(**host, Duration::from_millis(100))).count();
    assert!((2 * OF_48 - 1..=2 * OF_48 + 1).contains(&again), "{again} of {}", hosts.len());
}

#[test]
fn a_host_with_a_whole_network_is_one_offender() {
    let attack = Attack::new(&[]);
    let batches = BATCH * thread::available_parallelism().unwrap().get();
    let (old, young) = (address(0x48, 0xfffe), address(0x48, 0xffff));
    assert!(attack.gets_in(old, PATIENCE) && attack.gets_in(young, PATIENCE));
    let running = attack.running();
    make_old(&running, old);

    let served = attack.connect_from(0x48..0x49, 1_000);
    println!("{served} of 1000 hosts of a /48");
    assert!((OF_48 - 2..=OF_48 + batches).contains(&served), "{served} of 1000 hosts of a /48");
    attack.said("network_limited", "2001:db8:48::/48");
    assert!(attack.gets_in(address(0x148, 1), PATIENCE), "who is elsewhere");
    assert!(attack.gets_in(old, PATIENCE), "who connected well before");
    change(&running.networks, &network_key("2001:db8:48::/48"), |entry: &mut types::network| {
        let now = clock::now_ns().unwrap();
        assert!(entry.old_full_at > now, "nothing is taken of the bucket of those");
        entry.old_full_at = now + HOUR;
    });
    assert!(!attack.gets_in(old, Duration::from_millis(200)), "who finds that bucket empty");
    assert!(!attack.gets_in(young, Duration::from_millis(200)), "who connected just before");
    let shown = attack.shown();
    assert_eq!((&shown[0]["network"], &shown[0]["step"]), (&"2001:db8:48::/48".into(), &1.into()));
    assert!(shown[0]["refused"].as_u64() > Some(500) && shown[0]["tokens"] == 0, "{shown:?}");
    let status = attack.says(&["status"]);
    assert!(status.contains("\nnetworks limited: 2001:db8:48::/48 for "), "{status}");
    let why = attack.says(&["explain", &young.to_string(), "--port", "80"]);
    assert!(
        why.contains("(drop_network_limit):") && why.contains("network: its /48 is limited"),
        "{why}"
    );
    assert!(attack.says(&["--dump", "--networks"]).contains("2001:db8:48::/48    1 "));

    // The wider step, and the way back.
    let before = served + 3;
    let served = attack.connect_from(0x49..0x50, 100) + before;
    println!("{served} hosts of a /40");
    assert!(served <= OF_40 + 8 * batches, "{served} hosts of a /40");
    attack.said("network_limited", "2001:db8::/40");
    assert!(!attack.gets_in(address(0x50, 1), Duration::from_millis(200)), "of the same /40");
    for network in attack.shown() {
        calm(&running, network["network"].as_str().unwrap());
    }
    attack.said("network_relaxed", "2001:db8:48::/48");
    attack.said("network_relaxed", "2001:db8::/40");
    assert_eq!(attack.shown(), [] as [Value; 0]);
}

#[test]
fn networks_off_means_it() {
    let attack = Attack::new(&["--networks", "off"]);
    let served = attack.connect_from(0x48..0x49, 400);
    assert_eq!(served, 400);
    assert_eq!(attack.shown(), [] as [Value; 0]);
}
