// SPDX-License-Identifier: GPL-2.0-only
//! SYNs of real flood tools, captured (`tests/learn/captures`, made by its `make.sh`).

use std::fs::File;
use std::path::PathBuf;

use pcap_file::pcap::PcapReader;

/// The captures that are floods.
pub const TOOLS: [&str; 12] = [
    "hping3",
    "hping3-ports",
    "hping3-timestamp",
    "hping3-rand-dest",
    "nping",
    "masscan",
    "zmap",
    "scapy",
    "mausezahn",
    "trafgen",
    "t50",
    "mirai-like",
];

/// The file of a capture.
pub fn path(name: &str) -> PathBuf {
    let file = format!("{name}.pcap");
    [env!("CARGO_MANIFEST_DIR"), "..", "tests", "learn", "captures", &file].iter().collect()
}

/// Its Ethernet frames, in order. They have no VLAN tags.
pub fn frames(name: &str) -> Vec<Vec<u8>> {
    let mut reader = PcapReader::new(File::open(path(name)).unwrap()).unwrap();
    let mut frames = Vec::new();
    while let Some(packet) = reader.next_packet() {
        frames.push(packet.unwrap().data.into_owned());
    }
    frames
}
