// SPDX-License-Identifier: GPL-2.0-only
//! Rules that a flood teaches, with real clients: a tool's SYNs are dropped within seconds, and whoever looks like them
//! gets in all the same.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::thread;
use std::time::{Duration, Instant};

use etherparse::TcpHeader;
use lab::defence::{Defence, dump, teach};
use lab::forger::Forger;
use lab::frames::{ipv4, ipv6};
use lab::stacks::{Crowd, STACKS};
use lab::wait_for;
use serde_json::Value;
use socket2::{Domain, Socket, Type};
use synflood_xdp::kernel::instance::{self, State};
use synflood_xdp::kernel::interface::Interface;
use synflood_xdp::kernel::maps::answered;

use crate::ground::{Ground, PORT, server, servers};

const RATE: u64 = 20_000;
/// As many as are sent in ten seconds: no SYN of the flood comes twice.
const SYNS: u32 = 200_000;
/// The network of those who connect in peace, and that of newcomers.
const KNOWN: u32 = 0x0a20_0000;
const NEWCOMERS: u32 = 0x0a28_0000;
/// Forged addresses of IPv6, each of a /64 of its own.
const FORGED6: u128 = 0xfd10 << 112;
/// A client repeats its SYN after a second.
const REPETITION: Duration = Duration::from_millis(1_800);

struct Field {
    ground: Ground,
    listener: Socket,
    defence: Defence,
}

impl Field {
    /// A server that knows 600 connections of Linux clients, when it is attacked.
    fn new(options: &[&str]) -> Self {
        let field = Self::without_visitors(options);
        field.visit_in_peace();
        field
    }

    fn without_visitors(options: &[&str]) -> Self {
        let ground = Ground::new();
        let client = &ground.pair.client;
        client.run("ip", &["route", "add", "local", "10.32.0.0/12", "dev", "lo"]);
        client.run("sysctl", &["-qw", "net.ipv4.ip_nonlocal_bind=1"]);
        ground.pair.server.run("ip", &["route", "add", "10.32.0.0/12", "via", "10.0.0.1"]);
        let listener = ground.listen(|_| {});
        listener.set_nonblocking(true).unwrap();
        let defence = ground.protect(&[&["--cookies", "own"], options].concat());
        Self { ground, listener, defence }
    }

    /// Until enough of them are known: of so many in a second the program keeps a sample.
    fn visit_in_peace(&self) {
        let mut visits = 0..;
        wait_for("enough SYNs of honest clients", || {
            for visit in visits.by_ref().take(500) {
                // Of no network may more than 512 count.
                assert!(self.visit(KNOWN + ((visit % 8) << 16) + visit / 8).is_some());
            }
            (self.known() >= 550).then_some(())
        });
    }

    fn known(&self) -> usize {
        self.ground.pair.server.enter(|| {
            let mut found = instance::find(&[Interface::by_name("eth0").unwrap()]).unwrap();
            let State::Readable(running) = found.remove(0).state else { panic!("another version") };
            answered::read(&*running).unwrap().len()
        })
    }

    /// How long a connection takes. None: it does not come.
    fn visit(&self, from: u32) -> Option<Duration> {
        self.visit_from(Ipv4Addr::from_bits(from).into())
    }

    fn visit_from(&self, from: IpAddr) -> Option<Duration> {
        let start = Instant::now();
        let connected = self.connect(from);
        // Whoever visits meanwhile.
        while self.listener.accept().is_ok() {}
        connected.map(|socket| {
            // It goes without TIME_WAIT here.
            socket.set_linger(Some(Duration::ZERO)).unwrap();
            start.elapsed()
        })
    }

    fn connect(&self, from: IpAddr) -> Option<Socket> {
        let address = SocketAddr::new(from, 0);
        let socket = self.ground.pair.client.enter(|| {
            let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
            socket.bind(&address.into()).unwrap();
            socket
        });
        let server = servers()[usize::from(from.is_ipv6())];
        let connected = socket.connect_timeout(&server.into(), Duration::from_secs(10));
        connected.ok().map(|()| socket)
    }

    /// Each SYN from another address.
    fn flood(&self, look: impl Fn(&mut TcpHeader)) -> Forger {
        let mac = self.ground.pair.server.mac("eth0");
        let frame = |host: u32| {
            let mut frame = ipv4(|ip, tcp| {
                ip.source = Ipv4Addr::from_bits(0x0a10_0000 + host).octets();
                (ip.destination, tcp.destination_port) = (server().octets(), 80);
                ip.dont_fragment = true;
                ip.identification = host.wrapping_mul(40_503) as u16;
                tcp.sequence_number = host.wrapping_mul(0x9e37_79b9);
                tcp.source_port = 1_024 + (host.wrapping_mul(25_173) % 60_000) as u16;
                look(tcp);
            });
            frame[..6].copy_from_slice(&mac);
            frame
        };
        Forger::start(&self.ground.pair, "eth0", (0..SYNS).map(frame).collect(), Some(RATE))
    }

    /// The same over IPv6.
    fn flood6(&self, look: impl Fn(&mut TcpHeader)) -> Forger {
        let SocketAddr::V6(server) = servers()[1] else { panic!("IPv4") };
        let mac = self.ground.pair.server.mac("eth0");
        let frame = |host: u32| {
            let mut frame = ipv6(&[], |ip, tcp| {
                ip.source = Ipv6Addr::from_bits(FORGED6 + (u128::from(host) << 64)).octets();
                (ip.destination, tcp.destination_port) = (server.ip().octets(), PORT);
                tcp.sequence_number = host.wrapping_mul(0x9e37_79b9);
                tcp.source_port = 1_024 + (host.wrapping_mul(25_173) % 60_000) as u16;
                look(tcp);
            });
            frame[..6].copy_from_slice(&mac);
            frame
        };
        Forger::start(&self.ground.pair, "eth0", (0..SYNS).map(frame).collect(), Some(RATE))
    }

    fn events(&self) -> Vec<Value> {
        let lines = self.defence.stdout();
        let lines = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|line| line["type"] == "rule").collect()
    }

    fn stages(&self) -> Vec<String> {
        self.events().iter().map(|event| event["stage"].as_str().unwrap().to_owned()).collect()
    }

    #[track_caller]
    fn wait_for(&self, stage: &str) -> Value {
        wait_for(&format!("a rule that is {stage}"), || {
            self.events().into_iter().find(|event| event["stage"] == stage)
        })
    }

    /// SYNs that rules have dropped, and all.
    fn dropped(&self) -> (u64, u64) {
        let dump = dump(&self.ground.pair, &[]);
        let reasons = dump["reasons"].as_object().unwrap().iter();
        let of_syns = reasons.filter(|(reason, _)| {
            ["pass_", "challenge_", "drop_"].iter().any(|class| reason.starts_with(class))
        });
        let all = of_syns.map(|(_, count)| count.as_u64().unwrap()).sum();
        (dump["reasons"]["drop_learned_rule"].as_u64().unwrap_or(0), all)
    }

    /// Makes new connections without options, as no client did before.
    fn change_clients(&self) {
        for setting in ["tcp_timestamps=0", "tcp_sack=0", "tcp_window_scaling=0"] {
            self.ground.pair.client.run("sysctl", &["-qw", &format!("net.ipv4.{setting}")]);
        }
    }
}

/// What Linux sends without options but the MSS.
fn plain_linux(tcp: &mut TcpHeader) {
    tcp.window_size = 64_240;
    tcp.set_options_raw(&[2, 4, 5, 0xb4]).unwrap();
}

#[test]
fn a_flood_of_one_tool_is_dropped_and_visitors_notice_nothing() {
    let field = Field::new(&[]);
    let begun = Instant::now();
    let _forger = field.flood(|tcp| tcp.window_size = 512);
    wait_for("a SYN that a rule drops", || (field.dropped().0 > 0).then_some(()));
    println!("in force after {:?}", begun.elapsed());
    let words = field.wait_for("in_force")["words"].as_str().unwrap().to_owned();
    assert!(words.contains("win 512, no options"), "{words}");
    let (dropped, all) = field.dropped();
    for visit in 0..20 {
        let took = field.visit(NEWCOMERS + visit);
        assert!(took.is_some_and(|took| took < Duration::from_millis(500)), "{took:?}");
    }
    thread::sleep(Duration::from_secs(1)); // of the flood
    let after = field.dropped();
    let share = (after.0 - dropped) as f64 / (after.1 - all) as f64;
    println!("{:.2} % dropped by the rule: {words}", share * 100.0);
    // One in 64 is not.
    assert!(share > 0.97, "{share}");
    assert!(!field.stages().contains(&"ended".to_owned()), "{:?}", field.events());
}

#[test]
fn a_flood_over_ipv6_is_dropped_too() {
    let field = Field::without_visitors(&[]);
    let pair = &field.ground.pair;
    pair.server.run("ip", &["-6", "route", "add", "fd10::/16", "via", "fd00:5::1"]);
    teach(pair, Crowd::new(STACKS, 2_000, 1).filter(|syn| syn[0] >> 4 == 6).take(1_000));
    let _forger = field.flood6(|tcp| tcp.window_size = 512);
    let rule = field.wait_for("in_force");
    assert!(rule["rule"].as_str().unwrap().starts_with("ipv6,"), "{rule}");
    assert!(rule["words"].as_str().unwrap().contains("win 512, no options"), "{rule}");
    wait_for("a SYN that a rule drops", || (field.dropped().0 > 0).then_some(()));
    let took = field.visit_from("fd00:5::2".parse().unwrap());
    assert!(took.is_some_and(|took| took < Duration::from_millis(500)), "{took:?}");
}

#[test]
fn who_looks_like_the_flood_gets_in_by_his_first_repetition_and_ends_the_rule() {
    let field = Field::new(&[]);
    let forger = field.flood(plain_linux);
    field.wait_for("in_force");
    field.change_clients();
    // Three sources that answer are enough.
    for visit in 0..4 {
        let took = field.visit(NEWCOMERS + visit * 256);
        println!("{took:?}");
        assert!(took.is_some_and(|took| took < REPETITION), "{took:?}");
    }
    let ended = field.wait_for("ended");
    assert!(ended["why"].as_str().unwrap().contains("3 sources"), "{ended}");
    let again = field.visit(NEWCOMERS + 99);
    assert!(again.is_some_and(|took| took < Duration::from_millis(500)), "{again:?}");
    drop(forger);
}

/// A flood is judged by its own SYNs, not by how many come.
#[test]
fn a_crowd_of_newcomers_is_never_dropped() {
    let field = Field::new(&["--pass-rate", "20"]);
    field.change_clients();
    let slow: Vec<_> = thread::scope(|scope| {
        let visitors = |from: u32| {
            let field = &field;
            scope.spawn(move || {
                let visits = (0..400).map(|visit| field.visit(NEWCOMERS + (from << 16) + visit));
                visits.filter(|took| took.is_none_or(|took| took > Duration::from_millis(900))).count()
            })
        };
        let visitors: Vec<_> = (0..4).map(visitors).collect();
        visitors.into_iter().map(|visitor| visitor.join().unwrap()).collect()
    });
    println!("late: {slow:?} of 400 each; rules: {:?}", field.stages());
    assert_eq!(slow, [0; 4]);
    assert!(!field.stages().contains(&"in_force".to_owned()), "{:?}", field.events());
}

/// Who cannot answer has not refused to.
#[test]
fn while_the_server_accepts_nobody_no_rule_begins() {
    let field = Field::new(&[]);
    // A shorter queue: it is full with two.
    field.listener.listen(1).unwrap();
    let known = (0..2).map(|visit| Ipv4Addr::from_bits(KNOWN + visit).into());
    let _waiting: Vec<Socket> = known.map(|visitor| field.connect(visitor).unwrap()).collect();
    let _forger = field.flood(|tcp| tcp.window_size = 512);
    // A rule is in force after 60,000, when there is room.
    wait_for("the flood", || (field.dropped().1 > 90_000).then_some(()));
    assert_eq!(field.stages(), [] as [&str; 0], "{:?}", field.events());
    while field.listener.accept().is_ok() {}
    field.wait_for("in_force");
}
