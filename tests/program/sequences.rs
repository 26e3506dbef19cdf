// SPDX-License-Identifier: GPL-2.0-only
//! The shipped program against [`crate::model`], over random sequences of SYNs. Each token comes once in an hour, so
//! that time does not matter.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};

use lab::cpu;
use lab::frames::{SERVER, SERVER_MAC, SERVER_PORT, SERVER6, ipv4, ipv6};
use lab::netns::Netns;
use lab::program::{HOST, Port, Program, now_ns, types};
use libbpf_rs::{MapCore, MapFlags};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use synflood_xdp::judge::Rate;
use synflood_xdp::kernel::encode;
use synflood_xdp::kernel::skel::{as_bytes, from_bytes};

use crate::model::{Event, Left, Model, Sender, Service, Shape};

const HOUR: u64 = 3_600 * 1_000_000_000;
/// The bits of the service in `struct refusal`, without its time.
const SERVICE_OF_REFUSAL: u64 = 31 << 2;
/// To the first port of a service.
const UNCHALLENGED: u16 = 1;
const NOBODY_LISTENS: u16 = 2;
const UNPROTECTED: u16 = 3;
const SERVICES: [Service; 3] = [Service::None, Service::Web, Service::Ssh];

impl Service {
    fn first_port(self) -> u16 {
        SERVER_PORT + 10 * self.number() as u16
    }

    /// As the program has it.
    fn number(self) -> u32 {
        self as u32
    }

    fn name(self) -> Option<&'static str> {
        [None, Some("web"), Some("ssh")][self as usize]
    }

    /// The port to which SYNs of this shape go.
    fn port(self, shape: Shape) -> u16 {
        self.first_port()
            + match shape {
                Shape::Unchallenged => UNCHALLENGED,
                Shape::NobodyListens => NOBODY_LISTENS,
                Shape::Unprotected => UNPROTECTED,
                _ => 0,
            }
    }

    /// "90-92"
    fn ports(self) -> String {
        format!("{}-{}", self.first_port(), self.first_port() + NOBODY_LISTENS)
    }
}

/// The addresses of one sequence: no other sequence has them, so that the program need not be loaded again.
#[derive(Clone, Copy)]
struct Addresses(u16);

impl Addresses {
    fn of(self, sender: Sender) -> IpAddr {
        let [high, low] = self.0.to_be_bytes();
        let ipv4 = |first, last| Ipv4Addr::new(first, high, low, last).into();
        match sender {
            Sender::Ordinary(host) => ipv4(20, host),
            Sender::Ordinary6(host) => {
                Ipv6Addr::new(0x2001, 0xdb8, 7, self.0, 0, 0, 0, host.into()).into()
            }
            Sender::Allowed(host) => ipv4(30, host),
            Sender::Denied => ipv4(40, 1),
            Sender::Loopback => ipv4(127, 1),
        }
    }

    /// The key of a sender's entry.
    fn key(self, sender: Sender, service: Service) -> types::source_key {
        let address = match sender.source() {
            Sender::Ordinary6(_) => Ipv6Addr::new(0x2001, 0xdb8, 7, self.0, 0, 0, 0, 0).into(),
            other => self.of(other),
        };
        let addr = encode::address(address);
        types::source_key { addr, service: service.number(), ..Default::default() }
    }

    fn frame(self, sender: Sender, service: Service, shape: Shape) -> Vec<u8> {
        let port = service.port(shape);
        let edit = |tcp: &mut etherparse::TcpHeader| {
            tcp.destination_port = port;
            if shape == Shape::BadSignature {
                tcp.set_options_raw(&[19, 18, 0, 0]).unwrap();
            }
        };
        let mut frame = match self.of(sender) {
            IpAddr::V4(address) => ipv4(|ip, tcp| {
                ip.source = address.octets();
                if shape == Shape::ExtraHeaders {
                    ip.options = [1; 4].into();
                }
                edit(tcp);
            }),
            IpAddr::V6(address) => {
                let extra = [lab::frames::Extension::DestinationOptions];
                let chain = if shape == Shape::ExtraHeaders { &extra[..] } else { &[] };
                ipv6(chain, |ip, tcp| {
                    ip.source = address.octets();
                    edit(tcp);
                })
            }
        };
        if shape == Shape::Forwarded {
            frame[..6].copy_from_slice(&[2, 0, 0, 0, 0, 9]);
        }
        frame
    }
}

/// Full: zero.
fn refill(program: &Program, rates: impl Fn(&mut types::rates)) {
    let (map, first) = (&program.maps.data_rates, 0_u32.to_ne_bytes());
    let mut value: types::rates =
        from_bytes(&map.lookup(&first, MapFlags::ANY).unwrap().unwrap()).unwrap();
    rates(&mut value);
    map.update(&first, as_bytes(&value), MapFlags::ANY).unwrap();
}

/// Charges a source in the table as the trace point does, and lets all CPUs forget why they refused it.
fn connect(program: &Program, key: types::source_key, is_charged: bool) {
    let map = &program.maps.sources;
    let now = now_ns().unwrap();
    let found = map.lookup(as_bytes(&key), MapFlags::ANY).unwrap();
    let mut entry = found.map_or(
        types::source { syns_full_at: now, connections_full_at: now, ..Default::default() },
        |bytes| from_bytes(&bytes).unwrap(),
    );
    if is_charged {
        entry.connections_full_at = entry.connections_full_at.max(now) + HOUR;
    }
    map.update(as_bytes(&key), as_bytes(&entry), MapFlags::ANY).unwrap();

    let refusals = &program.maps.refusals;
    let cpus = libbpf_rs::num_possible_cpus().unwrap() as u32;
    let bits = (refusals.max_entries() / cpus).ilog2();
    let hash = encode::hash(&key.addr, program.secret.hash_key);
    for cpu in 0..cpus {
        let slot = (hash >> (64 - bits)) as u32 ^ key.service;
        let index = (cpu << bits | slot).to_ne_bytes();
        let slot = refusals.lookup(&index, MapFlags::ANY).unwrap().unwrap();
        let mut slot: types::refusal = from_bytes(&slot).unwrap();
        slot.until &= SERVICE_OF_REFUSAL;
        refusals.update(&index, as_bytes(&slot), MapFlags::ANY).unwrap();
    }
    enter_in_filter(program, hash);
}

/// As the program does with a source that gets an entry.
pub fn enter_in_filter(program: &Program, hash: u64) {
    let known = &program.maps.known;
    let bits = (known.max_entries() * 32).ilog2();
    let bit = hash >> (64 - bits);
    for filter in 0..2 {
        let index = ((bit | filter << bits) / 64) as u32;
        let word = known.lookup(&index.to_ne_bytes(), MapFlags::ANY).unwrap().unwrap();
        let word = u64::from_ne_bytes(word.try_into().unwrap()) | 1 << (bit % 64);
        known.update(&index.to_ne_bytes(), &word.to_ne_bytes(), MapFlags::ANY).unwrap();
    }
}

fn senders() -> impl Strategy<Value = Sender> {
    prop_oneof![
        6 => (0..2_u8).prop_map(Sender::Ordinary),
        3 => (0..2_u8).prop_map(Sender::Ordinary6),
        2 => (0..2_u8).prop_map(Sender::Allowed),
        1 => Just(Sender::Denied),
        1 => Just(Sender::Loopback),
    ]
}

fn events() -> impl Strategy<Value = Event> {
    let services = || prop::sample::select(&SERVICES[..]);
    let shapes = prop_oneof![
        6 => Just(Shape::Plain),
        1 => Just(Shape::Unprotected),
        2 => Just(Shape::Forwarded),
        2 => Just(Shape::Unchallenged),
        1 => Just(Shape::NobodyListens),
        1 => Just(Shape::ExtraHeaders),
        1 => Just(Shape::BadSignature),
    ];
    let rates = prop::sample::select(
        &[Rate::Pass, Rate::Pass, Rate::Unchallenged, Rate::Forwarded, Rate::Challenges][..],
    );
    prop_oneof![
        8 => (senders(), services(), shapes)
            .prop_map(|(sender, service, shape)| Event::Syn(sender, service, shape)),
        4 => rates.prop_map(Event::Refilled),
        1 => (senders(), services()).prop_map(|(sender, service)| Event::Connected(sender, service)),
    ]
}

/// Runs a sequence, and compares every reason, and at last every entry.
fn compare(
    program: &Program,
    mut model: Model<'_>,
    addresses: Addresses,
    events: &[Event],
) -> Result<(), TestCaseError> {
    refill(program, |rates| *rates = types::rates::default());
    for &event in events {
        match event {
            Event::Syn(sender, service, shape) => {
                let (reason, _) = program.judge(&addresses.frame(sender, service, shape));
                let from = (sender, addresses.of(sender));
                let expected = model.judge(from, (service, service.port(shape)), shape);
                prop_assert_eq!(reason, expected.name(), "{:?}", event);
            }
            Event::Connected(sender, service) => {
                model.connect(sender, service, service.first_port());
                let is_charged = !matches!(sender, Sender::Allowed(_));
                connect(program, addresses.key(sender, service), is_charged);
            }
            Event::Refilled(rate) => {
                *model.rates.word(rate) = 0;
                refill(program, |rates| match rate {
                    Rate::Pass => rates.pass.full_at = 0,
                    Rate::Unchallenged => rates.unchallenged.full_at = 0,
                    Rate::Forwarded => rates.forwarded.full_at = 0,
                    Rate::Challenges => rates.challenges.full_at = 0,
                });
            }
        }
    }
    let sources = program.sources();
    let found = |sender, service: Service| {
        let address = encode::ip(&addresses.key(sender, service).addr);
        sources.iter().find(|source| (source.address, source.service) == (address, service.name()))
    };
    for (sender, service, expected) in model.left(Service::first_port) {
        let found =
            found(sender, service).unwrap_or_else(|| panic!("{sender:?} at {service:?} has no entry"));
        let left = Left {
            syns: found.syns.tokens,
            connections: found.connections.unwrap().tokens,
            passed: found.passed,
            challenged: found.challenged,
            dropped: found.dropped,
        };
        prop_assert_eq!(left, expected, "of {:?} at {:?}", sender, service);
    }
    for service in SERVICES {
        let is_expected = model
            .left(Service::first_port)
            .any(|(sender, of, _)| (sender, of) == (Sender::Denied, service));
        prop_assert_eq!(found(Sender::Denied, service).is_some(), is_expected, "{:?}", service);
    }
    Ok(())
}

fn agrees_with_the_model(burst: u64, web_burst: u64, challenge: &str) {
    Netns::new("server").enter(|| {
        cpu::stay();
        let listen = |port| TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).unwrap();
        let ports = SERVICES.map(Service::first_port);
        let _listeners = ports.map(|port| [listen(port), listen(port + UNCHALLENGED)]);
        let protected = SERVICES.map(Service::ports).join(",");
        let web = format!("web={},burst={web_burst},rate=1/h", Service::Web.ports());
        let ssh = format!("ssh={},challenge=off", Service::Ssh.ports());
        let burst_word = burst.to_string();
        let limits = ["--burst", &burst_word, "--rate", "1/h", "--pass-rate", "1/h"];
        let rates = ["--unchallenged-rate", "1/h", "--challenge-rate", "1/h", "--challenge", challenge];
        let lists = ["--allow", "30.0.0.0/8", "--deny", "40.0.0.0/8", "--port", &protected];
        let services = ["--service", &web, "--service", &ssh];
        let program = Program::load(&[&limits[..], &rates, &lists, &services].concat());
        program.tell(types::host { syncookies: 1, ..HOST });
        program.own_mac(SERVER_MAC, 1500);
        program.own(SERVER.into());
        program.own(SERVER6.into());
        for (is_ipv6, port) in
            [false, true].into_iter().flat_map(|family| ports.map(|port| (family, port)))
        {
            let listens = Port { listens: true, ..Default::default() };
            program.tell_port(is_ipv6, port, listens);
            program.tell_port(is_ipv6, port + UNCHALLENGED, Port { is_unchallenged: true, ..listens });
        }
        let mut next = 0;
        let case = |events: Vec<Event>| {
            next += 1;
            compare(&program, Model::new(&program.policy), Addresses(next), &events)
        };
        let case = std::cell::RefCell::new(case);
        // A sequence has fewer SYNs than a source's ration.
        TestRunner::new(ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::with_cases(150)
        })
        .run(&vec(events(), 1..100), |events| case.borrow_mut()(events))
        .unwrap();
    });
}

#[test]
fn sequences_agree_with_the_model() {
    agrees_with_the_model(1, 2, "all");
    agrees_with_the_model(3, 1, "all");
}

#[test]
fn sequences_agree_with_the_model_without_challenges() {
    agrees_with_the_model(2, 3, "off");
}
