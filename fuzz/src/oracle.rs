// SPDX-License-Identifier: GPL-2.0-only
//! An independent verdict on a frame, from a packet-parsing crate and the rules of
//! docs/ARCHITECTURE.md. It shares nothing with the BPF program.

use std::fmt;
use std::net::Ipv6Addr;

use etherparse::{
    EtherType, Ethernet2Slice, IpAuthHeaderSlice, IpNumber, Ipv4HeaderSlice, Ipv6FragmentHeaderSlice,
    Ipv6HeaderSlice, Ipv6RawExtHeaderSlice, SingleVlanSlice, TcpHeaderSlice, ip_number,
};

const MAX_TAGS: usize = 2;
const MAX_EXTENSIONS: usize = 8;

const IPV4_LEN: usize = 20;
const TCP_LEN: usize = 20;
/// The length of the shortest extension header.
const EXTENSION_LEN: usize = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Not a SYN, so it passes.
    Skip,
    /// A well-formed SYN from this source. An IPv4 address is mapped.
    Syn(Ipv6Addr),
    /// A packet that no honest stack sends.
    Drop,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Skip => f.write_str("skip"),
            Self::Syn(source) => write!(f, "SYN of {source}"),
            Self::Drop => f.write_str("drop"),
        }
    }
}

/// What is known about a packet before its TCP header.
struct Addresses {
    source: Ipv6Addr,
    destination: Ipv6Addr,
    is_ipv4: bool,
}

pub fn judge(frame: &[u8]) -> Verdict {
    let Ok(ethernet) = Ethernet2Slice::from_slice_without_fcs(frame) else { return Verdict::Skip };
    let mut ether_type = ethernet.ether_type();
    let mut rest = ethernet.payload_slice();
    let mut tags = 0;
    while matches!(ether_type, EtherType::VLAN_TAGGED_FRAME | EtherType::PROVIDER_BRIDGING) {
        let Ok(tag) = SingleVlanSlice::from_slice(rest) else { return Verdict::Skip };
        tags += 1;
        if tags > MAX_TAGS {
            return Verdict::Drop;
        }
        (ether_type, rest) = (tag.ether_type(), tag.payload_slice());
    }
    match ether_type {
        EtherType::IPV4 => ipv4(rest),
        EtherType::IPV6 => ipv6(rest),
        _ => Verdict::Skip,
    }
}

/// At most `len` of these bytes. `len` is the length in a header; 0 means all bytes.
fn limited(bytes: &[u8], len: usize) -> &[u8] {
    if len == 0 { bytes } else { &bytes[..len.min(bytes.len())] }
}

fn ipv4(packet: &[u8]) -> Verdict {
    let Some(fixed) = packet.first_chunk::<IPV4_LEN>() else { return Verdict::Skip };
    if IpNumber(fixed[9]) != ip_number::TCP {
        return Verdict::Skip;
    }
    let header_len = 4 * usize::from(fixed[0] & 15);
    if header_len < IPV4_LEN {
        return Verdict::Drop;
    }
    // The crate refuses a header with cut options, but everything needed comes before them.
    let mut without_options = *fixed;
    without_options[0] = fixed[0] & 0xf0 | 5;
    let Ok(ip) = Ipv4HeaderSlice::from_slice(&without_options) else { return Verdict::Drop };
    match ip.fragments_offset().value() {
        0 => {}
        1 => return Verdict::Drop,
        _ => return Verdict::Skip,
    }
    let addresses = Addresses {
        source: ip.source_addr().to_ipv6_mapped(),
        destination: ip.destination_addr().to_ipv6_mapped(),
        is_ipv4: true,
    };
    let whole = limited(packet, ip.total_len().into());
    tcp(whole.get(header_len..).unwrap_or_default(), &addresses)
}

fn ipv6(packet: &[u8]) -> Verdict {
    if packet.len() < etherparse::Ipv6Header::LEN {
        return Verdict::Skip;
    }
    let Ok(ip) = Ipv6HeaderSlice::from_slice(packet) else { return Verdict::Drop };
    let addresses =
        Addresses { source: ip.source_addr(), destination: ip.destination_addr(), is_ipv4: false };
    let mut rest = limited(&packet[ip.slice().len()..], ip.payload_length().into());
    let mut next = ip.next_header();
    let mut in_fragments = false;
    let mut extensions = 0;
    while is_extension(next) {
        if rest.len() < EXTENSION_LEN {
            // It is unknown whether this is TCP. But a first fragment must contain the whole chain.
            return if in_fragments { Verdict::Drop } else { Verdict::Skip };
        }
        if next == ip_number::IPV6_FRAGMENTATION_HEADER
            && let Ok(fragment) = Ipv6FragmentHeaderSlice::from_slice(rest)
        {
            let holds_tcp = fragment.next_header() == ip_number::TCP;
            match fragment.fragment_offset().value() {
                0 => in_fragments |= fragment.more_fragments(),
                1 if holds_tcp => return Verdict::Drop,
                _ => return Verdict::Skip,
            }
        }
        extensions += 1;
        if extensions > MAX_EXTENSIONS {
            return Verdict::Drop;
        }
        (next, rest) = behind_extension(next, rest);
    }
    if next == ip_number::TCP { tcp(rest, &addresses) } else { Verdict::Skip }
}

fn is_extension(number: IpNumber) -> bool {
    matches!(
        number,
        ip_number::IPV6_HEADER_HOP_BY_HOP
            | ip_number::IPV6_ROUTE_HEADER
            | ip_number::IPV6_DESTINATION_OPTIONS
            | ip_number::IPV6_FRAGMENTATION_HEADER
            | ip_number::AUTHENTICATION_HEADER
    )
}

/// The number of the next header after an extension header of at least 8 bytes, and the bytes after it.
fn behind_extension(number: IpNumber, bytes: &[u8]) -> (IpNumber, &[u8]) {
    let len = match number {
        ip_number::IPV6_FRAGMENTATION_HEADER => {
            Ipv6FragmentHeaderSlice::from_slice(bytes).map(|header| header.slice().len()).ok()
        }
        // Too short for its own fields. The crate refuses it, but Linux skips it.
        ip_number::AUTHENTICATION_HEADER if bytes[1] == 0 => Some(EXTENSION_LEN),
        ip_number::AUTHENTICATION_HEADER => {
            IpAuthHeaderSlice::from_slice(bytes).map(|header| header.slice().len()).ok()
        }
        _ => Ipv6RawExtHeaderSlice::from_slice(bytes).map(|header| header.slice().len()).ok(),
    };
    // A header that is longer than the packet still names the next one, but has no bytes after it.
    let rest = len.map_or(&[][..], |len| &bytes[len..]);
    (IpNumber(bytes[0]), rest)
}

fn tcp(segment: &[u8], addresses: &Addresses) -> Verdict {
    let Some(fixed) = segment.first_chunk::<TCP_LEN>() else { return Verdict::Drop };
    // As with IPv4: the flags come before the options, whatever the data offset is.
    let mut without_options = *fixed;
    without_options[12] = fixed[12] & 15 | 5 << 4;
    let Ok(tcp) = TcpHeaderSlice::from_slice(&without_options) else { return Verdict::Drop };
    if !tcp.syn() || tcp.ack() {
        return Verdict::Skip;
    }
    let land = addresses.source == addresses.destination && tcp.source_port() == tcp.destination_port();
    let mapped = !addresses.is_ipv4 && addresses.source.to_ipv4_mapped().is_some();
    let malformed = TcpHeaderSlice::from_slice(segment).is_err();
    if malformed || tcp.fin() || tcp.rst() || land || mapped {
        return Verdict::Drop;
    }
    Verdict::Syn(addresses.source)
}

#[cfg(test)]
mod tests {
    use super::{Verdict, judge};
    use lab::verdicts::table;

    /// The two share no code: the table was written by hand, row by row.
    #[test]
    fn the_oracle_agrees_with_the_table_of_verdicts() {
        for (what, frame, reason) in table() {
            let verdict = judge(&frame);
            let agrees = match reason.split('_').next() {
                Some("skip") => verdict == Verdict::Skip,
                // drop_denied comes from the policy, not from the parser.
                Some("drop") if reason != "drop_denied" => verdict == Verdict::Drop,
                _ => matches!(verdict, Verdict::Syn(_)),
            };
            assert!(agrees, "{what}: {reason}, but the oracle says {verdict}");
        }
    }
}
