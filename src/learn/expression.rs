// SPDX-License-Identifier: GPL-2.0-only
//! A rule as other programs take it: a filter of tcpdump's, and a match of nft's.
//!
//! Behind the end of a TCP header a rule sees zeros, where others see the payload. So what a rule demands of options is
//! said together with how long the header is.

use super::field::{Field, Header, OPTION_WORD, fields, in_tcp, ttl_range};
use super::rule::Rule;
use super::syn::{Family, OPTIONS, SYN_LEN, TTL};

/// A filter that selects the packets that the rule matches. In IPv6 libpcap follows no extension headers: it selects
/// those that have none.
pub fn tcpdump(rule: &Rule) -> String {
    let mut terms = match rule.family {
        Family::Ipv4 => vec!["ip".to_owned(), "tcp[13] & 0x12 = 2".to_owned()],
        Family::Ipv6 => vec!["ip6[6] = 6".to_owned(), "ip6[53] & 0x12 = 2".to_owned()],
    };
    terms.extend(fields(rule.family).iter().filter_map(|field| field_term(rule, field)));
    terms.extend((OPTIONS..SYN_LEN).step_by(OPTION_WORD).flat_map(|at| option_terms(rule, at)));
    terms.join(" and ")
}

fn field_term(rule: &Rule, field: &Field) -> Option<String> {
    let (mask, value) = (field.number(&rule.mask), field.number(&rule.value));
    if mask == 0 {
        return None;
    }
    let read = match field.header {
        Header::Ip(at) if rule.family == Family::Ipv4 => access("ip", at, field.length),
        Header::Ip(at) => access("ip6", at, field.length),
        Header::Tcp(at) => tcp(rule.family, at, field.length),
        Header::TrafficClass => "((ip6[0:2] >> 4) & 0xff)".to_owned(),
    };
    // The header's own version and traffic class are no part of the flow label.
    let is_label = field.name == "flowlabel";
    Some(match field.at {
        TTL if mask == field.full() && value < 255 => format!("{read} = {}", value + 1),
        TTL => format!("(({read} + 255) & {mask:#x}) = {value:#x}"),
        _ if is_label => format!("({read} & 0xfffff & {mask:#x}) = {value:#x}"),
        _ => compare(&read, mask, value, field.full()),
    })
}

/// A word of options, or its bytes where the header may end inside it.
fn option_terms(rule: &Rule, at: usize) -> Vec<String> {
    let word =
        |bytes: &[u8]| bytes[at..at + OPTION_WORD].iter().fold(0, |n, byte| n << 8 | u32::from(*byte));
    let (mask, value) = (word(&rule.mask), word(&rule.value));
    let read = tcp(rule.family, in_tcp(at), OPTION_WORD);
    let term = compare(&read, mask, value, u32::MAX);
    if mask == 0 {
        return Vec::new();
    }
    // Headers are whole words long.
    let end = tcp(rule.family, 12, 1);
    match rule.header_end() {
        Some(end) if at < end => vec![term],
        Some(_) if value == 0 => Vec::new(),
        Some(_) => vec!["1 = 0".to_owned()],
        None if value == 0 => vec![format!("(({end} & 0xf0) >> 2 <= {} or {term})", in_tcp(at))],
        None => vec![format!("({end} & 0xf0) >> 2 > {}", in_tcp(at)), term],
    }
}

fn access(header: &str, at: usize, length: usize) -> String {
    if length == 1 { format!("{header}[{at}]") } else { format!("{header}[{at}:{length}]") }
}

/// libpcap knows where TCP begins in IPv4 only.
fn tcp(family: Family, at: usize, length: usize) -> String {
    match family {
        Family::Ipv4 => access("tcp", at, length),
        Family::Ipv6 => access("ip6", 40 + at, length),
    }
}

fn compare(read: &str, mask: u32, value: u32, full: u32) -> String {
    if mask == full {
        return format!("{read} = {value}");
    }
    format!("{read} & {mask:#x} = {value:#x}")
}

/// The same for a rule of nft's in a table of the family or `inet`. None: it needs an "or", or arithmetic, which nft
/// has not.
pub fn nft(rule: &Rule) -> Option<String> {
    let mut terms = match rule.family {
        Family::Ipv4 => vec!["meta nfproto ipv4".to_owned()],
        Family::Ipv6 => vec!["meta nfproto ipv6".to_owned()],
    };
    terms.push("meta l4proto tcp".to_owned());
    terms.push("@th,104,8 & 0x12 == 0x2".to_owned());
    for field in fields(rule.family) {
        let (mask, value) = (field.number(&rule.mask), field.number(&rule.value));
        if mask == 0 {
            continue;
        }
        let (base, bit) = match field.header {
            Header::Ip(at) => ("nh", 8 * at),
            Header::Tcp(at) => ("th", 8 * at),
            Header::TrafficClass => ("nh", 4),
        };
        terms.push(match field.at {
            TTL => {
                let (first, last) =
                    ttl_range(rule.mask[TTL], rule.value[TTL]).filter(|(first, _)| *first <= 255)?;
                // 256 stands for a TTL of 0, which no router forwards.
                format!("@nh,{bit},8 {first}-{}", last.min(255))
            }
            _ => raw(base, bit, 8 * field.length, mask, value, field.full()),
        });
    }
    for at in (OPTIONS..SYN_LEN).step_by(OPTION_WORD) {
        let word = |bytes: &[u8]| {
            bytes[at..at + OPTION_WORD].iter().fold(0, |n, byte| n << 8 | u32::from(*byte))
        };
        let (mask, value) = (word(&rule.mask), word(&rule.value));
        if mask == 0 {
            continue;
        }
        let end = rule.header_end()?;
        if at >= end && value == 0 {
            continue;
        }
        if at >= end {
            return None;
        }
        terms.push(raw("th", 8 * in_tcp(at), 32, mask, value, u32::MAX));
    }
    Some(terms.join(" "))
}

fn raw(base: &str, bit: usize, bits: usize, mask: u32, value: u32, full: u32) -> String {
    if mask == full {
        return format!("@{base},{bit},{bits} {value:#x}");
    }
    format!("@{base},{bit},{bits} & {mask:#x} == {value:#x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_those_of_the_programs() {
        let rule: Rule = "ipv4,ttl=33-64,window=512,options=none,seq=0x1234xxxx".parse().unwrap();
        let expected = "ip and tcp[13] & 0x12 = 2 and ((ip[8] + 255) & 0xe0) = 0x20 and tcp[14:2] = 512 \
                        and tcp[12] = 80 and tcp[4:4] & 0xffff0000 = 0x12340000";
        assert_eq!(tcpdump(&rule), expected);
        let expected = "meta nfproto ipv4 meta l4proto tcp @th,104,8 & 0x12 == 0x2 @nh,64,8 33-64 @th,112,16 0x200 \
                        @th,96,8 0x50 @th,32,32 & 0xffff0000 == 0x12340000";
        assert_eq!(nft(&rule).as_deref(), Some(expected));
    }

    #[test]
    fn what_nft_cannot_say_is_not_said() {
        for text in
            ["ipv4,ttl=0x01/0x01", "ipv4,option-bytes=0x02", "ipv4,options=none,option-bytes=0x02"]
        {
            assert_eq!(nft(&text.parse().unwrap()), None, "{text}");
        }
    }
}
