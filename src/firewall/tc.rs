// SPDX-License-Identifier: GPL-2.0-only
//! Reads what `tc filter show dev X ingress` prints.

/// The first line of a filter that may look at SYNs, or do something with them. Sending all packets
/// through another device and back, as shapers do, is none.
pub fn obstacle(text: &str) -> Option<&str> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.find(|line| {
        let mut words = line.split_whitespace();
        match words.next() {
            Some("filter") => {
                let kind = line.split_whitespace().skip_while(|word| *word != "pref").nth(2);
                !matches!(kind, Some("matchall" | "u32"))
            }
            // Of u32: anything but all packets.
            Some("match") => !line.starts_with("match 00000000/00000000"),
            Some("action") => !line.contains("mirred"),
            _ => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::obstacle;

    #[test]
    fn only_a_shaper_is_harmless() {
        let shaper = "filter parent ffff: protocol all pref 10 u32 chain 0 fh 800: ht divisor 1\n\
                      filter parent ffff: protocol all pref 10 u32 chain 0 fh 800::800 order 2048\n\
                      \x20 match 00000000/00000000 at 0\n\
                      \taction order 1: mirred (Egress Redirect to device ifb4eth0) stolen\n";
        assert_eq!(obstacle(shaper), None);
        assert_eq!(obstacle(""), None);
        let bpf = "filter protocol all pref 1 bpf chain 0 handle 0x1 cil_from_netdev direct-action\n";
        assert!(obstacle(bpf).is_some());
        let police =
            "filter protocol ip pref 1 u32 chain 0 fh 800::800\n  match 00060000/00ff0000 at 8\n";
        assert!(obstacle(police).is_some());
    }
}
