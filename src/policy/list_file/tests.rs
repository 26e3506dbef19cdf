// SPDX-License-Identifier: GPL-2.0-only

mod published;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::{fs, iter};

use ipnet::IpNet;
use proptest::prelude::*;

use super::{Entry, ListFile, MAX_NETWORKS, parse};
use crate::policy::Listed;

fn entries(text: &[u8]) -> Result<Vec<Entry>, String> {
    parse(Path::new("list"), text, MAX_NETWORKS).map_err(|faults| faults.to_string())
}

/// What is listed, as "LINE NETWORK"; or what is wrong.
fn read(text: &[u8]) -> Result<Vec<String>, String> {
    let entries = entries(text)?;
    Ok(entries.iter().map(|entry| format!("{} {}", entry.line, entry.network)).collect())
}

/// A line, and what is said of it.
const WRONG: &[(&[u8], &str)] = &[
    (
        b"example.org",
        "'example.org': give an address or a network, like 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32",
    ),
    (b"192.0.2", "'192.0.2': give an address"),
    (b"10.0.0.1/8", "'10.0.0.1/8': it names an address and a network: give 10.0.0.0/8 for"),
    (b"198.51.100.0/2", "'198.51.100.0/2': it names an address and a network"),
    (b"2a02:c207::/3", "'2a02:c207::/3': it names an address and a network"),
    (b"0.0.0.0/0", "'0.0.0.0/0': 0.0.0.0/0 is too large for a file"),
    (
        b"::/0",
        "too large for a file, where it may be a line cut short: if you mean it, give it with --allow",
    ),
    (b"128.0.0.0/1", "too large"),
    (b"222.0.0.0/7", "too large"),
    (b"2000::/3", "too large"),
    (b"2c00::/7", "too large"),
    (b"0.0.0.0-255.255.255.255", "0.0.0.0/0 is too large"),
    (
        b"::ffff:192.0.2.7",
        "IPv4 address in IPv6 form, which no packet has as its source: give 192.0.2.7",
    ),
    (b"192.0.2.9-192.0.2.1", "'192.0.2.9-192.0.2.1': the range is empty: give 192.0.2.1-192.0.2.9"),
    (b"192.0.2.1-2001:db8::1", "begins in one family and ends in the other"),
    (b"192.0.2.1 SBL1", "'SBL1': give an address"),
    (b"192.0.2.1 192.0.2.9 10.0.0.1/8", "'10.0.0.1/8': it names an address and a network"),
    (
        b"192.0.2.0 192.0.2.255",
        "'192.0.2.0 192.0.2.255': is this a range? Give 192.0.2.0-192.0.2.255, or one address a line",
    ),
    (b"192.0.2.0 255.255.255.0", "is this a network and its mask? Give it like 192.0.2.0/24"),
    (b"192.0.2.0 192.0.2.1 255.255.255.0 ", "is this a network and its mask?"),
    (b"192.0.2.0 0.0.0.255", "is this a network and its mask? Give it like 192.0.2.0/24"),
    (b"192.0.2.1,192.0.2.9", "give an address"),
    (b"\xe9\xe8", "is not UTF-8"),
    (b"\x1b[2Jboo", "'\\u{1b}[2Jboo': give"),
    (b"add bad", "'add bad' is no line of ipset save: is it cut short?"),
    (b"create", "no line of ipset save"),
    (b"add bad 192.0.2.0/24 timeout 5 nomatch", "nomatch has no counterpart"),
    (b"add bad 192.0.2.1,tcp:80", "'192.0.2.1,tcp:80': give an address"),
    (b"create bad hash:ip,port family inet", "a set of type hash:ip,port has more than networks"),
    (b"create bad hash:ip family inet netmask 24", "a set with a netmask has no counterpart"),
];

#[test]
fn wrong_lines_say_what_to_do() {
    for (line, said) in WRONG {
        let text = [b"# first\n192.0.2.7\n", *line, b" # more\n192.0.2.8\n"].concat();
        let error = read(&text).unwrap_err();
        assert!(error.starts_with("list:3: "), "{error}");
        assert!(error.contains(said), "\"{said}\" is not in: {error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

/// What is meant is one of them, and the other may be its exceptions.
#[test]
fn a_file_has_one_set() {
    let text = "create good hash:net family inet\nadd good 192.0.2.7\n\
                create bad hash:net family inet\nadd bad 198.51.100.0/24\nadd bad 203.0.113.0/24\n";
    let second =
        "a second set, bad: save the one that is meant, `ipset save bad`; several go into a file each";
    assert_eq!(read(text.as_bytes()), Err(format!("list:3: {second}")));
    let entries = text.lines().filter(|line| line.starts_with("add")).collect::<Vec<_>>().join("\n");
    assert_eq!(read(entries.as_bytes()), Err(format!("list:2: {second}")), "without their heads");
}

#[test]
fn what_is_no_list_at_all_is_refused_once() {
    let html = "this is HTML, not a list: the download failed?";
    for (text, said) in [
        ("<!DOCTYPE html>\n<html>\n<p>404\n", format!("list:1: {html}")),
        ("\u{feff}\n  <html lang='en'>\n192.0.2.7\n", format!("list:2: {html}")),
        (
            "Name: bad\nType: hash:net\nRevision: 7\nMembers:\n192.0.2.7\n",
            "list:1: this is of `ipset list`: use `ipset save`".into(),
        ),
    ] {
        assert_eq!(read(text.as_bytes()), Err(said));
    }
}

#[test]
fn ten_wrong_lines_are_named_and_the_others_counted() {
    let text = "192.0.2.7\nno\n".repeat(27);
    let error = read(text.as_bytes()).unwrap_err();
    let lines: Vec<&str> = error.lines().collect();
    assert_eq!(lines.len(), 11);
    assert!(lines[0].starts_with("list:2: 'no':") && lines[9].starts_with("list:20: 'no':"), "{error}");
    assert_eq!(lines[10], "and 17 more");
    let error = read("no\n".repeat(10).as_bytes()).unwrap_err();
    assert!(!error.contains("more"), "{error}");
}

#[test]
fn a_long_wrong_line_is_shown_in_part() {
    let error = read("x".repeat(100_000).as_bytes()).unwrap_err();
    assert!(error.len() < 200 && error.contains("x…'"), "{error}");
}

/// What is cut short is refused, and so is what is no network.
#[test]
fn wrong_objects_say_what_to_do() {
    for (object, said) in [
        (
            r#"{"cidr":"1.10.16.0/2"#,
            r#"'{"cidr":"1.10.16.0/2': give one object a line, with the network as its cidr"#,
        ),
        (r#"{"network":"1.10.16.0/20"}"#, "give one object a line"),
        (r#"{"type":"error"}"#, "give one object a line"),
        (r#"{"cidr":"1.10.16.0/20"},"#, "give one object a line"),
        (r#"{"cidr":"1.10.16.0/2"}"#, "'1.10.16.0/2': it names an address and a network"),
        (r#"{"cidr":"0.0.0.0/0"}"#, "'0.0.0.0/0': 0.0.0.0/0 is too large for a file"),
    ] {
        let error = read(object.as_bytes()).unwrap_err();
        assert!(error.starts_with("list:1: ") && error.contains(said), "{object}: {error}");
    }
}

#[test]
fn more_networks_than_there_is_memory_for_are_refused() {
    let read =
        |text: &str| parse(Path::new("list"), text.as_bytes(), 8).map_err(|faults| faults.to_string());
    assert_eq!(read("192.0.2.1-192.0.2.30\n").map(|entries| entries.len()), Ok(8));
    let refusal = "list:2: up to here are over 8 networks: split the file".to_owned();
    assert_eq!(read("192.0.2.1-192.0.2.30\n192.0.2.7\n192.0.2.8\n"), Err(refusal));
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("drop.txt");
    let error = format!("{:#}", ListFile::read(&path, Listed::Denied).unwrap_err());
    assert_eq!(error, format!("a list cannot be read: there is no file {}", path.display()));
    fs::write(&path, "192.0.2.0/24\nno\n").unwrap();
    let error = format!("{:#}", ListFile::read(&path, Listed::Denied).unwrap_err());
    assert!(error.starts_with(&format!("{}:2: 'no': give", path.display())), "{error}");
    fs::write(&path, "192.0.2.0/24\n").unwrap();
    let file = ListFile::read(&path, Listed::Denied).unwrap();
    assert_eq!((file.path, file.listed, file.entries.len()), (path, Listed::Denied, 1));
}

/// The networks touch each other, begin with `first` and end with `last`, and no two neighbours could be one.
fn are_exactly(networks: &[IpNet], first: u128, last: u128, bits: u32) -> bool {
    let number = |address: IpAddr| match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    };
    let starts = networks.iter().map(|network| number(network.network()));
    let mut ends = networks.iter().map(|network| number(network.broadcast()));
    let next = iter::once(Some(first)).chain(ends.clone().map(|end| end.checked_add(1)));
    let touch = starts.map(Some).zip(next).all(|(start, expected)| start == expected);
    touch && ends.next_back() == Some(last) && networks.len() < 2 * bits as usize
}

/// Of addresses without clients, where networks may be of any size.
fn networks_of(first: &str, last: &str) -> Vec<IpNet> {
    let text = format!("{first}-{last}");
    let entries = entries(text.as_bytes()).unwrap();
    entries.iter().map(|entry| entry.network).collect()
}

proptest! {
    #[test]
    fn a_range_is_exactly_its_addresses(one in 0xe000_0000..=u32::MAX, other in 0xe000_0000..=u32::MAX) {
        let (first, last) = (one.min(other), one.max(other));
        let networks = networks_of(&Ipv4Addr::from(first).to_string(), &Ipv4Addr::from(last).to_string());
        prop_assert!(are_exactly(&networks, first.into(), last.into(), 32), "{:?}", networks);
    }

    #[test]
    fn a_range_of_ipv6_is_exactly_its_addresses(one in (1_u128 << 127)..=u128::MAX, other in (1_u128 << 127)..=u128::MAX) {
        let (first, last) = (one.min(other), one.max(other));
        let networks = networks_of(&Ipv6Addr::from(first).to_string(), &Ipv6Addr::from(last).to_string());
        prop_assert!(are_exactly(&networks, first, last, 128), "{:?}", networks);
    }

    /// Nothing panics, and what is wrong is a line of this text.
    #[test]
    fn any_text_is_read_or_refused(text in proptest::collection::vec(any::<u8>(), 0..400)) {
        if let Err(error) = read(&text) {
            let line: usize = error.split(':').nth(1).unwrap().parse().unwrap();
            prop_assert!(line <= text.split(|&byte| byte == b'\n').count());
        }
    }

    #[test]
    fn what_is_written_is_read(networks in proptest::collection::vec((any::<u128>(), 8..=128_u8), 0..50)) {
        let network = |&(address, length): &(u128, u8)| {
            let network = match address % 2 {
                0 => IpNet::new(Ipv4Addr::from((address >> 96) as u32).into(), length.min(32)),
                _ => IpNet::new(Ipv6Addr::from(address | 1 << 127).into(), length),
            };
            network.unwrap().trunc()
        };
        let networks: Vec<IpNet> = networks.iter().map(network).collect();
        let text: Vec<String> = networks.iter().map(ToString::to_string).collect();
        let entries = entries(text.join("\n").as_bytes()).unwrap();
        prop_assert_eq!(entries.iter().map(|entry| entry.network).collect::<Vec<_>>(), networks);
        prop_assert!(entries.iter().enumerate().all(|(index, entry)| entry.line as usize == index + 1));
    }
}
