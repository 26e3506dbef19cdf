// SPDX-License-Identifier: GPL-2.0-only
//! A flood of which not one SYN may reach the server's kernel: its source is denied. So every frame that does
//! was judged by nobody.

use std::net::Ipv4Addr;

use lab::defence::dump;
use lab::forger::Forger;
use lab::frames::ipv4;
use lab::pair::Pair;

pub const DENIED: &str = "203.0.113.9";

/// The options that deny the flood.
pub const OPTIONS: [&str; 4] = ["--iface", "eth0", "--deny", DENIED];

/// A SYN from this address to port 80 of the server.
pub fn syn_from(pair: &Pair, source: &str) -> Vec<u8> {
    let mut frame = ipv4(|ip, tcp| {
        ip.source = source.parse::<Ipv4Addr>().unwrap().octets();
        ip.destination = Pair::SERVER.parse::<Ipv4Addr>().unwrap().octets();
        tcp.destination_port = 80;
    });
    frame[..6].copy_from_slice(&pair.server.mac("eth0"));
    frame
}

pub struct Flood<'a> {
    pair: &'a Pair,
    forger: Forger,
}

impl<'a> Flood<'a> {
    /// As fast as one thread can.
    pub fn start(pair: &'a Pair) -> Self {
        Self { pair, forger: Forger::start(pair, "eth0", vec![syn_from(pair, DENIED)], None) }
    }

    pub fn sent(&self) -> u64 {
        self.forger.sent()
    }

    /// Ends it. Every SYN was judged and counted.
    #[track_caller]
    pub fn assert_judged(self) {
        let sent = self.forger.stop();
        assert_eq!(self.pair.arrived(DENIED), 0, "of {sent} SYNs: they reached the kernel");
        let dropped = &dump(self.pair, &[])["reasons"]["drop_denied"];
        assert_eq!(dropped, sent, "each is counted once");
        println!("{sent} SYNs, all of them judged");
    }
}

/// SYNs from 65,536 forged addresses, until it is dropped.
pub fn forged(pair: &Pair) -> Forger {
    let syn = |host: u32| syn_from(pair, &Ipv4Addr::from_bits(0x0a10_0000 + host).to_string());
    let mut frame = syn(0);
    let frames = (0..1 << 16).map(|host: u32| {
        // The last two octets of the source; the checksums are not looked at.
        frame[28..30].copy_from_slice(&(host as u16).to_be_bytes());
        frame.clone()
    });
    Forger::start(pair, "eth0", frames.collect(), Some(20_000))
}
