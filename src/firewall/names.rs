// SPDX-License-Identifier: GPL-2.0-only
//! The words that the tools have for numbers.

use super::rules::Key;

/// What `word` means where `key` is compared. None if it is not known.
pub fn number(word: &str, key: &Key) -> Option<u128> {
    match key {
        Key::Protocol => Some(protocol(word)),
        Key::NfProto => find(&[("ipv4", 2), ("ipv6", 10)], word),
        Key::EtherType => find(&[("ip", 0x0800), ("ip6", 0x86dd), ("arp", 0x0806)], word).or(Some(0)),
        Key::TcpFlags => tcp_flag(word),
        Key::CtState => ct_state(word),
        Key::CtStatus => ct_status(word),
        Key::CtDirection => find(&[("original", 0), ("reply", 1)], word),
        Key::SourceType | Key::DestinationType => address_type(word),
        _ => None,
    }
}

fn find(table: &[(&str, u128)], word: &str) -> Option<u128> {
    table.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|&(_, number)| number)
}

/// Any other protocol is as good as another.
pub fn protocol(word: &str) -> u128 {
    const OTHER: u128 = 255;
    word.parse().unwrap_or(if word.eq_ignore_ascii_case("tcp") { 6 } else { OTHER })
}

pub fn tcp_flag(word: &str) -> Option<u128> {
    const FLAGS: [(&str, u128); 11] = [
        ("none", 0),
        ("fin", 1),
        ("syn", 2),
        ("rst", 4),
        ("psh", 8),
        ("ack", 16),
        ("urg", 32),
        ("ece", 64),
        ("ecn", 64),
        ("cwr", 128),
        ("all", 0x3f),
    ];
    find(&FLAGS, word)
}

/// Bits as in nft's `ct state`.
pub fn ct_state(word: &str) -> Option<u128> {
    const STATES: [(&str, u128); 5] =
        [("invalid", 1), ("established", 2), ("related", 4), ("new", 8), ("untracked", 64)];
    find(&STATES, word)
}

pub fn ct_status(word: &str) -> Option<u128> {
    const STATUS: [(&str, u128); 9] = [
        ("none", 0),
        ("expected", 1),
        ("seen-reply", 2),
        ("seen_reply", 2),
        ("assured", 4),
        ("confirmed", 8),
        ("snat", 16),
        ("dnat", 32),
        ("dying", 512),
    ];
    find(&STATUS, word)
}

/// As `RTN_LOCAL` and so on.
pub fn address_type(word: &str) -> Option<u128> {
    const TYPES: [&str; 12] = [
        "unspec",
        "unicast",
        "local",
        "broadcast",
        "anycast",
        "multicast",
        "blackhole",
        "unreachable",
        "prohibit",
        "throw",
        "nat",
        "xresolve",
    ];
    (0..).zip(TYPES).find(|(_, name)| name.eq_ignore_ascii_case(word)).map(|(number, _)| number)
}
