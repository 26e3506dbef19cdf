// SPDX-License-Identifier: GPL-2.0-only
//! A TCP client without a kernel: it sends what a test says, and nothing else. Panics if it cannot.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use etherparse::{EtherType, SlicedPacket, TcpHeader, TransportSlice};

use crate::frames::{segment, tagged};
use crate::pair::Pair;
use crate::wire::Wire;

/// The MSS that its SYNs offer.
pub const MSS: u16 = 1460;

/// The value of its timestamps.
const TSVAL: u32 = 0x0102_0304;

/// A host beside the pair's client, at an address of nobody. One of its connections.
#[derive(Debug)]
pub struct Stranger {
    wire: Wire,
    from: SocketAddr,
    to: SocketAddr,
    server_mac: [u8; 6],
    tags: Vec<EtherType>,
    has_timestamps: bool,
    /// The sequence number of its SYN.
    pub isn: u32,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Where the frame goes.
    pub mac: [u8; 6],
    /// Its sequence number.
    pub sequence: u32,
    /// What it acknowledges.
    pub acknowledges: u32,
    /// It is a SYN-ACK.
    pub is_synack: bool,
    /// It is a reset.
    pub is_reset: bool,
    /// The TCP options, as they are.
    pub options: Vec<u8>,
    /// The server's timestamp.
    pub tsval: u32,
    /// Its data.
    pub data: Vec<u8>,
}

impl Answer {
    /// The MSS that it offers.
    pub fn mss(&self) -> Option<u16> {
        // It is always the first option.
        let value = self.options.strip_prefix(&[2, 4])?.first_chunk::<2>()?;
        Some(u16::from_be_bytes(*value))
    }
}

impl Stranger {
    /// The server learns its neighbour, so that answers reach the wire.
    pub fn new(pair: &Pair, from: SocketAddr, to: SocketAddr) -> Self {
        let ip = from.ip().to_string();
        let neighbour = ["neighbour", "replace", &ip, "lladdr", "02:00:00:00:00:01", "dev", "eth0"];
        pair.server.run("ip", &neighbour);
        Self {
            wire: Wire::open(&pair.client, "eth0").unwrap(),
            from,
            to,
            server_mac: pair.server.mac("eth0"),
            tags: Vec::new(),
            has_timestamps: false,
            isn: 7,
        }
    }

    /// With VLAN tags of these EtherTypes.
    pub fn tagged(self, tags: &[EtherType]) -> Self {
        Self { tags: tags.to_vec(), ..self }
    }

    /// With TCP timestamps.
    pub fn with_timestamps(self) -> Self {
        Self { has_timestamps: true, ..self }
    }

    /// Another connection of it, from this port.
    pub fn set_port(&mut self, port: u16) {
        self.from.set_port(port);
    }

    /// Sends a SYN with an MSS, SACK and a window scale of 7, and perhaps a timestamp.
    pub fn send_syn(&self) {
        let [high, low] = MSS.to_be_bytes();
        let mut options = vec![2, 4, high, low, 4, 2];
        options.extend(if self.has_timestamps { timestamp(0) } else { vec![1, 1] });
        options.extend([1, 3, 3, 7]);
        let frame = self.frame(&[], |tcp| {
            tcp.syn = true;
            tcp.sequence_number = self.isn;
            tcp.set_options_raw(&options).unwrap();
        });
        self.send(&frame);
    }

    /// Sends a SYN and waits for the SYN-ACK. Repeats it, as a program may not know the listener yet.
    pub fn connect(&self) -> Answer {
        crate::wait_for("a SYN-ACK", || {
            self.send_syn();
            self.answer(Duration::from_millis(200)).filter(|answer| answer.is_synack)
        })
    }

    /// Acknowledges a SYN-ACK with this data, of which `skipped` bytes came before and were lost.
    pub fn send_ack(&self, synack: &Answer, skipped: u32, data: &[u8]) {
        self.send(&self.ack(synack, skipped, data, |_| {}));
    }

    /// The frame of [`Self::send_ack`], changed by `edit`.
    pub fn ack(
        &self,
        synack: &Answer,
        skipped: u32,
        data: &[u8],
        edit: impl FnOnce(&mut TcpHeader),
    ) -> Vec<u8> {
        self.frame(data, |tcp| {
            tcp.ack = true;
            tcp.psh = !data.is_empty();
            tcp.sequence_number = self.isn.wrapping_add(1 + skipped);
            tcp.acknowledgment_number = synack.sequence.wrapping_add(1);
            if self.has_timestamps {
                tcp.set_options_raw(&[vec![1, 1], timestamp(synack.tsval)].concat()).unwrap();
            }
            edit(tcp);
        })
    }

    /// Sends a frame.
    pub fn send(&self, frame: &[u8]) {
        self.wire.send(frame).unwrap();
    }

    /// The next segment to it; None if none comes in this time.
    pub fn answer(&self, time: Duration) -> Option<Answer> {
        let frame = self.wire.receive(time, |frame| self.read(frame).is_some())?;
        self.read(&frame)
    }

    fn frame(&self, data: &[u8], edit: impl FnOnce(&mut TcpHeader)) -> Vec<u8> {
        let mut frame = segment(self.from, self.to, data, |tcp| {
            tcp.syn = false;
            edit(tcp);
        });
        frame[..6].copy_from_slice(&self.server_mac);
        tagged(&self.tags, frame)
    }

    fn read(&self, frame: &[u8]) -> Option<Answer> {
        let packet = SlicedPacket::from_ethernet(frame).ok()?;
        let to: IpAddr = match packet.net? {
            etherparse::NetSlice::Ipv4(ip) => ip.header().destination_addr().into(),
            etherparse::NetSlice::Ipv6(ip) => ip.header().destination_addr().into(),
            etherparse::NetSlice::Arp(_) => return None,
        };
        let TransportSlice::Tcp(tcp) = packet.transport? else { return None };
        let is_ours = to == self.from.ip()
            && tcp.destination_port() == self.from.port()
            && tcp.source_port() == self.to.port();
        let tsval = tcp.options_iterator().find_map(|option| match option {
            Ok(etherparse::TcpOptionElement::Timestamp(value, _)) => Some(value),
            _ => None,
        });
        is_ours.then(|| Answer {
            mac: *frame.first_chunk().unwrap(),
            sequence: tcp.sequence_number(),
            acknowledges: tcp.acknowledgment_number(),
            is_synack: tcp.syn() && tcp.ack(),
            is_reset: tcp.rst(),
            options: tcp.options().to_vec(),
            tsval: tsval.unwrap_or(0),
            data: tcp.payload().to_vec(),
        })
    }
}

/// The option with this echo.
fn timestamp(echo: u32) -> Vec<u8> {
    [&[8, 10][..], &TSVAL.to_be_bytes(), &echo.to_be_bytes()].concat()
}
