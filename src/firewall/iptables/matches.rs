// SPDX-License-Identifier: GPL-2.0-only
//! What the matches of iptables ask for.

use std::net::IpAddr;

use crate::firewall::names;
use crate::firewall::packet::number_of;
use crate::firewall::rules::{Action, Item, Key, Operand, Step, Test};

use super::Context;
use super::words::{Opt, find};

/// TCP flags that `--syn` looks at: FIN, SYN, RST and ACK.
const SYN_MASK: u128 = 0x17;
const SYN: u128 = 0x02;

impl Context<'_> {
    /// The tests of one `-m`.
    pub fn module(&self, module: &str, options: &[Opt]) -> Vec<Step> {
        let by_option = |test: &dyn Fn(&Opt) -> Option<Test>| -> Vec<Step> {
            let unclear = || Test::unknown(Key::OfPacket(format!("{module} {options:?}")));
            options.iter().map(|option| Step::Test(test(option).unwrap_or_else(unclear))).collect()
        };
        let of_client =
            || vec![Step::Test(Test::unknown(Key::OfClient(format!("{module} {options:?}"))))];
        match module {
            "" => by_option(&|option| self.plain(option)),
            "tcp" => by_option(&tcp),
            "multiport" => by_option(&multiport),
            "conntrack" | "state" => by_option(&conntrack),
            "mark" => by_option(&|option| mark(option, Key::Mark)),
            "connmark" => by_option(&|option| mark(option, Key::CtMark)),
            "addrtype" => by_option(&|option| address_type(option, options)),
            "length" => by_option(&|option| {
                (option.name == "length")
                    .then(|| ranges(Key::Length, option.value(), option.negate))
                    .flatten()
            }),
            "tcpmss" => by_option(&mss),
            "iprange" => by_option(&|option| self.address_range(option)),
            "policy" => vec![Step::Test(ipsec(options))],
            "comment" => Vec::new(),
            "limit" | "hashlimit" | "statistic" | "quota" | "rateest" => {
                vec![Step::Test(Test::Limiter(self.place.clone()))]
            }
            "connbytes" | "connlabel" => {
                vec![Step::Test(Test::unknown(Key::OfHistory(format!("{module} {options:?}"))))]
            }
            "string" => vec![Step::Test(string(options))],
            "recent" => self.recent(options),
            "set" => self.set(options),
            // An extension for a protocol that is not TCP.
            "udp" | "udplite" | "icmp" | "icmp6" | "icmpv6" | "sctp" | "dccp" | "esp" | "ah"
            | "frag" => {
                vec![Step::Test(Test::ranges(Key::Never, [(0, 0)], false))]
            }
            // connlimit counts connections, once each; the rest knows a client by what all its
            // packets have.
            "connlimit" | "mac" | "pkttype" | "physdev" | "owner" | "socket" | "rpfilter" | "time"
            | "geoip" | "dscp" | "tos" | "ttl" | "hl" | "helper" | "cgroup" | "cpu" | "rt" | "hbh"
            | "dst" | "ipv6header" | "eui64" | "realm" | "devgroup" | "nfacct" | "asn" => of_client(),
            _ => vec![Step::Test(Test::unknown(Key::OfPacket(format!("{module} {options:?}"))))],
        }
    }

    fn plain(&self, option: &Opt) -> Option<Test> {
        let negate = option.negate;
        let value = option.value();
        match option.name.as_str() {
            "p" | "protocol" => {
                let number = names::protocol(value);
                let range = if value == "all" || number == 0 { (0, 255) } else { (number, number) };
                Some(Test::ranges(Key::Protocol, [range], negate))
            }
            "s" | "source" | "src" => {
                Some(Test::ranges(Key::Source(self.family), [self.network(value)?], negate))
            }
            "d" | "destination" | "dst" => {
                Some(Test::ranges(Key::Destination(self.family), [self.network(value)?], negate))
            }
            "i" | "in-interface" => Some(interface(Key::InInterface, value, negate)),
            "o" | "out-interface" => Some(interface(Key::OutInterface, value, negate)),
            // Later fragments, which conntrack puts together.
            "f" | "fragment" => Some(Test::ranges(Key::NfProto, [(0, 0)], negate)),
            // "-p tcp" may stand for "-m tcp" as well.
            _ => tcp(option),
        }
    }

    /// "10.0.0.0/8", "10.0.0.0/255.0.0.0" or an address. None for a mask with holes.
    fn network(&self, text: &str) -> Option<(u128, u128)> {
        let (address, mask) = text.split_once('/').unwrap_or((text, ""));
        let bits = self.family.bits();
        let all = u128::MAX >> (128 - bits);
        let mask = match mask.parse::<u32>() {
            Ok(fixed) => all & !all.checked_shr(fixed).unwrap_or(0),
            Err(_) if mask.is_empty() => all,
            Err(_) => number_of(mask.parse::<IpAddr>().ok()?),
        };
        let low = number_of(address.parse::<IpAddr>().ok()?) & mask;
        let free = all & !mask;
        (free & free.wrapping_add(1) == 0).then_some((low, low | free))
    }

    fn address_range(&self, option: &Opt) -> Option<Test> {
        let key = match option.name.as_str() {
            "src-range" => Key::Source(self.family),
            "dst-range" => Key::Destination(self.family),
            _ => return None,
        };
        let (first, last) = option.value().split_once('-').unwrap_or((option.value(), option.value()));
        let [first, last] = [first, last].map(|address| address.parse::<IpAddr>().ok().map(number_of));
        Some(Test::ranges(key, [(first?, last?)], option.negate))
    }

    /// A list of clients. With a count of hits it is a limit.
    fn recent(&self, options: &[Opt]) -> Vec<Step> {
        let name = find(options, "name").map_or("DEFAULT", Opt::value);
        let remember = || Step::Do(Action::Remember(format!("recent {name}")));
        let hits = find(options, "hitcount").map_or(1, |option| option.value().parse().unwrap_or(2));
        let negate = ["rcheck", "update"]
            .iter()
            .filter_map(|name| find(options, name))
            .any(|option| option.negate);
        let is_listed = match Test::unknown(Key::OfClient(format!("recent {name}"))) {
            _ if hits > 1 => Test::Limiter(self.place.clone()),
            Test::In { operands, elements, if_absent, .. } => {
                Test::In { operands, elements, negate, if_absent }
            }
            other => other,
        };
        let reads = Step::Reads(format!("recent {name}"), hits > 1);
        if find(options, "set").is_some() {
            vec![remember()]
        } else if find(options, "update").is_some() || find(options, "remove").is_some() {
            // Writes only for who is listed.
            vec![reads, Step::Test(is_listed), remember()]
        } else {
            vec![reads, Step::Test(is_listed)]
        }
    }

    fn set(&self, options: &[Opt]) -> Vec<Step> {
        let mut steps = Vec::new();
        for option in options.iter().filter(|option| option.name == "match-set") {
            let [name, flags, ..] = &option.values[..] else { continue };
            let negate = option.negate;
            steps.push(Step::Reads(format!("ipset {name}"), false));
            // What rules write into a set is not known beforehand.
            let is_written = self.text.contains(&format!("-j SET --add-set {name} "));
            let test = match is_written {
                true => Test::unknown(Key::OfClient(format!("ipset {name} {flags}"))),
                false => self.sets.test(name, flags, self.family),
            };
            steps.push(Step::Test(match test {
                Test::In { operands, elements, .. } => {
                    Test::In { operands, elements, negate, if_absent: negate }
                }
                other => other,
            }));
        }
        if steps.is_empty() {
            steps.push(Step::Test(Test::unknown(Key::OfPacket(format!("set {options:?}")))));
        }
        steps
    }
}

fn interface(key: Key, name: &str, negate: bool) -> Test {
    let name = match name.strip_suffix('+') {
        Some(beginning) => format!("{beginning}*"),
        None => name.to_string(),
    };
    let elements = vec![vec![Item::Name(name)]];
    // A packet without such an interface is taken for one from an interface without a name.
    Test::In { operands: vec![Operand::of(key)], elements, negate, if_absent: negate }
}

fn tcp(option: &Opt) -> Option<Test> {
    let negate = option.negate;
    match option.name.as_str() {
        "sport" | "source-port" => ranges(Key::SourcePort, option.value(), negate),
        "dport" | "destination-port" => ranges(Key::DestinationPort, option.value(), negate),
        "syn" => Some(Test::bits(Key::TcpFlags, SYN_MASK, SYN, negate)),
        "tcp-flags" => {
            let [mask, wanted] = &option.values[..] else { return None };
            let bits = |text: &str| {
                text.split(',').try_fold(0, |all, flag| Some(all | names::tcp_flag(flag)?))
            };
            Some(Test::bits(Key::TcpFlags, bits(mask)?, bits(wanted)?, negate))
        }
        "tcp-option" => {
            let kind = option.value().parse().ok()?;
            Some(Test::ranges(Key::TcpOption(kind), [(1, 1)], negate))
        }
        _ => None,
    }
}

fn multiport(option: &Opt) -> Option<Test> {
    let key = match option.name.as_str() {
        "sports" | "source-ports" => Key::SourcePort,
        "dports" | "destination-ports" => Key::DestinationPort,
        _ => return None,
    };
    let ranges: Option<Vec<_>> = option.value().split(',').map(range).collect();
    Some(Test::ranges(key, ranges?, option.negate))
}

/// "80", "80:90", ":90", or "80:".
fn range(text: &str) -> Option<(u128, u128)> {
    let number = |text: &str, default| if text.is_empty() { Some(default) } else { text.parse().ok() };
    match text.split_once(':') {
        Some((low, high)) => Some((number(low, 0)?, number(high, 65535)?)),
        None => text.parse().ok().map(|number| (number, number)),
    }
}

fn ranges(key: Key, text: &str, negate: bool) -> Option<Test> {
    Some(Test::ranges(key, [range(text)?], negate))
}

fn conntrack(option: &Opt) -> Option<Test> {
    let all = |number: fn(&str) -> Option<u128>| {
        option.value().split(',').try_fold(0, |all, word| Some(all | number(word)?))
    };
    match option.name.as_str() {
        "state" | "ctstate" => {
            // Translated connections are an obstacle by themselves.
            let states = option.value().split(',').filter(|state| !matches!(*state, "SNAT" | "DNAT"));
            let bits = states.map(names::ct_state).try_fold(0, |all, bit| Some(all | bit?))?;
            Some(Test::bits(Key::CtState, bits, 0, !option.negate))
        }
        "ctstatus" if option.value() != "NONE" => {
            Some(Test::bits(Key::CtStatus, all(names::ct_status)?, 0, !option.negate))
        }
        "ctproto" => {
            let number = names::protocol(option.value());
            Some(Test::ranges(Key::Protocol, [(number, number)], option.negate))
        }
        "ctdir" => {
            let direction = u128::from(option.value() == "REPLY");
            Some(Test::ranges(Key::CtDirection, [(direction, direction)], option.negate))
        }
        "ctorigdstport" => ranges(Key::CtPort, option.value(), option.negate),
        name => Some(Test::unknown(Key::OfHistory(format!("{name} {:?}", option.values)))),
    }
}

/// "0x1" or "0x1/0xff".
fn mark(option: &Opt, key: Key) -> Option<Test> {
    let (value, mask) = super::targets::value_and_mask(option.value())?;
    (option.name == "mark").then(|| Test::bits(key, mask, value, option.negate))
}

fn address_type(option: &Opt, options: &[Opt]) -> Option<Test> {
    // "--limit-iface-in" only narrows what is true anyway.
    let key = match option.name.as_str() {
        "src-type" => Key::SourceType,
        "dst-type" => Key::DestinationType,
        "limit-iface-in" | "limit-iface-out" if options.len() > 1 => {
            return Some(Test::ranges(Key::Protocol, [(0, 255)], false));
        }
        _ => return None,
    };
    let types = option.value().split(',').map(names::address_type).collect::<Option<Vec<_>>>()?;
    Some(Test::ranges(key, types.into_iter().map(|kind| (kind, kind)), option.negate))
}

fn mss(option: &Opt) -> Option<Test> {
    let Test::In { operands, elements, negate, .. } = ranges(Key::Mss, option.value(), option.negate)?
    else {
        return None;
    };
    // So does xt_tcpmss: "! --mss" is true of a packet without the option.
    Some(Test::In { operands, elements, negate, if_absent: negate })
}

/// A text is in data only. Other octets may be in headers as well.
fn string(options: &[Opt]) -> Test {
    const TEXT: usize = 5;
    match find(options, "string").filter(|text| text.value().len() >= TEXT && text.value().is_ascii()) {
        Some(text) => Test::ranges(Key::Content(format!("{options:?}")), [(1, 1)], text.negate),
        None => Test::unknown(Key::OfPacket(format!("string {options:?}"))),
    }
}

fn ipsec(options: &[Opt]) -> Test {
    match find(options, "pol") {
        Some(policy) => {
            let wanted = u128::from(policy.value() == "ipsec");
            Test::ranges(Key::Ipsec, [(wanted, wanted)], policy.negate)
        }
        None => Test::unknown(Key::OfClient(format!("policy {options:?}"))),
    }
}
