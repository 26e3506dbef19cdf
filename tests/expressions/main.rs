// SPDX-License-Identifier: GPL-2.0-only
//! What a rule is for other programs, against these programs: tcpdump selects exactly the packets that the rule
//! matches, and nft takes its match.

use std::fs::File;
use std::process::Command;

use lab::netns::Netns;
use pcap_file::DataLink;
use pcap_file::pcap::{PcapHeader, PcapPacket, PcapReader, PcapWriter};
use synflood_xdp::learn::{Family, Rule, Syn, nft, tcpdump};

const SEED: u64 = 14;
const RULES: usize = 60;
const PACKETS: usize = 200;

/// Fewer packets that rules match, and the test has tried nothing.
const LEAST_SELECTED: usize = 100;

/// A SYN with values of which several packets share each, and a payload behind it.
fn packet(rng: &mut fastrand::Rng, family: Family) -> Vec<u8> {
    let options_len = 4 * rng.usize(0..8);
    let payload_len = rng.usize(0..30);
    let mut few =
        |length: usize| (0..length).map(|_| [0, 1, 2, 0x81][rng.usize(0..4)]).collect::<Vec<u8>>();
    let mut tcp = few(20 + options_len + payload_len);
    tcp[12] = (5 + options_len as u8 / 4) << 4 | tcp[12] & 1;
    tcp[13] = 2 | tcp[13] & 1 | tcp[12] << 6;
    let mut ip = few(40);
    match family {
        Family::Ipv4 => {
            ip.truncate(20);
            ip[0] = 0x45;
            ip[2..4].copy_from_slice(&(20 + tcp.len() as u16).to_be_bytes());
            (ip[6], ip[7]) = (ip[6] << 6 & 0x40, 0);
            ip[9] = 6;
        }
        Family::Ipv6 => {
            ip[0] = 0x60 | ip[0] & 15;
            ip[4..6].copy_from_slice(&(tcp.len() as u16).to_be_bytes());
            ip[6] = 6;
        }
    }
    [ip, tcp].concat()
}

/// What a packet has at some places.
fn rule(rng: &mut fastrand::Rng, syn: &Syn) -> Rule {
    let mut rule = Rule::any(syn.family);
    for _ in 0..rng.usize(1..4) {
        let at = rng.usize(0..syn.bytes.len());
        let mask = [0xff, 0xff, 0xf0, 0xe0, 0x81][rng.usize(0..5)];
        rule = rule.with(at, mask, syn.bytes[at]);
    }
    rule
}

fn selected(capture: &str, filter: &str) -> Vec<Vec<u8>> {
    let asked = Command::new("tcpdump")
        .args(["-Z", "root", "-r", capture, "-w", "-", filter])
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&asked.stderr);
    assert!(asked.status.success(), "{filter}: {errors}");
    let mut reader = PcapReader::new(&asked.stdout[..]).unwrap();
    let mut packets = Vec::new();
    while let Some(packet) = reader.next_packet() {
        packets.push(packet.unwrap().data.into_owned());
    }
    packets
}

#[test]
fn tcpdump_selects_what_a_rule_matches() {
    for family in Family::ALL {
        let mut rng = fastrand::Rng::with_seed(SEED);
        let packets: Vec<Vec<u8>> = (0..PACKETS).map(|_| packet(&mut rng, family)).collect();
        let file = tempfile::NamedTempFile::new().unwrap();
        let header = PcapHeader { datalink: DataLink::RAW, ..PcapHeader::default() };
        let mut writer = PcapWriter::with_header(File::create(file.path()).unwrap(), header).unwrap();
        for packet in &packets {
            writer
                .write_packet(&PcapPacket::new_owned(
                    Default::default(),
                    packet.len() as u32,
                    packet.clone(),
                ))
                .unwrap();
        }
        drop(writer);
        let mut all = 0;
        for _ in 0..RULES {
            let (_, syn) = Syn::of_packet(&packets[rng.usize(0..PACKETS)]).unwrap();
            let rule = rule(&mut rng, &syn);
            let matched: Vec<_> = packets
                .iter()
                .filter(|packet| Syn::of_packet(packet).is_some_and(|(_, syn)| rule.matches(&syn)))
                .cloned()
                .collect();
            let found = selected(file.path().to_str().unwrap(), &tcpdump(&rule));
            assert_eq!(found.len(), matched.len(), "{rule}: {}", tcpdump(&rule));
            assert_eq!(found, matched, "{rule}: {}", tcpdump(&rule));
            all += matched.len();
        }
        assert!(all > LEAST_SELECTED, "{all}");
    }
}

#[test]
fn nft_takes_what_a_rule_is_in_its_words() {
    let mut rng = fastrand::Rng::with_seed(SEED);
    let mut ruleset = String::from("table inet t { chain c { type filter hook input priority 0;\n");
    let mut count = 0;
    for number in 0..4 * RULES {
        let (_, syn) = Syn::of_packet(&packet(&mut rng, Family::ALL[number % 2])).unwrap();
        if let Some(said) = nft(&rule(&mut rng, &syn)) {
            ruleset += &format!("{said} drop\n");
            count += 1;
        }
    }
    assert!(count > RULES, "{count}");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), ruleset + "}\n}\n").unwrap();
    Netns::new("nft").run("nft", &["-c", "-f", file.path().to_str().unwrap()]);
}
