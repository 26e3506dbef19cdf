// SPDX-License-Identifier: GPL-2.0-only
//! Several networks on a line, as fail2ban prints those that it has banned.

use std::net::Ipv4Addr;

use ipnet::Ipv4Subnets;

/// Addresses may also be columns that mean one network together: its first and its last address, or its address and its
/// mask. They are not taken for two.
pub fn check(line: &str) -> Result<(), String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let behind = words.iter().skip(1).filter_map(|word| word.parse().ok());
    if behind.into_iter().any(is_mask) {
        return Err("is this a network and its mask? Give it like 192.0.2.0/24".into());
    }
    let [first, last] = words[..] else { return Ok(()) };
    match (first.parse::<Ipv4Addr>(), last.parse::<Ipv4Addr>()) {
        // Two neighbours are the same either way.
        (Ok(from), Ok(to))
            if to.to_bits().saturating_sub(from.to_bits()) > 1
                && Ipv4Subnets::new(from, to, 0).count() == 1 =>
        {
            Err(format!("is this a range? Give {first}-{last}, or one address a line"))
        }
        _ => Ok(()),
    }
}

/// Like 255.255.255.0, or as some write it, 0.0.0.255. No client has such an address.
fn is_mask(address: Ipv4Addr) -> bool {
    let bits = address.to_bits();
    bits.count_ones() == bits.leading_ones() || bits.count_ones() == bits.trailing_ones()
}
