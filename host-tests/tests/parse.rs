// SPDX-License-Identifier: GPL-2.0-only
//! The parser on arbitrary bytes, under sanitizers that end it at the first byte read beyond a frame.

use std::io::Write;
use std::net::Ipv6Addr;
use std::process::{Command, Output, Stdio};

use etherparse::{
    EtherType, Ethernet2Header, IpFragOffset, Ipv4Header, Ipv4Options, Ipv6FragmentHeader, Ipv6Header,
    Ipv6RawExtHeader, TcpHeader, ip_number,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

const PORT: u16 = 8080;
const SOURCE4: [u8; 4] = [192, 0, 2, 7];
const SOURCE6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 2, 3, 4, 5, 6);

/// enum reason: 0 goes on to the policy, and this alone.
const UNDECIDED: u32 = 0;
const TCP_LEN: usize = TcpHeader::MIN_LEN;

/// What the parser said of one frame.
#[derive(Debug, PartialEq, Eq)]
struct Verdict {
    reason: u32,
    family: u32,
    source: u128,
    port: u16,
}

fn run(argument: &str, frames: &[Vec<u8>]) -> Output {
    let mut parser = Command::new(env!("PARSER"))
        .arg(argument)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = parser.stdin.take().unwrap();
    let input: Vec<u8> = frames
        .iter()
        .flat_map(|frame| [&(frame.len() as u32).to_ne_bytes(), &frame[..]].concat())
        .collect();
    std::thread::scope(|scope| {
        // A parser that a sanitizer ended reads no more: its output will tell.
        scope.spawn(move || stdin.write_all(&input).ok());
        parser.wait_with_output().unwrap()
    })
}

fn parse(frames: &[Vec<u8>]) -> Vec<Verdict> {
    let output = run("parse", frames);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let verdicts: Vec<_> = text.lines().map(verdict).collect();
    assert_eq!(verdicts.len(), frames.len());
    verdicts
}

fn verdict(line: &str) -> Verdict {
    let fields: Vec<&str> = line.split(' ').collect();
    Verdict {
        reason: fields[0].parse().unwrap(),
        family: fields[1].parse().unwrap(),
        source: u128::from_str_radix(fields[2], 16).unwrap(),
        port: fields[3].parse().unwrap(),
    }
}

/// What may stand between IPv6 and TCP.
#[derive(Debug, Clone)]
enum Extension {
    /// Eight bytes and eight for each of these.
    Options(usize),
    AtomicFragment,
}

/// A well-formed SYN in one of its many shapes.
#[derive(Debug, Clone)]
struct Shape {
    tags: usize,
    /// None: IPv4.
    chain: Option<Vec<Extension>>,
    /// 32-bit words of IPv4 and of TCP options.
    ip_options: usize,
    tcp_options: usize,
    payload: usize,
}

fn any_shape() -> impl Strategy<Value = Shape> {
    let extension =
        prop_oneof![(0..20_usize).prop_map(Extension::Options), Just(Extension::AtomicFragment)];
    let chain = prop::option::of(prop::collection::vec(extension, 0..=8));
    (0..=2_usize, chain, 0..=10_usize, 0..=10_usize, 0..100_usize).prop_map(
        |(tags, chain, ip_options, tcp_options, payload)| Shape {
            tags,
            chain,
            ip_options,
            tcp_options,
            payload,
        },
    )
}

impl Shape {
    fn frame(&self) -> Vec<u8> {
        let mut frame = Ethernet2Header { ether_type: self.tag_or_network(0), ..Default::default() }
            .to_bytes()
            .to_vec();
        for tag in 1..=self.tags {
            frame.extend([0, 0]);
            frame.extend(self.tag_or_network(tag).0.to_be_bytes());
        }
        frame.extend(self.packet());
        frame
    }

    /// What the header number `depth` says of the one behind it.
    fn tag_or_network(&self, depth: usize) -> EtherType {
        match (depth < self.tags, &self.chain) {
            (true, _) => EtherType::VLAN_TAGGED_FRAME,
            (false, None) => EtherType::IPV4,
            (false, Some(_)) => EtherType::IPV6,
        }
    }

    fn packet(&self) -> Vec<u8> {
        let mut tcp = TcpHeader { syn: true, ..TcpHeader::new(50_000, PORT, 1, 1000) };
        tcp.set_options_raw(&vec![1; 4 * self.tcp_options]).unwrap();
        let mut payload = tcp.to_bytes().to_vec();
        payload.extend(vec![0xaa; self.payload]);
        let Some(chain) = &self.chain else {
            let mut ip = Ipv4Header::new(0, 64, ip_number::TCP, SOURCE4, [10, 0, 0, 1]).unwrap();
            ip.options = Ipv4Options::try_from(&vec![1; 4 * self.ip_options][..]).unwrap();
            ip.set_payload_len(payload.len()).unwrap();
            return [&ip.to_bytes()[..], &payload].concat();
        };
        let mut next = ip_number::TCP;
        for extension in chain.iter().rev() {
            let header = match extension {
                Extension::Options(words) => Ipv6RawExtHeader::new_raw(next, &vec![0; 6 + 8 * words])
                    .unwrap()
                    .to_bytes()
                    .to_vec(),
                Extension::AtomicFragment => {
                    Ipv6FragmentHeader::new(next, IpFragOffset::ZERO, false, 1).to_bytes().to_vec()
                }
            };
            payload = [header, payload].concat();
            next = match extension {
                Extension::Options(_) => ip_number::IPV6_DESTINATION_OPTIONS,
                Extension::AtomicFragment => ip_number::IPV6_FRAGMENTATION_HEADER,
            };
        }
        let ip = Ipv6Header {
            next_header: next,
            payload_length: payload.len() as u16,
            source: SOURCE6.octets(),
            ..Default::default()
        };
        [&ip.to_bytes()[..], &payload].concat()
    }

    /// The bytes up to the end of TCP's options.
    fn headers_len(&self) -> usize {
        self.frame().len() - self.payload
    }

    fn expected(&self) -> Verdict {
        let (family, source) = match self.chain {
            None => (4, u128::from(std::net::Ipv4Addr::from(SOURCE4).to_ipv6_mapped())),
            Some(_) => (6, u128::from(SOURCE6)),
        };
        Verdict { reason: UNDECIDED, family, source, port: PORT }
    }
}

/// As many as `count`, always the same: a failure can be seen again.
fn samples<T: std::fmt::Debug>(strategy: impl Strategy<Value = T>, count: usize) -> Vec<T> {
    let mut runner = TestRunner::deterministic();
    (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

#[test]
fn the_sanitizer_is_awake() {
    let output = run("overread", &[vec![0; 13]]);
    assert!(!output.status.success());
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("heap-buffer-overflow"), "{error}");
}

#[test]
fn every_well_formed_syn_is_found() {
    let shapes = samples(any_shape(), 20_000);
    let frames: Vec<_> = shapes.iter().map(Shape::frame).collect();
    for (shape, verdict) in shapes.iter().zip(parse(&frames)) {
        assert_eq!(verdict, shape.expected(), "{shape:?}");
    }
}

/// Every shape at every length: a SYN only once all of its header is there.
#[test]
fn a_cut_header_is_never_a_syn() {
    for shape in samples(any_shape(), 200) {
        let frame = shape.frame();
        let cuts: Vec<_> = (0..=frame.len()).map(|len| frame[..len].to_vec()).collect();
        for (len, verdict) in parse(&cuts).iter().enumerate() {
            let complete = len >= shape.headers_len();
            assert_eq!(verdict.reason == UNDECIDED, complete, "{shape:?}, {len} bytes: {verdict:?}");
        }
    }
}

#[test]
fn arbitrary_and_damaged_bytes_are_read_within_bounds() {
    let mut frames = samples(prop::collection::vec(any::<u8>(), 0..200), 50_000);
    // Arbitrary bytes rarely get past the EtherType: damage what does.
    let damage =
        (any_shape(), prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4));
    frames.extend(samples(damage, 50_000).into_iter().map(|(shape, changes)| {
        let mut frame = shape.frame();
        for (at, byte) in changes {
            let at = at.index(frame.len());
            frame[at] = byte;
        }
        frame
    }));
    for (frame, verdict) in frames.iter().zip(parse(&frames)) {
        if verdict.reason == UNDECIDED {
            assert!(matches!(verdict.family, 4 | 6), "{verdict:?}: {frame:02x?}");
            assert!(
                frame.len() >= Ethernet2Header::LEN + Ipv4Header::MIN_LEN + TCP_LEN,
                "{frame:02x?}"
            );
        }
    }
}
