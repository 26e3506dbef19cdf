// SPDX-License-Identifier: GPL-2.0-only
//! Which segments acknowledge a cookie, read without the program.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use lab::cookie::Flow;
use lab::program::LOOPBACK_MAC;

const ETHERNET_LEN: usize = 14;
const IPV4_LEN: usize = 20;
const IPV6_LEN: usize = 40;
const TCP_LEN: usize = 20;
const TCP: u8 = 6;

const TIMESTAMP: u8 = 8;
const TIMESTAMP_LEN: usize = 10;
/// The usual place of a timestamp: behind two NOPs.
const USUAL: [u8; 4] = [1, 1, TIMESTAMP, TIMESTAMP_LEN as u8];
/// More options are not looked at, with padding.
const MAX_OPTIONS: usize = 20;

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;

/// A segment that may be an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    pub flow: Flow,
    pub cookie: u32,
    /// The timestamp that it echoes.
    pub tsecr: Option<u32>,
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// None: it is not for this host, its headers are not plain, or its flags are not those of an answer.
pub fn read(frame: &[u8]) -> Option<Answer> {
    let (ethernet, packet) = frame.split_at_checked(ETHERNET_LEN)?;
    if ethernet[..6] != LOOPBACK_MAC {
        return None;
    }
    let (source, destination, segment): (IpAddr, IpAddr, _) = match ethernet[12..] {
        [0x08, 0x00] => {
            let (ip, segment) = packet.split_at_checked(IPV4_LEN)?;
            let is_fragment = u16::from_be_bytes([ip[6], ip[7]]) & 0x3fff != 0;
            if ip[0] & 15 != 5 || ip[9] != TCP || is_fragment {
                return None;
            }
            let address = |at| Ipv4Addr::from_bits(word(ip, at).unwrap()).into();
            (address(12), address(16), segment)
        }
        [0x86, 0xdd] => {
            let (ip, segment) = packet.split_at_checked(IPV6_LEN)?;
            if ip[6] != TCP {
                return None;
            }
            let address = |at: usize| {
                let octets: [u8; 16] = ip[at..at + 16].try_into().unwrap();
                Ipv6Addr::from(octets).into()
            };
            (address(8), address(24), segment)
        }
        _ => return None,
    };
    let tcp = segment.get(..TCP_LEN)?;
    let header_len = usize::from(tcp[12] >> 4) * 4;
    if tcp[13] & (ACK | SYN | FIN | RST) != ACK || header_len < TCP_LEN {
        return None;
    }
    let port = |at| u16::from_be_bytes([tcp[at], tcp[at + 1]]);
    Some(Answer {
        flow: Flow {
            source: SocketAddr::new(source, port(0)),
            destination: SocketAddr::new(destination, port(2)),
            isn: word(tcp, 4)?.wrapping_sub(1),
        },
        cookie: word(tcp, 8)?.wrapping_sub(1),
        tsecr: echoed(segment, header_len),
    })
}

/// The timestamp that a segment echoes, in its usual place or else in the last option of its kind.
fn echoed(segment: &[u8], header_len: usize) -> Option<u32> {
    if header_len < TCP_LEN + TIMESTAMP_LEN {
        return None;
    }
    // Where there is room for it, its usual place is in the frame too.
    let usual = segment.get(TCP_LEN..TCP_LEN + USUAL.len() + 8)?;
    if usual.starts_with(&USUAL) {
        return word(usual, 8);
    }
    // Whatever is behind the header counts as zero.
    let mut header = [0; 60];
    header[..header_len].copy_from_slice(segment.get(..header_len)?);
    let at = last_timestamp(&header, header_len)?;
    if usize::from(header[at + 1]) != TIMESTAMP_LEN || at + TIMESTAMP_LEN > header.len() {
        return None;
    }
    word(&header, at + 6)
}

/// Where the last option of this kind is, of whatever size.
fn last_timestamp(header: &[u8; 60], len: usize) -> Option<usize> {
    let mut at = TCP_LEN;
    let mut found = None;
    for _ in 0..MAX_OPTIONS {
        if at >= len || at + 2 > header.len() {
            break;
        }
        match header[at] {
            0 => break,
            1 => at += 1,
            kind => {
                if kind == TIMESTAMP {
                    found = Some(at);
                }
                let size = usize::from(header[at + 1]);
                if size < 2 || at + size > len {
                    break;
                }
                at += size;
            }
        }
    }
    found
}
