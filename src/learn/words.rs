// SPDX-License-Identifier: GPL-2.0-only
//! A rule in words, for people who know tcpdump: `win 512, no options, ttl 33-64, seq constant`.

use super::field::{Field, fields, ttl_range};
use super::rule::Rule;
use super::spec::hex;
use super::syn::{DATA_OFFSET, FLAGS, FRAGMENT, Family, ID, OPTIONS, PORT, SEQUENCE, TTL};

const PLAIN_SYN: u8 = 2;

/// What the rule demands, the most telling first. What every SYN has is not said.
pub fn words(rule: &Rule) -> String {
    let mut words = Vec::new();
    let mut rest = Vec::new();
    for field in fields(rule.family) {
        let Some(said) = say(rule, field) else { continue };
        if matches!(field.name, "window" | "seq" | "id" | "ack") {
            words.push(said)
        } else {
            rest.push(said)
        }
    }
    let options = options(rule);
    words.splice(
        usize::from(!words.is_empty())..,
        options.into_iter().chain(words.clone().into_iter().skip(1)),
    );
    words.extend(rest);
    if words.is_empty() {
        return format!("any {} SYN", rule.family);
    }
    let family = if rule.family == Family::Ipv6 { "IPv6, " } else { "" };
    format!("{family}{}", words.join(", "))
}

fn say(rule: &Rule, field: &Field) -> Option<String> {
    let (mask, value) = (field.number(&rule.mask), field.number(&rule.value));
    let is_full = mask == field.full();
    let name = match field.name {
        "window" => "win",
        "port" => "dst port",
        "source-port" => "src port",
        name => name,
    };
    match field.at {
        _ if mask == 0 => None,
        DATA_OFFSET => None,
        FLAGS if is_full && value == u32::from(PLAIN_SYN) => None,
        // Zero, as everybody's.
        _ if is_full && value == 0 && matches!(field.name, "ack" | "tos" | "class") => None,
        FRAGMENT if rule.family == Family::Ipv4 && is_full && value == 0x4000 => Some("DF".to_owned()),
        FRAGMENT if rule.family == Family::Ipv4 && is_full && value == 0 => Some("no DF".to_owned()),
        TTL => Some(match ttl_range(mask as u8, value as u8) {
            Some((first, last)) if first == last => format!("{name} {first}"),
            Some((first, last)) => format!("{name} {first}-{last}"),
            None => format!("{name} minus 1 {}", hex(&rule.mask[TTL..=TTL], &rule.value[TTL..=TTL])),
        }),
        SEQUENCE if is_full => Some(format!("seq constant ({value})")),
        PORT | ID if is_full && field.is_decimal => Some(format!("{name} {value}")),
        _ if is_full && field.is_decimal => Some(format!("{name} {value}")),
        at => Some(format!(
            "{name} {}",
            hex(&rule.mask[at..at + field.length], &rule.value[at..at + field.length])
        )),
    }
}

/// Its options as tcpdump lists them, as far as they are known.
fn options(rule: &Rule) -> Option<String> {
    let known_end = rule.header_end();
    if known_end == Some(OPTIONS) {
        return Some("no options".to_owned());
    }
    let end = known_end.unwrap_or(rule.mask.len());
    let known = |at: usize| at < end && rule.mask[at] == u8::MAX;
    let mut listed = Vec::new();
    let mut at = OPTIONS;
    while known(at) {
        let (kind, is_long) = (rule.value[at], known(at + 1));
        let length = if kind < 2 { 1 } else { usize::from(rule.value[(at + 1).min(end - 1)]).max(2) };
        let number = |length: usize| {
            let is_known = (at + 2..at + 2 + length).all(known);
            is_known.then(|| {
                rule.value[at + 2..at + 2 + length].iter().fold(0, |n, byte| n << 8 | u32::from(*byte))
            })
        };
        let valued = |name: &str, length| {
            number(length).map_or(name.to_owned(), |value| format!("{name} {value}"))
        };
        listed.push(match kind {
            0 => "eol".to_owned(),
            1 => "nop".to_owned(),
            2 => valued("mss", 2),
            3 => valued("wscale", 1),
            4 => "sackOK".to_owned(),
            8 => "TS".to_owned(),
            kind => format!("opt-{kind}"),
        });
        if kind == 0 || (kind > 1 && !is_long) {
            break;
        }
        at += length;
    }
    match (listed.is_empty(), known_end) {
        (false, _) if at < end && !known(at) => Some(format!("options [{},…]", listed.join(","))),
        (false, _) => Some(format!("options [{}]", listed.join(","))),
        (true, Some(end)) => Some(format!("{} bytes of options", end - OPTIONS)),
        (true, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::learn::search::search;
    use crate::learn::syn::Syn;
    use crate::learn::tools::{Maker, apart, honest, hping3, mirai, rules, zmap};

    #[test]
    fn a_rule_is_said_as_tcpdump_would() {
        let said = |text: &str| words(&text.parse::<Rule>().unwrap());
        let text = "ipv4,ttl=33-64,window=512,options=none,seq=0x0000002a";
        assert_eq!(said(text), "win 512, no options, seq constant (42), ttl 33-64");
        assert_eq!(said("ipv4,port=443,fragment=0x4000"), "dst port 443, DF");
        assert_eq!(said("ipv6,hlim=64,flags=0x02"), "IPv6, hlim 64");
        assert_eq!(said("ipv6,flags=0x02"), "any ipv6 SYN");
        let text = "ipv4,offset=0xax,option-bytes=0x0204xxxx0402080axxxxxxxx0000000001030307";
        assert_eq!(said(text), "options [mss,sackOK,TS,nop,wscale 7]");
        assert_eq!(said("ipv4,option-bytes=0x020405b4"), "options [mss 1460,…]");
    }

    #[test]
    fn what_is_learned_reads_well() {
        let answered = apart(&Maker::many(1, 4000, honest));
        let found = |kind: fn(&mut Maker) -> Syn| {
            words(&search(&Maker::many(2, 2000, kind), &answered, &[], &|_| false)[0].rule)
        };
        assert_eq!(found(hping3), "win 512, no options, ttl 33-64, length 40, dst port 443, no DF");
        let expected =
            "win 65535, options [mss 1460], id 54321, ttl 193-256, length 44, dst port 443, no DF";
        assert_eq!(found(zmap), expected);
        assert!(found(mirai).contains("seq constant (3221225991)"), "{}", found(mirai));
    }

    proptest! {
        #[test]
        fn every_rule_has_words(rule in rules()) {
            prop_assert!(!words(&rule).is_empty());
        }
    }
}
