// SPDX-License-Identifier: GPL-2.0-only
//! A TCP segment in a line, as readers of tcpdump expect it. All that comes from the packet is written as numbers or
//! words of our own.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use chrono::{DateTime, Local};
use etherparse::{LaxNetSlice, LaxSlicedPacket, TcpOptionElement, TcpSlice, TransportSlice};

/// A frame that was seen.
#[derive(Debug, Clone)]
pub struct Segment {
    pub at: DateTime<Local>,
    pub is_out: bool,
    /// Of the verdict. None: there was none.
    pub reason: Option<String>,
    /// The number of the rule that the SYN matches.
    pub rule: Option<u8>,
    /// Bytes on the wire.
    pub frame_len: u32,
    /// Its first bytes.
    pub bytes: Vec<u8>,
}

impl Segment {
    /// "drop_learned_rule (rule 2)"
    pub fn verdict(&self) -> Option<String> {
        let rule = self.rule.map_or(String::new(), |number| format!(" (rule {number})"));
        self.reason.as_ref().map(|reason| format!("{reason}{rule}"))
    }
}

/// `12:34:56.789012 in  192.0.2.7:4711 > 198.51.100.1:443 [S] seq 1, win 64240, length 0, mss 1460  challenge_sent`
pub fn line(segment: &Segment) -> String {
    let time = segment.at.format("%H:%M:%S%.6f");
    let direction = if segment.is_out { "out" } else { "in " };
    let verdict = match (segment.verdict(), segment.is_out) {
        (Some(verdict), _) => format!("  {verdict}"),
        (None, false) => "  –".into(),
        (None, true) => String::new(),
    };
    format!("{time} {direction} {}{verdict}", headers(segment))
}

fn headers(segment: &Segment) -> String {
    let len = segment.frame_len;
    let Ok(packet) = LaxSlicedPacket::from_ethernet(&segment.bytes) else {
        return format!("a frame of {len} bytes, without a header");
    };
    let Some((source, destination, ip_len)) = packet.net.as_ref().and_then(addresses) else {
        return format!("a frame of {len} bytes, with a broken IP header");
    };
    match &packet.transport {
        Some(TransportSlice::Tcp(tcp)) => {
            let start = packet.net.as_ref().map_or(0, |net| net_start(net, &segment.bytes));
            let tcp_start = offset(tcp.slice(), &segment.bytes);
            let packet_len = if ip_len == 0 { len as usize - start.min(len as usize) } else { ip_len };
            let header_len = usize::from(tcp.data_offset()) * 4;
            let payload = (start + packet_len).saturating_sub(tcp_start + header_len);
            let source = SocketAddr::new(source, tcp.source_port());
            let destination = SocketAddr::new(destination, tcp.destination_port());
            format!("{source} > {destination} {}", tcp_header(tcp, payload))
        }
        _ => format!("{source} > {destination} TCP, with a broken or cut header, {len} bytes"),
    }
}

/// Both addresses, and the length of the packet by its IP header; 0: it does not say.
fn addresses(net: &LaxNetSlice<'_>) -> Option<(IpAddr, IpAddr, usize)> {
    match net {
        LaxNetSlice::Ipv4(ip) => {
            let header = ip.header();
            let addresses = (header.source_addr().into(), header.destination_addr().into());
            Some((addresses.0, addresses.1, header.total_len().into()))
        }
        LaxNetSlice::Ipv6(ip) => {
            let header = ip.header();
            let len = usize::from(header.payload_length());
            let total = if len == 0 { 0 } else { len + header.slice().len() };
            Some((header.source_addr().into(), header.destination_addr().into(), total))
        }
        LaxNetSlice::Arp(_) => None,
    }
}

fn net_start(net: &LaxNetSlice<'_>, frame: &[u8]) -> usize {
    match net {
        LaxNetSlice::Ipv4(ip) => offset(ip.header().slice(), frame),
        LaxNetSlice::Ipv6(ip) => offset(ip.header().slice(), frame),
        LaxNetSlice::Arp(_) => 0,
    }
}

/// Where a part of the frame begins in it.
fn offset(part: &[u8], frame: &[u8]) -> usize {
    part.as_ptr().addr() - frame.as_ptr().addr()
}

fn tcp_header(tcp: &TcpSlice<'_>, payload: usize) -> String {
    let mut text = format!("[{}] seq {}", flags(tcp), tcp.sequence_number());
    if tcp.ack() {
        let _ = write!(text, ", ack {}", tcp.acknowledgment_number());
    }
    let _ = write!(text, ", win {}, length {payload}", tcp.window_size());
    if tcp.syn() {
        for option in tcp.options_iterator() {
            text += &match option {
                Ok(TcpOptionElement::Noop) => continue,
                Ok(TcpOptionElement::MaximumSegmentSize(mss)) => format!(", mss {mss}"),
                Ok(TcpOptionElement::WindowScale(scale)) => format!(", wscale {scale}"),
                Ok(TcpOptionElement::SelectiveAcknowledgementPermitted) => ", sackOK".into(),
                Ok(TcpOptionElement::SelectiveAcknowledgement(..)) => ", sack".into(),
                Ok(TcpOptionElement::Timestamp(value, echo)) => format!(", ts {value}/{echo}"),
                Err(_) => ", other options".into(),
            };
        }
    }
    text
}

/// As tcpdump has them: "S.", "P.", "."; "none".
fn flags(tcp: &TcpSlice<'_>) -> String {
    let all = [
        (tcp.fin(), 'F'),
        (tcp.syn(), 'S'),
        (tcp.rst(), 'R'),
        (tcp.psh(), 'P'),
        (tcp.ack(), '.'),
        (tcp.urg(), 'U'),
        (tcp.ece(), 'E'),
        (tcp.cwr(), 'W'),
    ];
    let set: String = all.into_iter().filter_map(|(is_set, flag)| is_set.then_some(flag)).collect();
    if set.is_empty() { "none".into() } else { set }
}
