// SPDX-License-Identifier: GPL-2.0-only
//! Networks as people write them, in an option or in a file.

use std::net::IpAddr;

use ipnet::{IpNet, IpSubnets, Ipv4Subnets, Ipv6Subnets};

const WANTED: &str = "give an address or a network, like 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32";

/// "192.0.2.7" or "192.0.2.0/24". A network's name says nothing of what lies behind its prefix: in
/// "10.0.0.1/8" a figure is wrong, and which one is for its author to say.
pub fn network(text: &str) -> Result<IpNet, String> {
    let network: IpNet =
        text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).map_err(|_| WANTED)?;
    refuse_mapped(&network)?;
    if network == network.trunc() {
        return Ok(network);
    }
    Err(format!(
        "it names an address and a network: give {} for the whole network, or {} for the address alone",
        network.trunc(),
        network.addr()
    ))
}

/// "192.0.2.1-192.0.2.9": the fewest networks that are exactly these addresses.
pub fn range(text: &str) -> Result<IpSubnets, String> {
    let (first, last) = text.split_once('-').ok_or(WANTED)?;
    let address = |text: &str| {
        let address = text.trim().parse::<IpAddr>().map_err(|_| WANTED)?;
        refuse_mapped(&address.into()).map(|()| address)
    };
    match (address(first)?, address(last)?) {
        (IpAddr::V4(first), IpAddr::V4(last)) if first <= last => {
            Ok(Ipv4Subnets::new(first, last, 0).into())
        }
        (IpAddr::V6(first), IpAddr::V6(last)) if first <= last => {
            Ok(Ipv6Subnets::new(first, last, 0).into())
        }
        (first, last) if first.is_ipv4() == last.is_ipv4() => {
            Err(format!("the range is empty: give {last}-{first}"))
        }
        _ => Err("the range begins in one family and ends in the other: give one of each".into()),
    }
}

/// A network as people write it: without a prefix length where it is a single address.
pub fn network_name(network: &IpNet) -> String {
    if network.prefix_len() == network.max_prefix_len() {
        network.addr().to_string()
    } else {
        network.to_string()
    }
}

/// Within ::ffff:0:0/96.
fn refuse_mapped(network: &IpNet) -> Result<(), String> {
    const MAPPED_BITS: u8 = 96;
    let IpAddr::V6(address) = network.addr() else { return Ok(()) };
    let bits = network.prefix_len().checked_sub(MAPPED_BITS);
    let Some((ipv4, bits)) = address.to_ipv4_mapped().zip(bits) else { return Ok(()) };
    let meant = match bits {
        32 => ipv4.to_string(),
        bits => format!("{ipv4}/{bits}"),
    };
    Err(format!("it is an IPv4 address in IPv6 form, which no packet has as its source: give {meant}"))
}

#[cfg(test)]
mod tests {
    use super::{network, network_name, range};

    #[test]
    fn networks_are_named_as_they_are_written() {
        for text in ["192.0.2.7", "192.0.2.0/24", "0.0.0.0/0", "2001:db8::1", "2001:db8::/32", "::/0"] {
            assert_eq!(network_name(&network(text).unwrap()), text);
        }
        assert_eq!(network("192.0.2.7/32"), network("192.0.2.7"));
    }

    #[test]
    fn what_is_refused_says_what_to_give() {
        for (text, said) in [
            ("example.org", "192.0.2.0/24"),
            ("10.0.0.0/33", "192.0.2.0/24"),
            ("010.0.0.1", "192.0.2.0/24"),
            ("fe80::1%eth0", "192.0.2.0/24"),
            ("10.0.0.1/8", "give 10.0.0.0/8 for the whole network, or 10.0.0.1 for the address alone"),
            ("::ffff:192.0.2.7", "give 192.0.2.7"),
            ("::ffff:192.0.2.0/120", "give 192.0.2.0/24"),
        ] {
            let error = network(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }

    #[test]
    fn wrong_ranges_say_what_to_give() {
        for (text, said) in [
            ("192.0.2.9-192.0.2.1", "the range is empty: give 192.0.2.1-192.0.2.9"),
            ("192.0.2.1-2001:db8::1", "one family"),
            ("192.0.2.1-", "give an address"),
            ("192.0.2.0/24-192.0.3.0/24", "give an address"),
            ("::ffff:192.0.2.1-::ffff:192.0.2.9", "give 192.0.2.1"),
        ] {
            let error = range(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
