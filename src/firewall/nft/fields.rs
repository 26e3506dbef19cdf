// SPDX-License-Identifier: GPL-2.0-only
//! The left side of a comparison: which field of a packet it looks at.

use serde_json::Value;

use crate::firewall::Family;
use crate::firewall::rules::{Key, Operand};

use super::strings;
use super::values::number;

/// Several for a concatenation.
pub fn operands(field: &Value) -> Vec<Operand> {
    match field["concat"].as_array() {
        Some(fields) => fields.iter().map(operand).collect(),
        None => vec![operand(field)],
    }
}

pub fn operand(field: &Value) -> Operand {
    if let Some([field, mask]) = field["&"].as_array().map(Vec::as_slice) {
        let inner = operand(field);
        return match number(mask, &inner.key) {
            Some(mask) => {
                Operand { mask: Some(inner.mask.map_or(mask, |other| other & mask)), ..inner }
            }
            None => Operand::of(Key::OfHistory(field.to_string())),
        };
    }
    Operand::of(key(field))
}

fn key(field: &Value) -> Key {
    let Some((kind, detail)) = field.as_object().and_then(|field| field.iter().next()) else {
        return Key::OfHistory(field.to_string());
    };
    let text = field.to_string();
    match kind.as_str() {
        "payload" if detail.get("base").is_some() => raw(detail, text),
        "payload" => payload(word(detail, "protocol"), word(detail, "field"), text),
        "meta" => meta(word(detail, "key"), text),
        "ct" if word(detail, "key") == "proto-dst" && word(detail, "dir") == "original" => Key::CtPort,
        "ct" => ct(word(detail, "key"), text),
        "tcp option" => tcp_option(word(detail, "name"), detail, text),
        "fib" => fib(detail, text),
        "exthdr" | "ip option" | "rt" | "socket" | "jhash" | "symhash" | "ipsec" => Key::OfClient(text),
        "sctp chunk" | "dccp option" => Key::Never,
        "osf" => Key::OfPacket(text),
        _ => Key::OfHistory(text),
    }
}

fn word<'a>(detail: &'a Value, key: &str) -> &'a str {
    detail[key].as_str().unwrap_or_default()
}

fn payload(protocol: &str, field: &str, text: String) -> Key {
    match (protocol, field) {
        ("tcp" | "th", "sport") => Key::SourcePort,
        ("tcp" | "th", "dport") => Key::DestinationPort,
        ("tcp", "flags") => Key::TcpFlags,
        ("tcp", "doff") => Key::TcpHeader { offset: 96, length: 4 },
        ("tcp" | "th", _) => Key::OfPacket(text),
        ("ip", "saddr") => Key::Source(Family::V4),
        ("ip", "daddr") => Key::Destination(Family::V4),
        ("ip6", "saddr") => Key::Source(Family::V6),
        ("ip6", "daddr") => Key::Destination(Family::V6),
        ("ip", "protocol") | ("ip6", "nexthdr") => Key::Protocol,
        ("ip", "length") => Key::Length,
        ("ip", "id" | "checksum") | ("ip6", "length" | "flowlabel") => Key::OfPacket(text),
        ("ip" | "ip6" | "vlan", _) => Key::OfClient(text),
        ("ether", "type") => Key::EtherType,
        ("ether", _) => Key::OfClient(text),
        _ => Key::Never,
    }
}

fn raw(detail: &Value, text: String) -> Key {
    let [offset, length] = ["offset", "len"].map(|key| detail[key].as_u64().unwrap_or_default());
    match (word(detail, "base"), offset, length) {
        ("th", 0, 16) => Key::SourcePort,
        ("th", 16, 16) => Key::DestinationPort,
        ("th", 104, 8) => Key::TcpFlags,
        ("th", offset @ 0..160, length @ 1..160) => {
            Key::TcpHeader { offset: offset as u32, length: length as u32 }
        }
        ("ll", ..) => Key::OfClient(text),
        _ => Key::OfPacket(text),
    }
}

fn meta(key: &str, text: String) -> Key {
    match key {
        "l4proto" => Key::Protocol,
        "nfproto" => Key::NfProto,
        "protocol" => Key::EtherType,
        "iif" | "iifname" => Key::InInterface,
        "oif" | "oifname" => Key::OutInterface,
        "mark" => Key::Mark,
        "length" => Key::Length,
        "ipsec" | "secpath" => Key::Ipsec,
        "random" | "priority" | "secmark" => Key::OfHistory(text),
        _ => Key::OfClient(text),
    }
}

fn ct(key: &str, text: String) -> Key {
    match key {
        "state" => Key::CtState,
        "status" => Key::CtStatus,
        "direction" => Key::CtDirection,
        "mark" => Key::CtMark,
        "zone" | "helper" => Key::OfClient(text),
        _ => Key::OfHistory(text),
    }
}

fn tcp_option(name: &str, detail: &Value, text: String) -> Key {
    if detail.get("field").is_some() {
        return if name == "maxseg" { Key::Mss } else { Key::OfPacket(text) };
    }
    match name {
        "maxseg" | "mss" => Key::TcpOption(2),
        "window" => Key::TcpOption(3),
        "sack-perm" | "sack-permitted" => Key::TcpOption(4),
        _ => Key::OfPacket(text),
    }
}

fn fib(detail: &Value, text: String) -> Key {
    let flags = strings(&detail["flags"]);
    match word(detail, "result") {
        "type" if flags.contains(&"daddr") => Key::DestinationType,
        "type" if flags.contains(&"saddr") => Key::SourceType,
        _ => Key::OfClient(text),
    }
}
