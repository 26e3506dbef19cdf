// SPDX-License-Identifier: GPL-2.0-only
//! The packets of a connection, as far as they are known before anybody has sent them.

use std::net::IpAddr;

use super::rules::{Item, Key, Operand};
use super::{Facts, Family};

pub const INVALID: u128 = 1;
pub const ESTABLISHED: u128 = 2;
pub const NEW: u128 = 8;
pub const UNTRACKED: u128 = 64;

const PSH: u128 = 0x08;
/// ECE and CWR.
const ECN: u128 = 0xc0;
const SYN: u128 = 0x02;
const ACK: u128 = 0x10;

/// `RTN_UNICAST` and `RTN_LOCAL`.
const UNICAST: u128 = 1;
const LOCAL: u128 = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    Syn,
    /// Without data.
    Ack,
    Data,
    SynAck,
    /// Data from the server.
    Reply,
}

impl Kind {
    pub fn is_from_client(self) -> bool {
        matches!(self, Self::Syn | Self::Ack | Self::Data)
    }

    pub fn has_syn(self) -> bool {
        matches!(self, Self::Syn | Self::SynAck)
    }
}

/// A packet on its way.
#[derive(Debug)]
pub struct Packet {
    pub kind: Kind,
    pub family: Family,
    /// The server's.
    pub port: u16,
    /// A bit as in nft's `ct state`.
    pub state: u128,
    /// In the direction of the packet that began the connection, as far as conntrack knows.
    pub is_original: bool,
    /// None if unknown.
    pub mark: Option<u128>,
    pub ct_mark: CtMark,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CtMark {
    /// There is no connection.
    None,
    Unknown,
    Number(u128),
}

/// What is known of a field.
#[derive(Debug, PartialEq)]
pub enum Value<'a> {
    Absent,
    /// Bits of `value` count where they are set in `known`.
    Number {
        value: u128,
        known: u128,
    },
    Within(u128, u128),
    Client,
    /// One of these that are of the family.
    Host(&'a [IpAddr], Family),
    Names(&'a [String]),
    Unknown,
}

/// What an unknown field may depend on. What may depend on more comes later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    Client,
    Packet,
    History,
}

impl Key {
    pub fn origin(&self) -> Origin {
        match self {
            Self::TcpFlags
            | Self::TcpHeader { .. }
            | Self::Length
            | Self::Mss
            | Self::TcpOption(_)
            | Self::Content(_)
            | Self::OfPacket(_) => Origin::Packet,
            Self::CtStatus | Self::CtMark | Self::Mark | Self::OfHistory(_) => Origin::History,
            _ => Origin::Client,
        }
    }
}

fn number<'a>(value: u128) -> Value<'a> {
    Value::Number { value, known: u128::MAX }
}

impl Packet {
    /// Before any rule or conntrack has seen it.
    pub fn new(kind: Kind, family: Family, port: u16) -> Self {
        let state = INVALID;
        Self { kind, family, port, state, is_original: true, mark: Some(0), ct_mark: CtMark::None }
    }

    /// What is known of each operand's field.
    pub fn values<'a>(&self, operands: &[Operand], facts: &'a Facts) -> Vec<Value<'a>> {
        operands.iter().map(|operand| self.value(&operand.key, facts)).collect()
    }

    pub fn value<'a>(&self, key: &Key, facts: &'a Facts) -> Value<'a> {
        let from_client = self.kind.is_from_client();
        match key {
            Key::Protocol => number(6),
            Key::NfProto => number(if self.family == Family::V4 { 2 } else { 10 }),
            Key::EtherType => number(if self.family == Family::V4 { 0x0800 } else { 0x86dd }),
            Key::Source(family) | Key::Destination(family) if *family != self.family => Value::Absent,
            Key::Source(_) if from_client => Value::Client,
            Key::Destination(_) if !from_client => Value::Client,
            Key::Source(_) | Key::Destination(_) => Value::Host(&facts.addresses, self.family),
            Key::SourcePort if from_client => Value::Within(1, 65535),
            Key::DestinationPort if !from_client => Value::Within(1, 65535),
            Key::SourcePort | Key::DestinationPort => number(self.port.into()),
            Key::InInterface if !from_client => Value::Absent,
            Key::OutInterface if from_client => Value::Absent,
            Key::InInterface | Key::OutInterface => Value::Names(&facts.interfaces),
            Key::TcpFlags => self.tcp_header(104, 8),
            Key::TcpHeader { offset, length } => self.tcp_header(*offset, *length),
            Key::Length => self.length(),
            Key::Mss if self.kind.has_syn() => Value::Within(0, 65535),
            Key::Mss => Value::Absent,
            Key::Content(_) if !matches!(self.kind, Kind::Data | Kind::Reply) => number(0),
            // MSS, window scale, SACK permitted.
            Key::TcpOption(2..=4) if !self.kind.has_syn() => number(0),
            Key::CtState => number(self.state),
            // Neither expected, nor translated, nor dying; seen, assured and confirmed depend.
            Key::CtStatus if self.state & (INVALID | UNTRACKED) == 0 => {
                Value::Number { value: 0, known: !0b1110 }
            }
            Key::CtStatus => Value::Absent,
            Key::CtDirection if self.state & (INVALID | UNTRACKED) == 0 => {
                number(u128::from(!self.is_original))
            }
            Key::CtPort if self.state & (INVALID | UNTRACKED) == 0 => {
                match self.is_original == from_client {
                    true => number(self.port.into()),
                    false => Value::Within(1, 65535),
                }
            }
            Key::CtDirection | Key::CtPort => Value::Absent,
            Key::CtMark => match self.ct_mark {
                CtMark::None => Value::Absent,
                CtMark::Unknown => Value::Unknown,
                CtMark::Number(mark) => number(mark),
            },
            Key::Mark => self.mark.map_or(Value::Unknown, number),
            Key::SourceType => number(if from_client { UNICAST } else { LOCAL }),
            Key::DestinationType => number(if from_client { LOCAL } else { UNICAST }),
            Key::Ipsec if !facts.has_ipsec => number(0),
            Key::Never => Value::Absent,
            _ => Value::Unknown,
        }
    }

    /// Bits of the TCP header. Of its first 16 octets, ports and flags are known.
    fn tcp_header<'a>(&self, offset: u32, length: u32) -> Value<'a> {
        // The length of the header, in words.
        if (offset, length) == (96, 4) {
            return Value::Within(5, 15);
        }
        if length == 0 || offset + length > 128 {
            return Value::Unknown;
        }
        let flags = match self.kind {
            Kind::Syn => SYN,
            Kind::SynAck => SYN | ACK,
            Kind::Ack | Kind::Data | Kind::Reply => ACK,
        };
        // The last segment of what is written at once has a PSH. A SYN may ask for ECN.
        let known = match self.kind {
            Kind::Data | Kind::Reply => 0xff & !PSH,
            Kind::Syn | Kind::SynAck => 0xff & !ECN,
            Kind::Ack => 0xff,
        };
        let port_at = if self.kind.is_from_client() { 96 } else { 112 };
        let value = u128::from(self.port) << port_at | flags << 16;
        let known = 0xffff << port_at | known << 16;
        let shift = 128 - offset - length;
        let mask = if length == 128 { u128::MAX } else { (1 << length) - 1 };
        Value::Number { value: value >> shift & mask, known: known >> shift | !mask }
    }

    /// Headers without options of IP, and at most 40 octets of options of TCP.
    fn length<'a>(&self) -> Value<'a> {
        let ip = if self.family == Family::V4 { 20 } else { 40 };
        match self.kind {
            Kind::Syn | Kind::Ack | Kind::SynAck => Value::Within(ip + 20, ip + 60),
            Kind::Data | Kind::Reply => Value::Within(ip + 21, 65535 + 40),
        }
    }
}

/// Whether the values of the operands are the items of an element, one by one; None if one is not, so that
/// the packet is not this element.
pub fn compare_all(
    values: &[Value],
    operands: &[Operand],
    element: &[Item],
) -> Option<Vec<Option<bool>>> {
    let answers = values.iter().zip(operands).zip(element);
    let answers: Vec<_> =
        answers.map(|((value, operand), item)| compare(value, operand.mask, item)).collect();
    (!answers.is_empty() && !answers.contains(&Some(false))).then_some(answers)
}

/// Whether the value is the item; None if it depends.
fn compare(value: &Value, mask: Option<u128>, item: &Item) -> Option<bool> {
    match (value, item) {
        (_, Item::Any) => Some(true),
        (Value::Absent, _) => Some(false),
        (_, Item::Unknown(_)) => None,
        (Value::Number { value, known }, Item::Range(low, high)) => {
            let mask = mask.unwrap_or(u128::MAX);
            compare_bits(value & mask, known | !mask, *low, *high)
        }
        (Value::Within(first, last), Item::Range(low, high)) if mask.is_none() => {
            compare_range(*first, *last, *low, *high)
        }
        (Value::Host(addresses, family), Item::Range(low, high)) => {
            let mask = mask.unwrap_or(u128::MAX);
            let is_v4 = *family == Family::V4;
            all_or_none(addresses.iter().filter(|address| address.is_ipv4() == is_v4).map(|address| {
                let number = number_of(*address) & mask;
                *low <= number && number <= *high
            }))
        }
        (Value::Names(names), Item::Name(pattern)) => {
            all_or_none(names.iter().map(|name| match pattern.strip_suffix('*') {
                Some(beginning) => name.starts_with(beginning),
                None => name == pattern,
            }))
        }
        _ => None,
    }
}

fn compare_bits(value: u128, known: u128, low: u128, high: u128) -> Option<bool> {
    if low == high && (value ^ low) & known != 0 {
        return Some(false);
    }
    compare_range(value & known, value & known | !known, low, high)
}

fn compare_range(first: u128, last: u128, low: u128, high: u128) -> Option<bool> {
    if last < low || high < first {
        Some(false)
    } else if low <= first && last <= high {
        Some(true)
    } else {
        None
    }
}

/// What all answers say; None if they differ, or if there is none.
fn all_or_none(answers: impl Iterator<Item = bool>) -> Option<bool> {
    answers.map(Some).reduce(|all, answer| if all == answer { all } else { None }).flatten()
}

pub fn number_of(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u32::from(address).into(),
        IpAddr::V6(address) => address.into(),
    }
}
