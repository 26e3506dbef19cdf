// SPDX-License-Identifier: GPL-2.0-only
//! The lists: which entry decides about a SYN, when it ends, and that the filter in front of them never hides one.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use ipnet::IpNet;
use lab::frames::{SERVER, SERVER_PORT, SERVER6, segment};
use lab::netns::Netns;
use lab::program::{Program, now_ns, types};
use libbpf_rs::{MapCore, MapFlags};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use synflood_xdp::kernel::maps::lists::{self, Lock, Writer, files, live};
use synflood_xdp::kernel::skel::from_bytes;
use synflood_xdp::policy::Listed::{self, Allowed, Denied};
use synflood_xdp::policy::ListedBy;

/// Nothing but the lists refuses a SYN.
const OPTIONS: [&str; 8] =
    ["--challenge", "off", "--pass-rate", "0", "--burst", "1000000", "--rate", "1000000"];

fn syn(from: IpAddr) -> Vec<u8> {
    let to: IpAddr = if from.is_ipv4() { SERVER.into() } else { SERVER6.into() };
    segment((from, 40_000).into(), (to, SERVER_PORT).into(), &[], |tcp| tcp.syn = true)
}

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

fn judge(program: &Program, from: IpAddr) -> Option<Listed> {
    match &*program.judge(&syn(from)).0 {
        "drop_denied" => Some(Denied),
        "pass_allowed" => Some(Allowed),
        "pass_within_limit" => None,
        other => panic!("{other}"),
    }
}

fn writer(program: &Program) -> Writer<'_> {
    Writer::alone(program.maps.lists()).unwrap()
}

fn live_entry(network: IpNet, listed: Listed, until: Option<u64>) -> live::Entry {
    live::Entry { network, listed, until, added: 0, note: String::new(), syns: 0 }
}

fn enter(program: &Program, network: &str, listed: Listed, until: Option<u64>) {
    live::enter(&mut writer(program), &[live_entry(net(network), listed, until)]).unwrap();
}

fn remove(program: &Program, network: &str) {
    live::remove(&mut writer(program), &[net(network)].into()).unwrap();
}

fn of_file(listed: Listed) -> files::Entry {
    files::Entry { listed, origin: files::OPTION, line: 0 }
}

fn apply(program: &Program, wanted: &[(&str, Listed)]) -> files::Changes {
    let wanted = wanted.iter().map(|&(network, listed)| (net(network), of_file(listed))).collect();
    files::apply(&mut writer(program), &wanted).unwrap()
}

/// The SYNs that each network decided.
fn hits(program: &Program) -> BTreeMap<String, u64> {
    let entries = lists::read(program.maps.lists(), now_ns().unwrap()).unwrap();
    entries.iter().map(|entry| (entry.network.to_string(), entry.syns)).collect()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn the_longest_prefix_of_both_tables_decides() {
    let program = Program::load(&OPTIONS);
    apply(&program, &[("10.0.0.0/8", Denied), ("10.1.2.0/24", Denied), ("2001:db8::/32", Denied)]);
    enter(&program, "10.1.0.0/16", Allowed, None);
    enter(&program, "2001:db8:7::/48", Allowed, None);
    let verdicts = [
        ("10.9.9.9", Some(Denied)),
        ("10.1.9.9", Some(Allowed)),
        ("10.1.2.9", Some(Denied)),
        ("11.1.2.9", None),
        ("2001:db8::1", Some(Denied)),
        ("2001:db8:7::1", Some(Allowed)),
        ("2001:db9::1", None),
    ];
    for (from, verdict) in verdicts {
        assert_eq!(judge(&program, ip(from)), verdict, "{from}");
    }
    assert_eq!(hits(&program).into_values().sum::<u64>(), 5, "each counted once");
    assert_eq!(hits(&program)["10.1.0.0/16"], 1);
}

#[test]
fn a_live_entry_covers_a_files_of_the_same_network_and_uncovers_it() {
    let program = Program::load(&OPTIONS);
    apply(&program, &[("10.1.2.0/24", Denied)]);
    assert_eq!(judge(&program, ip("10.1.2.3")), Some(Denied));
    enter(&program, "10.1.2.0/24", Allowed, None);
    assert_eq!(judge(&program, ip("10.1.2.3")), Some(Allowed));
    let entries = lists::read(program.maps.lists(), 0).unwrap();
    let covered: Vec<_> = entries.iter().map(|entry| (entry.listed, entry.is_covered)).collect();
    assert_eq!(covered, [(Allowed, false), (Denied, true)]);
    remove(&program, "10.1.2.0/24");
    assert_eq!(judge(&program, ip("10.1.2.3")), Some(Denied));
}

#[test]
fn an_entry_that_is_over_uncovers_the_next_shorter_prefix_at_once() {
    let program = Program::load(&OPTIONS);
    apply(&program, &[("10.0.0.0/8", Denied)]);
    let past = Some(1);
    enter(&program, "10.1.0.0/16", Allowed, None);
    for network in ["10.1.2.0/24", "10.1.2.3/32", "2001:db8::/32"] {
        enter(&program, network, Denied, past);
    }
    assert_eq!(judge(&program, ip("10.1.2.3")), Some(Allowed), "not the file's, which is shorter");
    assert_eq!(judge(&program, ip("2001:db8::1")), None);
    enter(&program, "10.1.0.0/16", Allowed, past);
    assert_eq!(judge(&program, ip("10.1.2.3")), Some(Denied));
    assert_eq!(hits(&program).len(), 1, "what is over is not shown");

    let now = now_ns().unwrap();
    assert_eq!(live::tidy(&mut writer(&program), now).unwrap().len(), 4);
    assert_eq!(live::read(program.maps.lists()).unwrap(), []);
    enter(&program, "192.0.2.0/24", Denied, Some(now_ns().unwrap() + 200_000_000));
    assert_eq!(judge(&program, ip("192.0.2.1")), Some(Denied));
    lab::wait_for("the entry to end", || judge(&program, ip("192.0.2.1")).is_none().then_some(()));
}

#[test]
fn many_that_are_over_hide_no_shorter_one() {
    let program = Program::load(&OPTIONS);
    enter(&program, "10.0.0.0/8", Denied, None);
    for bits in 17..=32 {
        let network = IpNet::new(ip("10.1.2.3"), bits).unwrap().trunc();
        enter(&program, &network.to_string(), Allowed, Some(1));
    }
    assert_eq!(judge(&program, ip("10.1.2.3")), Some(Denied));
}

#[test]
fn a_family_does_not_cover_the_other() {
    let program = Program::load(&OPTIONS);
    enter(&program, "::/0", Denied, None);
    assert_eq!(judge(&program, ip("10.1.2.3")), None);
    assert_eq!(judge(&program, ip("2001:db8::1")), Some(Denied));
    remove(&program, "::/0");
    enter(&program, "0.0.0.0/0", Denied, None);
    assert_eq!(judge(&program, ip("10.1.2.3")), Some(Denied));
    assert_eq!(judge(&program, ip("2001:db8::1")), None);
}

#[test]
fn only_the_difference_is_written_and_counts_are_kept() {
    let program = Program::load(&OPTIONS);
    let before = [("10.0.0.0/8", Denied), ("11.0.0.0/8", Denied), ("12.0.0.0/8", Denied)];
    assert_eq!(apply(&program, &before), files::Changes { entered: 3, removed: 0 });
    for from in ["10.0.0.1", "11.0.0.1", "12.0.0.1"] {
        judge(&program, ip(from));
    }
    assert_eq!(apply(&program, &before), files::Changes::default());
    let after = [("10.0.0.0/8", Denied), ("11.0.0.0/8", Allowed), ("13.0.0.0/8", Denied)];
    assert_eq!(apply(&program, &after), files::Changes { entered: 2, removed: 1 });
    let counts = [("10.0.0.0/8", 1), ("11.0.0.0/8", 0), ("13.0.0.0/8", 0)];
    assert_eq!(hits(&program), counts.map(|(network, hits)| (network.into(), hits)).into());
    assert_eq!(judge(&program, ip("12.0.0.1")), None);
    // The line of an entry may move: that is no change.
    let moved = BTreeMap::from([(net("10.0.0.0/8"), files::Entry { line: 7, ..of_file(Denied) })]);
    let changes = files::apply(&mut writer(&program), &moved).unwrap();
    assert_eq!(changes, files::Changes { entered: 0, removed: 2 });
    let found = files::get(program.maps.lists(), &net("10.0.0.0/8")).unwrap().unwrap();
    assert_eq!(found.entry.line, 7);
    assert_eq!(hits(&program), BTreeMap::from([("10.0.0.0/8".into(), 1)]));
}

#[test]
fn an_empty_list_costs_one_look() {
    let program = Program::load(&OPTIONS);
    let is_in_use = || {
        let state = program.maps.data_lists.lookup(&0_u32.to_ne_bytes(), MapFlags::ANY);
        from_bytes::<types::lists>(&state.unwrap().unwrap()).unwrap().in_use != 0
    };
    assert!(!is_in_use());
    enter(&program, "10.0.0.0/8", Denied, None);
    apply(&program, &[("10.0.0.0/8", Denied)]);
    remove(&program, "10.0.0.0/8");
    assert!(is_in_use());
    apply(&program, &[]);
    assert!(!is_in_use());
}

#[test]
fn an_entry_of_a_file_is_shown_with_its_line() {
    let program = Program::load(&OPTIONS);
    let mut writer = writer(&program);
    let files = ["/etc/first".into(), "/etc/second".into()];
    files::name_origins(&writer, &files).unwrap();
    let entry = files::Entry { listed: Denied, origin: 2, line: 7 };
    files::apply(&mut writer, &[(net("10.0.0.0/8"), entry)].into()).unwrap();
    let origin = ListedBy::File { path: Path::new("/etc/second").into(), line: 7 };
    assert_eq!(lists::read(program.maps.lists(), 0).unwrap()[0].origin, origin);
    let found = files::get(program.maps.lists(), &net("10.0.0.0/8")).unwrap().unwrap();
    assert_eq!((found.entry, found.origin), (entry, origin));
    assert_eq!(files::get(program.maps.lists(), &net("10.1.0.0/16")).unwrap(), None);
}

#[test]
fn a_full_table_is_refused_and_keeps_what_it_has() {
    let program = Program::load(&OPTIONS);
    let room = program.maps.live.max_entries();
    let entry = |host| live_entry(IpNet::from(IpAddr::V4(Ipv4Addr::from_bits(host))), Denied, None);
    let all: Vec<_> = (0..room).map(entry).collect();
    live::enter(&mut writer(&program), &all).unwrap();
    let error = live::enter(&mut writer(&program), &[entry(1), entry(room)]).unwrap_err().to_string();
    assert!(error.contains("room for 65536") && error.contains("there would be 65537"), "{error}");
    assert_eq!(live::get(program.maps.lists(), &entry(room).network).unwrap(), None);
    assert_eq!(live::enter(&mut writer(&program), &[entry(1)]).unwrap().len(), 1, "replaced");
}

#[test]
fn no_entry_is_missed_while_others_come_and_go() {
    let program = Program::load(&OPTIONS);
    Netns::new("lists").enter(|| {
        enter(&program, "10.1.2.0/24", Denied, None);
        enter(&program, "2001:db8::/32", Denied, None);
        let is_over = AtomicBool::new(false);
        let program = &program;
        let change = |own: IpNet| {
            while !is_over.load(Ordering::Relaxed) {
                let lock = Lock::wait().unwrap();
                let mut writer = Writer::new(program.maps.lists(), &lock).unwrap();
                live::enter(&mut writer, &[live_entry(own, Allowed, None)]).unwrap();
                drop(writer);
                drop(lock);
                let lock = Lock::wait().unwrap();
                let mut writer = Writer::new(program.maps.lists(), &lock).unwrap();
                live::remove(&mut writer, &[own].into()).unwrap();
            }
        };
        std::thread::scope(|scope| {
            for own in ["10.1.0.0/16", "10.1.2.3/32", "2001:db8::/48"] {
                scope.spawn(|| change(net(own)));
            }
            let verdicts = (0..1_000).flat_map(|_| ["10.1.2.9", "2001:db8:1::1"]);
            let missed = verdicts.filter(|from| judge(program, ip(from)) != Some(Denied)).count();
            is_over.store(true, Ordering::Relaxed);
            assert_eq!(missed, 0);
        });
    });
}

/// What happens to the lists.
#[derive(Debug, Clone)]
enum Event {
    Enter(IpNet, Listed, bool),
    Remove(prop::sample::Index),
    Tidy,
    Apply(BTreeMap<IpNet, Listed>),
}

/// Addresses that have long prefixes in common.
fn addresses() -> impl Strategy<Value = IpAddr> {
    let v4 = |first: u8| {
        (0..4_u32).prop_map(move |low| Ipv4Addr::from_bits((u32::from(first) << 24) + low * 33))
    };
    let v6 = prop_oneof![Just(0_u16), Just(1), Just(0x100)].prop_flat_map(|middle| {
        (0..3_u16).prop_map(move |low| Ipv6Addr::new(0x2001, 0xdb8, middle, 7, 0, 0, 0, low))
    });
    prop_oneof![
        prop_oneof![v4(10), v4(11), v4(138)].prop_map(IpAddr::V4),
        prop_oneof![v6, Just(Ipv6Addr::new(0x3000, 0, 0, 0, 0, 0, 0, 1))].prop_map(IpAddr::V6),
    ]
}

fn networks() -> impl Strategy<Value = IpNet> {
    (addresses(), 0..=128_u8).prop_map(|(address, bits)| {
        IpNet::new(address, if address.is_ipv4() { bits % 33 } else { bits }).unwrap().trunc()
    })
}

fn events() -> impl Strategy<Value = Event> {
    let verdicts = || prop_oneof![Just(Allowed), Just(Denied)];
    prop_oneof![
        6 => (networks(), verdicts(), prop::bool::weighted(0.3)).prop_map(|(a, b, c)| Event::Enter(a, b, c)),
        2 => any::<prop::sample::Index>().prop_map(Event::Remove),
        1 => Just(Event::Tidy),
        2 => btree_map(networks(), verdicts(), 0..6).prop_map(Event::Apply),
    ]
}

/// What the lists hold, without a program.
#[derive(Default)]
struct Model {
    /// Whether it is over, too.
    live: BTreeMap<IpNet, (Listed, bool)>,
    files: BTreeMap<IpNet, Listed>,
}

impl Model {
    fn happen(&mut self, event: &Event, program: &Program) {
        let mut writer = writer(program);
        match event {
            &Event::Enter(network, listed, is_over) => {
                self.live.insert(network, (listed, is_over));
                let entry = live_entry(network, listed, is_over.then_some(1));
                live::enter(&mut writer, &[entry]).unwrap();
            }
            Event::Remove(which) if !self.live.is_empty() => {
                let network = *self.live.keys().nth(which.index(self.live.len())).unwrap();
                self.live.remove(&network);
                live::remove(&mut writer, &[network].into()).unwrap();
            }
            Event::Remove(_) => {}
            Event::Tidy => {
                let before = self.live.len();
                self.live.retain(|_, (_, is_over)| !*is_over);
                let over = live::tidy(&mut writer, now_ns().unwrap()).unwrap();
                assert_eq!(over.len(), before - self.live.len());
            }
            Event::Apply(wanted) => {
                self.files = wanted.clone();
                let wanted = wanted.iter().map(|(&network, &listed)| (network, of_file(listed)));
                files::apply(&mut writer, &wanted.collect()).unwrap();
            }
        }
    }

    fn listed(&self, address: IpAddr) -> Option<Listed> {
        let live = self.live.iter().filter(|(_, (_, is_over))| !is_over);
        let live = live.map(|(network, (listed, _))| (network, true, *listed));
        let all = live.chain(self.files.iter().map(|(network, listed)| (network, false, *listed)));
        let covering = all.filter(|(network, ..)| network.contains(&address));
        covering
            .max_by_key(|(network, is_live, _)| (network.prefix_len(), *is_live))
            .map(|found| found.2)
    }
}

/// The program forgets no entry and invents none, whatever was entered and removed.
#[test]
fn the_program_agrees_with_the_model() {
    let program = Program::load(&OPTIONS);
    let mut runner = TestRunner::new(ProptestConfig::with_cases(40));
    runner
        .run(&(vec(events(), 1..12), vec(addresses(), 1..8)), |(events, froms)| {
            apply(&program, &[]);
            let left = live::read(program.maps.lists()).unwrap();
            live::remove(&mut writer(&program), &left.iter().map(|entry| entry.network).collect())
                .unwrap();
            let mut model = Model::default();
            for event in &events {
                model.happen(event, &program);
                for &from in &froms {
                    prop_assert_eq!(
                        judge(&program, from),
                        model.listed(from),
                        "{} after {:?}",
                        from,
                        event
                    );
                }
            }
            Ok(())
        })
        .unwrap();
}
