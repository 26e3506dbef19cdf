// SPDX-License-Identifier: GPL-2.0-only
//! What a dry run finds out of the needs of sources, from connections over loopback in a namespace of its own.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use lab::netns::Netns;
use lab::program::{Program, now_ns, types};
use lab::wait_for;
use libbpf_rs::{MapCore, MapFlags};
use socket2::{Domain, Socket, Type};
use synflood_xdp::kernel::maps::needs;
use synflood_xdp::kernel::maps::rescale::{self, Moment};
use synflood_xdp::kernel::skel::{as_bytes, from_bytes};
use synflood_xdp::kernel::sys;
use synflood_xdp::policy::{ADVISED_RATES, Need, Needs};
use synflood_xdp::show::notes::sentence;
use synflood_xdp::upkeep::DryRun;

const LOOPBACK: u32 = 1;
const WEB: u16 = 80;
const SSH: u16 = 22;

/// A server whose connections a dry run looks at.
struct Server {
    namespace: Netns,
    program: Program,
    _charger: OwnedFd,
    listeners: BTreeMap<u16, TcpListener>,
}

impl Server {
    fn start(options: &[&str]) -> Self {
        let namespace = Netns::new("advice");
        let options = [&["--dry-run"], options].concat();
        let program = namespace.enter(|| Program::load(&options));
        let devices = &program.maps.ip_devices;
        devices.update(&LOOPBACK.to_ne_bytes(), &[1], MapFlags::ANY).unwrap();
        let charger = sys::attach_tracing(program.programs.charge.as_fd()).unwrap();
        let listen = |port| (port, TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap());
        let listeners = namespace.enter(|| BTreeMap::from([WEB, SSH].map(listen)));
        Self { namespace, program, _charger: charger, listeners }
    }

    /// Opens a connection. Returns times before and after it stood.
    fn connect(&self, from: Ipv4Addr, port: u16) -> [u64; 2] {
        let connected = || self.program.counters().connected();
        let (count, before) = (connected(), now_ns().unwrap());
        let stream: TcpStream = self.namespace.enter(|| {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            socket.bind(&SocketAddr::from((from, 0)).into()).unwrap();
            socket.connect(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into()).unwrap();
            socket.into()
        });
        wait_for("the connection to be charged", || (connected() > count).then_some(()));
        let after = now_ns().unwrap();
        self.listeners[&port].accept().unwrap();
        drop(stream);
        [before, after]
    }

    fn needs(&self) -> Needs {
        needs_of(&self.program)
    }
}

fn needs_of(program: &Program) -> Needs {
    needs::read(&program.maps, &program.policy).unwrap()
}

fn source(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x7f01_0000 + number)
}

fn need(needs: &Needs, from: Ipv4Addr, service: usize) -> Option<&Need> {
    let is_it = |need: &&Need| (need.network.addr(), need.service) == (IpAddr::from(from), service);
    needs.sources.iter().find(is_it)
}

/// How many instructions load this map, or a variable in it (struct bpf_insn of a program that is shown).
fn uses(instructions: &[u8], map: u32) -> usize {
    const LOAD_64_BITS: u8 = 0x18;
    let (instructions, _) = instructions.as_chunks::<8>();
    let uses = |instruction: &&[u8; 8]| {
        let (source_register, immediate) = (instruction[1] >> 4, &instruction[4..]);
        instruction[0] == LOAD_64_BITS && source_register != 0 && immediate == map.to_ne_bytes()
    };
    instructions.iter().filter(uses).count()
}

#[test]
fn only_a_dry_run_has_code_and_memory_for_it() {
    for (options, room) in
        [(&["--service", "ssh=22"][..], 1), (&["--service", "ssh=22", "--dry-run"], 262_144)]
    {
        let program = Program::load(options);
        let is_dry_run = program.policy.dry_run;
        let maps = [&program.maps.needs, &program.maps.data_advice]
            .map(|map| sys::map_info(map.as_fd()).unwrap());
        assert_eq!(maps[0].max_entries, room, "{options:?}");
        let instructions = program.instructions();
        println!(
            "{options:?}: {:?}",
            BTreeMap::from_iter(instructions.iter().map(|(name, all)| (name, all.len() / 8)))
        );
        for (name, instructions) in instructions {
            let used = maps.iter().any(|map| uses(&instructions, map.id) > 0);
            let is_meant = is_dry_run && ["charge", "rescale"].contains(&name);
            assert_eq!(used, is_meant, "{options:?}: {name}");
            let counters = sys::map_info(program.maps.sources.as_fd()).unwrap().id;
            assert_eq!(uses(&instructions, counters) > 0, name != "inspect", "{name} uses the sources");
        }
    }
}

/// The highest fill of a source, ns, with connections that stood within these times: at least, and at most.
fn modelled(connections: &[[u64; 2]], interval: u64) -> [u64; 2] {
    let [mut low, mut high, mut least, mut most] = [0_u64; 4];
    let mut last = [0; 2];
    for &[before, after] in connections {
        low = low.saturating_sub(after - last[0]) + interval;
        high = high.saturating_sub(before.saturating_sub(last[1])) + interval;
        (least, most) = (least.max(low), most.max(high));
        last = [before, after];
    }
    [least, most]
}

#[test]
fn the_highest_fill_is_that_of_a_model() {
    let server = Server::start(&["--service", "ssh=22"]);
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut connections = BTreeMap::<_, Vec<_>>::new();
    for _ in 0..150 {
        let key = (source(random.u32(1..=3)), if random.bool() { 0 } else { 1 });
        let times = server.connect(key.0, if key.1 == 0 { WEB } else { SSH });
        connections.entry(key).or_default().push(times);
        if random.u8(..) < 30 {
            std::thread::sleep(Duration::from_millis(random.u64(1..200)));
        }
    }
    let needs = server.needs();
    assert_eq!((needs.sources.len(), needs.forgotten), (connections.len(), 0));
    let table = &server.program.maps.needs;
    for ((from, service), connections) in connections {
        let key = types::source_key {
            addr: synflood_xdp::kernel::encode::address(from.into()),
            service: service as u32,
            ..Default::default()
        };
        let entry = table.lookup(as_bytes(&key), MapFlags::ANY).unwrap().unwrap();
        let entry: types::need = from_bytes(&entry).unwrap();
        let need = need(&needs, from, service).unwrap();
        for (at, rate) in ADVISED_RATES.iter().enumerate() {
            let [least, most] = modelled(&connections, rate.interval_ns);
            let highest = entry.fills[at].highest;
            assert!(
                (least..=most).contains(&highest),
                "{from} at {rate}: {least} ≤ {highest} ≤ {most}"
            );
            assert_eq!(need.bursts[at], highest.div_ceil(rate.interval_ns) + 1);
        }
        // Tight enough to tell a connection from two.
        let [least, most] = modelled(&connections, ADVISED_RATES[0].interval_ns);
        assert!(most - least < ADVISED_RATES[0].interval_ns, "{least} to {most}");
    }
}

#[test]
fn who_is_on_a_list_does_not_count() {
    let server = Server::start(&["--allow", "127.1.0.1", "--deny", "127.1.0.2"]);
    for number in 1..=3 {
        server.connect(source(number), WEB);
    }
    let found: Vec<_> = server.needs().sources.iter().map(|need| need.network.addr()).collect();
    assert_eq!(found, [IpAddr::from(source(3))]);
}

#[test]
fn sources_without_room_are_counted() {
    const SOURCES: u32 = 1_000;
    let room = 128 * libbpf_rs::num_possible_cpus().unwrap() as u32;
    let server = Server::start(&["--max-sources", &room.to_string()]);
    for number in 1..=room.min(SOURCES / 2) / 2 {
        server.connect(source(number), WEB);
    }
    assert_eq!(server.needs().forgotten, 0);
    for number in 1..=room + 50 {
        server.connect(source(number), WEB);
    }
    let needs = server.needs();
    assert!(needs.forgotten >= 50, "{}", needs.forgotten);
    assert!(needs.sources.len() <= room as usize);
}

#[test]
fn a_successor_goes_on_where_it_can() {
    let server = Server::start(&["--service", "web=80", "--service", "ssh=22"]);
    server.connect(source(1), WEB);
    server.connect(source(1), SSH);
    let before = server.needs();
    assert_eq!((before.sources.len(), before.forgotten), (2, 0));

    let next = |options: &[&str]| server.program.successor(options);
    let since = |program: &Program| needs::elapsed(&program.maps).unwrap();
    let alike = next(&["--dry-run", "--burst", "9", "--rate", "9", "--service", "web=80"]);
    assert_eq!(needs_of(&alike).sources.len(), 1, "ssh is no service any more");
    for moment in [Moment::BeforeSwap, Moment::AfterSwap] {
        rescale::from(&alike, &server.program.policy, moment).unwrap();
    }
    let kept = needs_of(&alike);
    assert_eq!((kept.sources.len(), kept.forgotten), (1, 0), "its entries are gone, not forgotten");
    assert_eq!(server.needs().sources.len(), 1, "of the same table");
    assert!(since(&alike) >= before.elapsed);

    for (what, options) in [
        ("another kind of source", &["--dry-run", "--ipv4-prefix", "24"][..]),
        ("another size", &["--dry-run", "--max-sources", "1000"]),
    ] {
        let other = next(options);
        assert_eq!(needs_of(&other).sources.len(), 0, "{what}");
        assert!(since(&other) < since(&server.program), "{what}");
    }
    let in_earnest = next(&[]);
    assert_eq!(in_earnest.maps.needs.max_entries(), 1, "no memory is wasted");
    let again = in_earnest.successor(&["--dry-run"]);
    assert!(again.maps.needs.max_entries() > 1 && since(&again) < since(&server.program));
}

#[test]
fn it_is_told_once_when_enough_was_seen() {
    let enough = Duration::from_secs(600);
    let program = Program::load(&["--dry-run"]);
    let mut dry_run = DryRun::default();
    assert_eq!(dry_run.tick(&program, enough), []);
    let state = types::advice { since: now_ns().unwrap() - 600_000_000_000, entered: 0 };
    program.maps.data_advice.update(&0_u32.to_ne_bytes(), as_bytes(&state), MapFlags::ANY).unwrap();
    let told = dry_run.tick(&program, enough);
    assert_eq!(told.len(), 1);
    let said = sentence(&told[0]);
    assert!(said.contains("has seen 10m, enough for advice"), "{said}");
    assert_eq!(dry_run.tick(&program, enough), []);
    assert_eq!(DryRun::default().tick(&Program::load(&[]), Duration::ZERO), [], "it is none");
}
