// SPDX-License-Identifier: GPL-2.0-only
//! Segments as a pcapng file (draft-ietf-opsawg-pcapng), which Wireshark and tcpdump read.

use std::borrow::Cow;
use std::io::{self, Write};
use std::time::Duration;

use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::pcapng::blocks::section_header::{SectionHeaderBlock, SectionHeaderOption};
use pcap_file::{DataLink, Endianness, PcapError};

use super::segment::Segment;

/// epb_flags: where the packet went.
const INBOUND: u32 = 1;
const OUTBOUND: u32 = 2;

/// if_tsresol: units of 10^-9 s.
const NANOSECONDS: u8 = 9;

/// A capture of one interface.
pub struct Capture<W: Write> {
    writer: PcapNgWriter<W>,
}

impl<W: Write> Capture<W> {
    /// `snaplen`: the most bytes of a frame that are in it.
    pub fn new(out: W, interface: &str, snaplen: u32) -> io::Result<Self> {
        let program = concat!("synflood-xdp ", env!("CARGO_PKG_VERSION"));
        let section = SectionHeaderBlock {
            endianness: Endianness::native(),
            options: vec![SectionHeaderOption::UserApplication(Cow::Borrowed(program))],
            ..Default::default()
        };
        let mut writer = PcapNgWriter::with_section_header(out, section).map_err(cause)?;
        let description = InterfaceDescriptionBlock {
            linktype: DataLink::ETHERNET,
            snaplen,
            options: vec![
                InterfaceDescriptionOption::IfName(Cow::Borrowed(interface)),
                InterfaceDescriptionOption::IfTsResol(NANOSECONDS),
            ],
        };
        writer.write_pcapng_block(description).map_err(cause)?;
        Ok(Self { writer })
    }

    /// The verdict becomes the packet's comment.
    pub fn write(&mut self, segment: &Segment) -> io::Result<()> {
        let direction = if segment.is_out { OUTBOUND } else { INBOUND };
        let comment = segment.verdict().map(Cow::Owned).map(EnhancedPacketOption::Comment);
        let packet = EnhancedPacketBlock {
            interface_id: 0,
            timestamp: Duration::from_nanos(
                segment.at.timestamp_nanos_opt().unwrap_or_default().unsigned_abs(),
            ),
            original_len: segment.frame_len,
            data: Cow::Borrowed(&segment.bytes),
            options: [EnhancedPacketOption::Flags(direction)].into_iter().chain(comment).collect(),
        };
        self.writer.write_pcapng_block(packet).map_err(cause)?;
        Ok(())
    }

    pub fn flush(&mut self) -> io::Result<()> {
        self.writer.get_mut().flush()
    }
}

fn cause(error: PcapError) -> io::Error {
    match error {
        PcapError::IoError(error) => error,
        error => io::Error::other(error),
    }
}
