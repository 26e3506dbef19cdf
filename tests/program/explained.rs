// SPDX-License-Identifier: GPL-2.0-only
//! What `explain` reads and concludes, against the shipped program: any state of its maps, and then a SYN. The
//! intervals are hours, so that no time passes.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};
use std::os::fd::AsFd;

use ipnet::IpNet;
use lab::cpu;
use lab::frames::{CLIENT_MAC, SERVER, SERVER_MAC, SERVER6, segment};
use lab::netns::Netns;
use lab::program::{HOST, Link, NextHop, Port, Program, Route, now_ns, types};
use libbpf_rs::{MapCore, MapFlags};
use nix::sys::socket::{Backlog, listen};
use nix::time::{ClockId, clock_gettime};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use synflood_xdp::judge::{self, Reason, Refused};
use synflood_xdp::kernel::encode;
use synflood_xdp::kernel::maps::lists::{Lock, Writer, files, live};
use synflood_xdp::kernel::maps::rules;
use synflood_xdp::kernel::maps::situation::{Question, Situation, Tables, is_own, link};
use synflood_xdp::kernel::skel::{as_bytes, from_bytes};
use synflood_xdp::policy::Listed;
use synflood_xdp::policy::networks::STEPS;

use crate::sequences::enter_in_filter;

const SECOND: u64 = 1_000_000_000;
const HOUR: u64 = 3_600 * SECOND;
const LOOPBACK: u32 = 1;
/// Of the rule.
const SLOT: usize = 5;
/// A host behind this one.
const OTHER: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(198, 18, 0, 1)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0xff, 0, 0, 0, 0, 1)),
];
/// The first ports of no service, of one with limits of its own, and of one that is never challenged.
const FIRST_PORTS: [u16; 3] = [1000, 2000, 3000];

/// Of all SYNs.
const WINDOW: u16 = 512;

/// Whose SYN it is.
#[derive(Debug, Clone, Copy)]
enum From {
    Ipv4,
    Ipv6,
    /// Nobody may answer these.
    Nobody,
    Loopback,
    Group,
    Group6,
    ThisHost,
}

/// A port of a service, by its distance from the first one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum To {
    Listener,
    /// Its queue has no room.
    FullListener,
    /// At the address of the SYN only.
    ListenerHere,
    ListenerElsewhere,
    Unchallenged,
    Nobody,
    Unprotected,
}

const ALL_TO: [To; 7] = [
    To::Listener,
    To::FullListener,
    To::ListenerHere,
    To::ListenerElsewhere,
    To::Unchallenged,
    To::Nobody,
    To::Unprotected,
];

/// A network of a list.
#[derive(Debug, Clone, Copy)]
struct OfList {
    listed: Listed,
    /// Prefix bits that it lacks to be the address alone.
    wider: u8,
    is_live: bool,
    /// In hours, or for ever.
    until: Option<i64>,
}

/// A source's entry: by how many half tokens its buckets are away from full.
#[derive(Debug, Clone, Copy)]
struct Missing {
    syns: u64,
    connections: u64,
    /// So many seconds ago it connected first; None: never.
    connected: Option<u64>,
    /// It connected within the hour.
    is_connected_lately: bool,
}

/// A network's entry: by how many half tokens its bucket is away from full, and that of sources that connected before,
/// and for how many seconds it has been limited and has refused nothing.
#[derive(Debug, Clone, Copy)]
struct OfNetwork {
    missing: u64,
    missing_of_old: u64,
    limited_for: u64,
    refused_before: u64,
}

#[derive(Debug, Clone)]
struct Case {
    from: From,
    service: usize,
    to: To,
    is_forwarded: bool,
    lists: Vec<OfList>,
    entry: Option<Missing>,
    /// Of the steps, from the narrowest.
    networks: [Option<OfNetwork>; 2],
    /// The program knows that some are limited.
    limits_networks: bool,
    remembered: Option<Refused>,
    /// Whether they are empty: pass, unchallenged, forwarded, challenges.
    empty: [bool; 4],
    syncookies: u8,
    is_stale: bool,
    is_by_gateway: bool,
    next_hop: u8,
    rp_filter: bool,
    /// Group and whether it is a default route.
    route: Option<(u32, bool)>,
    has_ration: bool,
    /// A rule is there.
    rule: Option<OfRule>,
}

/// A rule for SYNs over IPv4.
#[derive(Debug, Clone, Copy)]
struct OfRule {
    is_in_force: bool,
    matches: bool,
}

fn missing() -> impl Strategy<Value = Missing> {
    let connected = prop::option::of(prop::sample::select(&[5_u64, 300][..]));
    (0..12_u64, 0..12_u64, connected, any::<bool>()).prop_map(
        |(syns, connections, connected, is_connected_lately)| Missing {
            syns,
            connections,
            connected,
            is_connected_lately,
        },
    )
}

fn rule() -> impl Strategy<Value = Option<OfRule>> {
    let rule = (prop::bool::weighted(0.8), prop::bool::weighted(0.8))
        .prop_map(|(is_in_force, matches)| OfRule { is_in_force, matches });
    prop::option::weighted(0.3, rule)
}

fn of_network() -> impl Strategy<Value = OfNetwork> {
    // Of a burst of 2 to 5, 32 or 128 times.
    let half_tokens = || prop_oneof![0..4_u64, 100..2_000_u64];
    let times = (prop::sample::select(&[10_u64, 200][..]), prop::sample::select(&[1_u64, 90][..]));
    (half_tokens(), half_tokens(), times).prop_map(
        |(missing, missing_of_old, (limited_for, refused_before))| OfNetwork {
            missing,
            missing_of_old,
            limited_for,
            refused_before,
        },
    )
}

fn cases() -> impl Strategy<Value = Case> {
    let from = prop_oneof![
        6 => Just(From::Ipv4),
        3 => Just(From::Ipv6),
        1 => prop::sample::select(&[From::Nobody, From::Loopback, From::Group, From::Group6, From::ThisHost][..]),
    ];
    let to = prop_oneof![3 => Just(To::Listener), 4 => prop::sample::select(&ALL_TO[..])];
    let of_list = (
        prop_oneof![Just(Listed::Allowed), Just(Listed::Denied)],
        prop::sample::select(&[0_u8, 0, 4, 8][..]),
        any::<bool>(),
        prop::option::of(prop_oneof![Just(-1_i64), Just(1)]),
    )
        .prop_map(|(listed, wider, is_live, until)| OfList { listed, wider, is_live, until });
    let lists = prop_oneof![2 => Just(Vec::new()), 1 => prop::collection::vec(of_list, 1..4)];
    let networks =
        (prop::array::uniform2(prop::option::weighted(0.3, of_network())), prop::bool::weighted(0.9));
    let rarely = || prop::bool::weighted(0.15);
    let asked = (from, 0..3_usize, to, rarely(), lists, prop::option::of(missing()));
    let refused = prop_oneof![Just(Refused::Syns), Just(Refused::Connections)];
    let limits = (prop::option::weighted(0.2, refused), any::<[bool; 4]>(), rarely());
    let host = (0..3_u8, rarely(), any::<bool>(), 0..3_u8, any::<bool>());
    let route = prop::option::weighted(0.8, (0..3_u32, any::<bool>()));
    (asked, networks, limits, host, (route, rule())).prop_map(
        |(asked, networks, limits, host, rest)| {
            let (route, rule) = rest;
            let (networks, limits_networks) = networks;
            let (from, service, to, is_forwarded, lists, entry) = asked;
            let (remembered, empty, is_ration_spent) = limits;
            let (syncookies, is_stale, is_by_gateway, next_hop, rp_filter) = host;
            let has_ration = !is_ration_spent;
            Case {
                from,
                service,
                to,
                is_forwarded,
                lists,
                entry,
                networks,
                limits_networks,
                remembered,
                empty,
                syncookies,
                is_stale,
                is_by_gateway,
                next_hop,
                rp_filter,
                route,
                has_ration,
                rule,
            }
        },
    )
}

impl Case {
    /// No other case has it, nor its networks, where it is an ordinary one.
    fn source(&self, number: u16) -> IpAddr {
        let [high, low] = number.to_be_bytes();
        let ipv4 = |first| Ipv4Addr::new(first, high, low, 1).into();
        match self.from {
            From::Ipv4 => ipv4(20),
            From::Ipv6 => Ipv6Addr::new(0x2001, 0xdb8, number, 0, 0, 0, 0, 1).into(),
            From::Nobody => ipv4(0),
            From::Loopback => ipv4(127),
            From::Group => ipv4(230),
            From::Group6 => Ipv6Addr::new(0xff02, number, 0, 0, 0, 0, 0, 1).into(),
            From::ThisHost => SERVER.into(),
        }
    }

    fn port(&self) -> u16 {
        FIRST_PORTS[self.service] + self.to as u16
    }

    fn destination(&self, source: IpAddr) -> IpAddr {
        match (self.is_forwarded, source.is_ipv4()) {
            (true, is_ipv4) => OTHER[usize::from(!is_ipv4)],
            (false, true) => SERVER.into(),
            (false, false) => SERVER6.into(),
        }
    }

    /// A rule takes the same one for a repetition.
    fn frame(&self, source: IpAddr, sequence_number: u32) -> Vec<u8> {
        let to = (self.destination(source), self.port()).into();
        segment((source, 40_000).into(), to, &[], |tcp| {
            (tcp.syn, tcp.window_size, tcp.sequence_number) = (true, WINDOW, sequence_number);
        })
    }
}

/// A program with its listeners, which is told a case.
struct Bench {
    program: Program,
    listeners: Vec<TcpListener>,
    /// Of the last SYN.
    sequence_number: Cell<u32>,
}

/// The last entries that a case made.
#[derive(Default)]
struct Made {
    live: BTreeSet<IpNet>,
}

impl Bench {
    fn new(options: &[&str]) -> Self {
        let ports: Vec<_> =
            FIRST_PORTS.iter().map(|first| format!("{first}-{}", first + To::Nobody as u16)).collect();
        let services =
            [format!("web={},burst=3,rate=1/h", ports[1]), format!("ssh={},challenge=off", ports[2])];
        let all = ports.join(",");
        // Few, as each look at a source reads all that CPUs remember of sources.
        let common = [
            "--port",
            &all,
            "--service",
            &services[0],
            "--service",
            &services[1],
            "--max-sources",
            "4096",
        ];
        let program = Program::load(&[&common[..], options].concat());
        program.own_mac(SERVER_MAC, 1500);
        program.own(SERVER.into());
        program.own(SERVER6.into());
        let mut listeners = Vec::new();
        for (first, to) in FIRST_PORTS.iter().flat_map(|first| ALL_TO.map(|to| (first, to))) {
            let port = first + to as u16;
            let about = Port {
                listens: !matches!(to, To::ListenerHere | To::ListenerElsewhere | To::Nobody),
                listens_here: matches!(to, To::ListenerHere | To::ListenerElsewhere),
                is_unchallenged: to == To::Unchallenged,
                ..Port::default()
            };
            program.tell_port(false, port, about);
            program.tell_port(true, port, about);
            let addresses: [IpAddr; 2] = match to {
                To::ListenerElsewhere => OTHER,
                _ => [SERVER.into(), SERVER6.into()],
            };
            if about.listens_here {
                for address in addresses {
                    let addr = encode::address(address);
                    let key = types::listener_key { addr, port: port.into() };
                    program.maps.listeners.update(as_bytes(&key), &[1], MapFlags::ANY).unwrap();
                }
            }
            if !matches!(to, To::ListenerElsewhere | To::Nobody) {
                let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).unwrap();
                if to == To::FullListener {
                    // Half of nothing is in use.
                    listen(&listener.as_fd(), Backlog::new(0).unwrap()).unwrap();
                }
                listeners.push(listener);
            }
        }
        Self { program, listeners, sequence_number: Cell::new(0) }
    }

    /// Makes the program's maps say what the case says.
    fn tell(&self, case: &Case, source: IpAddr, generation: u32) -> Made {
        assert!(!self.listeners.is_empty());
        let now = now_ns().unwrap();
        self.tell_rates(case, now);
        self.program.tell(types::host {
            syncookies: case.syncookies,
            looked_at: if case.is_stale { now - 10_000_000_000 } else { HOST.looked_at },
            generation,
            ..HOST
        });
        self.tell_way(case, source);
        self.tell_source(case, source, now);
        self.tell_networks(case, source, now);
        self.tell_rule(case);
        self.tell_lists(case, source, now)
    }

    fn tell_rates(&self, case: &Case, now: u64) {
        let word = |index: usize| if case.empty[index] { now + HOUR } else { 0 };
        let (map, first) = (&self.program.maps.data_rates, 0_u32.to_ne_bytes());
        let mut rates: types::rates =
            from_bytes(&map.lookup(&first, MapFlags::ANY).unwrap().unwrap()).unwrap();
        rates.pass.full_at = word(0);
        rates.unchallenged.full_at = word(1);
        rates.forwarded.full_at = word(2);
        rates.challenges.full_at = word(3);
        map.update(&first, as_bytes(&rates), MapFlags::ANY).unwrap();
    }

    fn tell_way(&self, case: &Case, source: IpAddr) {
        let next_hop = match case.next_hop {
            0 => NextHop::Sender,
            1 if case.is_by_gateway => NextHop::Gateway(CLIENT_MAC),
            1 => NextHop::Gateway([2, 0, 0, 0, 0, 7]),
            _ => NextHop::Route,
        };
        let rp_filter = case.rp_filter;
        self.program.tell_link(Link { group: 1, next_hop, max_mss: [0; 2], rp_filter });
        let route = |(group, is_default): (u32, bool)| {
            let group = (group != 0).then_some(group);
            let route = Route { next_hop: None, group, max_mss: 0, is_default };
            (IpNet::from(source), route)
        };
        self.program.tell_routes(&BTreeMap::from_iter(case.route.map(route)));
    }

    fn tell_source(&self, case: &Case, source: IpAddr, now: u64) {
        let program = &self.program;
        let addr = encode::source_addr(&program.policy, source);
        let service = program.policy.services.number_at(case.port()) as u32;
        let key = types::source_key { addr, service, ..Default::default() };
        // Buckets are 20 minutes away from the next token at least.
        let word = |halves: u64| if halves == 0 { 0 } else { now + halves * HOUR / 2 - HOUR / 4 };
        match case.entry {
            Some(missing) => {
                let entry = types::source {
                    syns_full_at: word(missing.syns),
                    connections_full_at: word(missing.connections),
                    last_connected: if missing.is_connected_lately { (now / SECOND) as u32 } else { 0 },
                    first_connected: missing.connected.map_or(0, |ago| (now / SECOND - ago) as u32 + 1),
                    ..Default::default()
                };
                program.maps.sources.update(as_bytes(&key), as_bytes(&entry), MapFlags::ANY).unwrap();
            }
            // It may be there of a SYN that was judged before.
            None => drop(program.maps.sources.delete(as_bytes(&key))),
        }
        let hash = encode::hash(&addr, program.secret.hash_key);
        if case.entry.is_some() || case.remembered.is_some() {
            enter_in_filter(program, hash);
        }
        let why = case.remembered.map(|why| match why {
            Refused::Syns => 1,
            Refused::Connections => 2,
        });
        let until = why.map_or(0, |why| (now + HOUR) & !127 | u64::from(service) << 2 | why);
        let refusal = types::refusal { source: addr, until, ..Default::default() };
        let refusals = &program.maps.refusals;
        let cpus = libbpf_rs::num_possible_cpus().unwrap() as u32;
        let bits = (refusals.max_entries() / cpus).ilog2();
        let slot = (hash >> (64 - bits)) as u32 ^ service;
        for cpu in 0..cpus {
            let index = (cpu << bits | slot).to_ne_bytes();
            refusals.update(&index, as_bytes(&refusal), MapFlags::ANY).unwrap();
        }
    }

    fn tell_networks(&self, case: &Case, source: IpAddr, now: u64) {
        let (map, service) =
            (&self.program.maps.networks, self.program.policy.services.number_at(case.port()));
        for key in map.keys() {
            map.delete(&key).unwrap();
        }
        for (step, of) in STEPS.iter().zip(case.networks) {
            let Some(of) = of else { continue };
            let half = HOUR / u64::from(step.multiple) / 2;
            let full_at = |missing: u64| if missing == 0 { 0 } else { now + missing * half - half / 2 };
            let entry = types::network {
                full_at: full_at(of.missing),
                old_full_at: full_at(of.missing_of_old),
                limited_since: now - of.limited_for * SECOND,
                last_refusal: now - of.refused_before * SECOND,
                ..Default::default()
            };
            let network = IpNet::new(source, step.prefix_of(source)).unwrap();
            let key = encode::network_key(&network, service as u32);
            map.update(as_bytes(&key), as_bytes(&entry), MapFlags::ANY).unwrap();
        }
        let flag = u32::from(case.limits_networks);
        self.program.maps.data_networks.update(&[0; 4], as_bytes(&flag), MapFlags::ANY).unwrap();
    }

    /// With counters at zero, so that its first match is no canary.
    fn tell_rule(&self, case: &Case) {
        let (maps, lock) = (&self.program.maps, Lock::wait().unwrap());
        rules::remove(maps, SLOT, &lock).unwrap();
        let Some(of) = case.rule else { return };
        let window = if of.matches { WINDOW } else { WINDOW + 1 };
        let entry = rules::Entry {
            rule: format!("ipv4,window={window}").parse().unwrap(),
            is_in_force: of.is_in_force,
            is_learned: false,
            hits: 0,
            bound: 0.0,
            covered: 0.0,
            since: 1,
            until: None,
        };
        rules::put(maps, SLOT, &entry, &lock).unwrap();
    }

    fn tell_lists(&self, case: &Case, source: IpAddr, now: u64) -> Made {
        let mut writer = Writer::alone(self.program.maps.lists()).unwrap();
        let mut live_entries = BTreeMap::new();
        let mut of_files = BTreeMap::new();
        for of in &case.lists {
            let network = IpNet::from(source);
            let network = IpNet::new(source, network.prefix_len() - of.wider).unwrap().trunc();
            if of.is_live {
                let until = of.until.map(|hours| now.saturating_add_signed(hours * HOUR as i64));
                let (note, listed) = (String::new(), of.listed);
                let entry = live::Entry { network, listed, until, added: 0, note, syns: 0 };
                live_entries.insert(network, entry);
            } else {
                let entry = files::Entry { listed: of.listed, origin: files::OPTION, line: 0 };
                of_files.insert(network, entry);
            }
        }
        files::apply(&mut writer, &of_files).unwrap();
        let entries: Vec<_> = live_entries.into_values().collect();
        live::enter(&mut writer, &entries).unwrap();
        Made { live: entries.iter().map(|entry| entry.network).collect() }
    }

    fn forget(&self, made: &Made) {
        live::remove(&mut Writer::alone(self.program.maps.lists()).unwrap(), &made.live).unwrap();
    }

    /// This CPU's share of answers to the source is spent in this tick. Returns the tick.
    fn spend_ration(&self, source: IpAddr) -> u32 {
        const PER_TICK: u16 = 128;
        let addr = encode::source_addr(&self.program.policy, source);
        let index = (encode::hash(&addr, self.program.secret.hash_key) >> 52) as u32;
        let tick = tick();
        // struct ration.
        let spent = [&tick.to_ne_bytes()[..], &PER_TICK.to_ne_bytes(), &[0; 2]].concat();
        let cpus = libbpf_rs::num_possible_cpus().unwrap();
        let of_each = vec![spent; cpus];
        let rations = &self.program.maps.rations;
        rations.update_percpu(&index.to_ne_bytes(), &of_each, MapFlags::ANY).unwrap();
        tick
    }

    /// What `explain` concludes, where the things that it cannot know are as the case has them.
    fn explained(&self, case: &Case, source: IpAddr) -> Reason {
        let (program, policy) = (&self.program, &self.program.policy);
        let tables = Tables::from(&*program.maps);
        let to = case.destination(source);
        let situation = Situation::read(tables, policy, source).unwrap();
        let question = Question {
            policy,
            source,
            port: case.port(),
            to: Some(to),
            is_for_this_host: is_own(tables, to).unwrap(),
            link: link(tables, LOOPBACK).unwrap(),
        };
        let mut facts = situation.facts(&question);
        facts.has_queue_room = case.to != To::FullListener;
        facts.has_ration = case.has_ration;
        for doubt in situation.doubts(&question) {
            match doubt {
                judge::Doubt::Remembered(why) => facts.remembered = Some(why),
                judge::Doubt::LooksLikeRule => {
                    facts.rules.is_matched = case.rule.is_some_and(|rule| rule.matches);
                }
                judge::Doubt::NotByGateway(way) if !case.is_by_gateway => facts.way = way,
                _ => {}
            }
        }
        judge::judge(&facts, &question.syn(), &mut situation.state(&question)).reason
    }

    fn compare(&self, case: &Case, number: u16) -> Result<Reason, TestCaseError> {
        let source = case.source(number);
        let made = self.tell(case, source, number.into());
        let explained = self.explained(case, source);
        let reason = loop {
            let spent_in = (!case.has_ration).then(|| self.spend_ration(source));
            let sequence_number = self.sequence_number.get() + 1;
            self.sequence_number.set(sequence_number);
            let reason = self.program.judge(&case.frame(source, sequence_number)).0;
            // Else the ration may have been that of the next tick.
            if spent_in.is_none_or(|spent_in| spent_in == tick()) {
                break reason;
            }
            self.tell(case, source, number.into());
        };
        self.forget(&made);
        prop_assert_eq!(&*reason, explained.name());
        Ok(explained)
    }
}

/// By the clock that the program reads.
fn tick() -> u32 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC_COARSE).unwrap();
    ((now.tv_sec() * 1_000_000_000 + now.tv_nsec()) >> 22) as u32
}

/// Returns the reasons that came up.
fn agrees(options: &[&str]) -> BTreeSet<&'static str> {
    let bench = Bench::new(options);
    let seen = std::cell::RefCell::new((0_u16, BTreeSet::new()));
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(80) };
    TestRunner::new(config)
        .run(&cases(), |case| {
            let mut seen = seen.borrow_mut();
            seen.0 += 1;
            let reason = bench.compare(&case, seen.0)?;
            seen.1.insert(reason.name());
            Ok(())
        })
        .unwrap();
    seen.into_inner().1
}

const SCARCE: [&str; 6] =
    ["--pass-rate", "1/h", "--unchallenged-rate", "1/h", "--challenge-rate", "1/h"];

#[test]
fn explain_concludes_what_the_program_does() {
    Netns::new("server").enter(|| {
        cpu::stay();
        std::fs::write("/proc/sys/net/ipv4/tcp_syncookies", "2").unwrap();
        let with = |options: &[&str]| agrees(&[&SCARCE[..], options].concat());
        let mut seen = with(&["--burst", "5", "--rate", "1/h"]);
        seen.extend(with(&["--burst", "5", "--rate", "1/h", "--challenge", "off"]));
        seen.extend(with(&["--burst", "2", "--rate", "1/h", "--dry-run", "--ipv4-prefix", "24"]));
        seen.extend(with(&["--burst", "2", "--rate", "1/h", "--cookies", "kernel"]));
        seen.extend(agrees(&[
            "--burst",
            "5",
            "--rate",
            "1/h",
            "--pass-rate",
            "0",
            "--unchallenged-rate",
            "0",
        ]));
        assert!(seen.len() >= 10, "the cases only led to {seen:?}");
        for reason in ["drop_network_limit", "drop_learned_rule"] {
            assert!(seen.contains(reason), "{seen:?}");
        }
    });
}

/// A SYN token takes 50 ms, which is nothing to what a case lacks of a full bucket.
#[test]
fn explain_concludes_what_the_program_does_without_a_limit_on_connections() {
    Netns::new("server").enter(|| {
        cpu::stay();
        let seen = agrees(&SCARCE);
        assert!(seen.len() >= 8, "the cases only led to {seen:?}");
    });
}
