// SPDX-License-Identifier: GPL-2.0-only
//! Rules in one form, whichever tool printed them.

use super::Family;

/// Where on its way a packet meets a chain. What is forwarded is no concern of a listener here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hook {
    Ingress,
    Prerouting,
    Input,
    Output,
    Postrouting,
}

/// All chains of all tables. A jump names its target by the place in this list.
#[derive(Debug, Default)]
pub struct Ruleset {
    pub chains: Vec<Chain>,
}

#[derive(Debug)]
pub struct Chain {
    /// For people, like "chain input of table inet filter".
    pub name: String,
    pub rules: Vec<Rule>,
    /// None if packets get here by a jump only.
    pub base: Option<Base>,
}

#[derive(Debug, Clone)]
pub struct Base {
    pub hook: Hook,
    pub priority: i64,
    /// Sees the first packet of a connection only.
    pub is_nat: bool,
    /// The policy.
    pub accepts: bool,
    /// None for both.
    pub family: Option<Family>,
    /// Sees packets only if the interface is a port of a bridge.
    pub is_bridge: bool,
    /// Empty for all.
    pub devices: Vec<String>,
    /// Whether the chain is in use is unknown.
    pub is_doubtful: bool,
}

#[derive(Debug, Clone)]
pub struct Rule {
    /// As its tool prints it.
    pub text: String,
    pub steps: Vec<Step>,
}

/// A rule is left at the first test that fails.
#[derive(Debug, Clone)]
pub enum Step {
    Test(Test),
    /// A verdict map. No entry: the rule goes on.
    Map {
        operands: Vec<Operand>,
        entries: Vec<(Vec<Item>, Verdict)>,
    },
    Do(Action),
    /// A look into the set or list of this name; true if it matters how often one is in it.
    Reads(String, bool),
    End(Verdict),
}

#[derive(Debug, Clone)]
pub enum Test {
    /// The operands, taken together, are one of the elements.
    In {
        operands: Vec<Operand>,
        elements: Vec<Vec<Item>>,
        negate: bool,
        /// The answer if the packet has no such field.
        if_absent: bool,
    },
    /// Lets only so many packets pass. It is known by its place in the rules.
    Limiter(String),
}

/// A field of a packet, and what is done with it before the comparison.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Operand {
    pub key: Key,
    /// The bits that count. None for all of them.
    pub mask: Option<u128>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Key {
    /// 6 here.
    Protocol,
    /// 2 for IPv4, 10 for IPv6.
    NfProto,
    EtherType,
    /// An address of this family.
    Source(Family),
    Destination(Family),
    SourcePort,
    DestinationPort,
    InInterface,
    OutInterface,
    TcpFlags,
    /// Bits `offset..offset + length` of the TCP header.
    TcpHeader {
        offset: u32,
        length: u32,
    },
    /// Octets from the IP header on.
    Length,
    /// The value of the option, which only SYN and SYN-ACK have.
    Mss,
    /// 1 if the data has this text in it.
    Content(String),
    /// Whether there is a TCP option of this kind.
    TcpOption(u8),
    CtState,
    CtStatus,
    /// 0 for the direction of the first packet.
    CtDirection,
    CtMark,
    /// The destination port of the connection's first packet.
    CtPort,
    Mark,
    /// Kind of address, as `RTN_LOCAL` and so on.
    SourceType,
    DestinationType,
    /// The interface that the answer would leave by exists.
    ReversePath,
    /// 1 if an IPsec policy was applied.
    Ipsec,
    /// Unknown, but the same for all packets of a client.
    OfClient(String),
    /// Unknown, and may differ between a SYN and an ACK.
    OfPacket(String),
    /// Unknown, and may depend on what came before.
    OfHistory(String),
    /// No TCP packet has it.
    Never,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Item {
    Range(u128, u128),
    /// An interface. A star at the end stands for any characters.
    Name(String),
    Any,
    /// Not understood, or in a set that was not read.
    Unknown(String),
}

#[derive(Debug, Clone)]
pub enum Action {
    SetMark(MarkValue),
    SetCtMark(MarkValue),
    Notrack,
    /// Writes the client down in the set or list of this name, see [`Step::Reads`].
    Remember(String),
}

#[derive(Debug, Clone)]
pub enum MarkValue {
    Number(u128),
    Mark,
    CtMark,
    And(Box<MarkValue>, Box<MarkValue>),
    Or(Box<MarkValue>, Box<MarkValue>),
    Xor(Box<MarkValue>, Box<MarkValue>),
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Accept,
    /// Or a rejection: the client is refused.
    Drop,
    Return,
    /// Goes on with the next step.
    Continue,
    Jump(usize),
    Goto(usize),
    /// A packet that gets here makes the port not challengeable. Says what the rule does.
    Obstacle(&'static str),
}

/// Sends the connection elsewhere.
pub const REDIRECTS: Verdict =
    Verdict::Obstacle("leads elsewhere, where challenged clients would not arrive");
/// Has the connection answered before the host sees it.
pub const ANSWERS: Verdict = Verdict::Obstacle("answers SYNs itself, with cookies of its own");
/// Nobody knows.
pub const UNCLEAR: Verdict =
    Verdict::Obstacle("is not understood, and may treat challenged clients otherwise");

impl Operand {
    pub fn of(key: Key) -> Self {
        Self { key, mask: None }
    }
}

impl Test {
    /// `key` is in one of the ranges.
    pub fn ranges(key: Key, ranges: impl IntoIterator<Item = (u128, u128)>, negate: bool) -> Self {
        let elements = ranges.into_iter().map(|(low, high)| vec![Item::Range(low, high)]).collect();
        Self::In { operands: vec![Operand::of(key)], elements, negate, if_absent: false }
    }

    /// `key & mask` is `value`.
    pub fn bits(key: Key, mask: u128, value: u128, negate: bool) -> Self {
        let operands = vec![Operand { key, mask: Some(mask) }];
        let elements = vec![vec![Item::Range(value, value)]];
        Self::In { operands, elements, negate, if_absent: false }
    }

    /// What can be said of `key` is only that it is, or is not, `item`.
    pub fn unknown(key: Key) -> Self {
        let elements = vec![vec![Item::Unknown(String::new())]];
        Self::In { operands: vec![Operand::of(key)], elements, negate: false, if_absent: false }
    }
}
