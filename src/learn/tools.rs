// SPDX-License-Identifier: GPL-2.0-only
//! SYNs for tests: as a Linux host sends them, and as simple flood tools do.

use proptest::prelude::*;

use super::answered::Known;
use super::rule::Rule;
use super::syn::{
    ACK, DATA_OFFSET, FLAGS, FRAGMENT, Family, ID, LENGTH, OPTIONS, PORT, SEQUENCE, SOURCE_PORT,
    SYN_LEN, Syn, TTL, WINDOW,
};

/// SYNs of honest clients, each of another network.
pub fn apart(syns: &[Syn]) -> Vec<Known> {
    let networks = 0_u128..;
    syns.iter().zip(networks).map(|(syn, network)| Known { syn: *syn, network }).collect()
}

/// Draws what is random in a SYN.
pub struct Maker(fastrand::Rng);

impl Maker {
    pub fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    pub fn many(seed: u64, count: usize, kind: impl Fn(&mut Self) -> Syn) -> Vec<Syn> {
        let mut maker = Self::new(seed);
        (0..count).map(|_| kind(&mut maker)).collect()
    }

    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.0.usize(..of.len())]
    }

    fn fill(&mut self, syn: &mut Syn, at: std::ops::Range<usize>) {
        self.0.fill(&mut syn.bytes[at]);
    }

    fn base(&mut self, options: &[u8]) -> Syn {
        let mut syn = Syn { family: Family::Ipv4, bytes: [0; SYN_LEN] };
        syn.bytes[TTL] = 63 - self.0.u8(5..25);
        syn.bytes[LENGTH + 1] = 40 + options.len() as u8;
        set(&mut syn, PORT, 443);
        set(&mut syn, SOURCE_PORT, self.0.u16(32768..61000));
        self.fill(&mut syn, ID..FRAGMENT);
        self.fill(&mut syn, SEQUENCE..ACK);
        syn.bytes[DATA_OFFSET] = (5 + options.len() as u8 / 4) << 4;
        syn.bytes[FLAGS] = 2;
        syn.bytes[OPTIONS..OPTIONS + options.len()].copy_from_slice(options);
        syn
    }
}

pub fn set(syn: &mut Syn, at: usize, number: u16) {
    syn.bytes[at..at + 2].copy_from_slice(&number.to_be_bytes());
}

/// A Linux host, behind networks of several MSS.
pub fn linux(maker: &mut Maker) -> Syn {
    let mut options = [2, 4, 0, 0, 4, 2, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 3, 7];
    let mss: u16 = maker.pick(&[1460, 1460, 1460, 1452, 1440, 1400]);
    options[2..4].copy_from_slice(&mss.to_be_bytes());
    maker.0.fill(&mut options[8..12]);
    let mut syn = maker.base(&options);
    set(&mut syn, WINDOW, 64240 / mss * mss);
    syn.bytes[FRAGMENT] = 0x40;
    syn
}

/// A Windows host.
pub fn windows(maker: &mut Maker) -> Syn {
    let mut syn = maker.base(&[2, 4, 5, 0xb4, 1, 3, 3, 8, 1, 1, 4, 2]);
    syn.bytes[TTL] += 64;
    set(&mut syn, WINDOW, 64240);
    syn.bytes[FRAGMENT] = 0x40;
    syn
}

/// Both.
pub fn honest(maker: &mut Maker) -> Syn {
    if maker.0.bool() { linux(maker) } else { windows(maker) }
}

/// hping3 --flood --rand-source: window 512, no options, and an acknowledgement number that is random.
pub fn hping3(maker: &mut Maker) -> Syn {
    let mut syn = maker.base(&[]);
    set(&mut syn, WINDOW, 512);
    maker.fill(&mut syn, ACK..OPTIONS);
    maker.fill(&mut syn, SOURCE_PORT..DATA_OFFSET);
    syn
}

/// A tool that sends a fixed identification, as ZMap does, and only an MSS.
pub fn zmap(maker: &mut Maker) -> Syn {
    let mut syn = maker.base(&[2, 4, 5, 0xb4]);
    syn.bytes[TTL] = 200 + maker.0.u8(..40);
    set(&mut syn, WINDOW, 65535);
    set(&mut syn, ID, 54321);
    syn
}

/// A tool that sends one sequence number to one server and else copies Linux, as Mirai does.
pub fn mirai(maker: &mut Maker) -> Syn {
    let mut syn = linux(maker);
    syn.bytes[SEQUENCE..ACK].copy_from_slice(&[192, 0, 2, 7]);
    syn
}

/// The same over IPv6.
pub fn over_ipv6(maker: &mut Maker, kind: impl Fn(&mut Maker) -> Syn) -> Syn {
    let mut syn = Syn { family: Family::Ipv6, ..kind(maker) };
    // The payload's length, and the flow label.
    let length = syn.number16(LENGTH) - 20;
    set(&mut syn, LENGTH, length);
    syn.bytes[ID] = 0;
    maker.fill(&mut syn, ID + 1..SOURCE_PORT);
    syn.bytes[ID + 1] &= 0x0f;
    syn
}

/// A tool that sends a kilobyte with each SYN.
pub fn big(maker: &mut Maker) -> Syn {
    let mut syn = maker.base(&[]);
    set(&mut syn, LENGTH, 1040);
    maker.fill(&mut syn, WINDOW..PORT);
    syn
}

/// Any rule that matches something: bytes are demanded whole, by half, by some bits, or not.
pub fn rules() -> impl Strategy<Value = Rule> {
    let mask = prop_oneof![4 => Just(0_u8), 3 => Just(0xff), 1 => Just(0xf0), 1 => Just(0xe0), 1 => any::<u8>()];
    let bytes = proptest::collection::vec((mask, any::<u8>()), SYN_LEN);
    (any::<bool>(), bytes, 0..SYN_LEN).prop_map(|(is_ipv4, bytes, at)| {
        let family = if is_ipv4 { Family::Ipv4 } else { Family::Ipv6 };
        let bytes = bytes.into_iter().enumerate();
        let rule =
            bytes.fold(Rule::any(family), |rule, (at, (mask, value))| rule.with(at, mask, value));
        rule.with(at, 0xff, 7)
    })
}
