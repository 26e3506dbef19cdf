// SPDX-License-Identifier: GPL-2.0-only
//! The IP packets of a capture. Whatever the file is, this takes no more memory than some buffers of the reader.

use std::io::{ErrorKind, Read};

use anyhow::{Context, Result, bail, ensure};
use pcap_file::pcap::PcapReader;
use pcap_file::pcapng::PcapNgReader;
use pcap_file::pcapng::blocks::{
    ENHANCED_PACKET_BLOCK, INTERFACE_DESCRIPTION_BLOCK, RawBlock, SECTION_HEADER_BLOCK,
    SIMPLE_PACKET_BLOCK,
};
use pcap_file::{DataLink, Endianness, PcapError};

use super::link::Link;

/// The first four bytes of a pcap: in both orders, with micro- and nanoseconds.
const PCAP: [[u8; 4]; 4] = [
    [0xa1, 0xb2, 0xc3, 0xd4],
    [0xd4, 0xc3, 0xb2, 0xa1],
    [0xa1, 0xb2, 0x3c, 0x4d],
    [0x4d, 0x3c, 0xb2, 0xa1],
];
const PCAPNG: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];
/// gzip, xz, zstd, bzip2
const COMPRESSED: [&[u8]; 4] =
    [&[0x1f, 0x8b], &[0xfd, 0x37, 0x7a, 0x58], &[0x28, 0xb5, 0x2f, 0xfd], b"BZh"];

/// Bytes. The reader keeps what a section says of its interfaces; real ones say some hundred bytes of each.
const MAX_INTERFACES: usize = 1 << 20;

/// What was in a file.
#[derive(Debug, Default)]
pub struct Contents {
    pub packets: u64,
    /// Why the rest of the file was not read.
    pub broken: Option<String>,
}

/// Gives `each` every packet, from its IP header on. Of a file that breaks off, those before.
pub fn read(mut input: impl Read, each: &mut dyn FnMut(&[u8])) -> Result<Contents> {
    let mut magic = Vec::new();
    input.by_ref().take(PCAPNG.len() as u64).read_to_end(&mut magic)?;
    ensure!(!magic.is_empty(), "it is empty");
    let is_pcap = magic.first_chunk().is_some_and(|magic| PCAP.contains(magic));
    let is_pcapng = magic == PCAPNG;
    let is_compressed = COMPRESSED.iter().any(|beginning| magic.starts_with(beginning));
    ensure!(
        !is_compressed,
        "it is compressed: give it as in `zcat FILE | synflood-xdp learn --attack - …`"
    );
    ensure!(
        is_pcap || is_pcapng,
        "it is no capture: give a pcap or a pcapng, as tcpdump -w writes them"
    );
    let whole = magic.chain(input);
    if is_pcap { pcap(whole, each) } else { pcapng(whole, each) }
}

fn pcap(input: impl Read, each: &mut dyn FnMut(&[u8])) -> Result<Contents> {
    let mut reader = PcapReader::new(input).map_err(cause)?;
    let link = reader.header().datalink;
    let Some(link) = Link::of(link) else { bail!(unknown(link)) };
    let mut contents = Contents::default();
    while let Some(packet) = reader.next_raw_packet() {
        match packet {
            Ok(packet) => {
                contents.packets += 1;
                link.packet(&packet.data).into_iter().for_each(&mut *each);
            }
            Err(error) => {
                contents.broken = Some(end(error)?);
                break;
            }
        }
    }
    Ok(contents)
}

fn pcapng(input: impl Read, each: &mut dyn FnMut(&[u8])) -> Result<Contents> {
    let mut reader = PcapNgReader::new(input).map_err(cause)?;
    let mut interfaces = Interfaces::default();
    let mut contents = Contents::default();
    loop {
        let order = reader.section().endianness;
        let block = match reader.next_raw_block() {
            None => break,
            Some(Ok(block)) => block,
            Some(Err(error)) => {
                contents.broken = Some(end(error)?);
                break;
            }
        };
        let length = block.body.len();
        match block.type_ {
            SECTION_HEADER_BLOCK => interfaces.begin_section(),
            INTERFACE_DESCRIPTION_BLOCK => {
                drop(block);
                let described =
                    reader.interfaces().last().context("an interface is described by nothing")?;
                interfaces.add(described.linktype, length)?;
            }
            _ => {
                let Some((interface, frame)) = frame(&block, order) else { continue };
                contents.packets += 1;
                let link = interfaces.links.get(interface).copied().flatten();
                link.and_then(|link| link.packet(frame)).into_iter().for_each(&mut *each);
            }
        }
    }
    match interfaces.unread {
        Some(link) if !interfaces.is_any_read => bail!(unknown(link)),
        _ => Ok(contents),
    }
}

/// What frames of a section's interfaces look like.
#[derive(Default)]
struct Interfaces {
    /// None: in a way that is not read.
    links: Vec<Option<Link>>,
    described_by: usize,
    /// In any section.
    is_any_read: bool,
    unread: Option<DataLink>,
}

impl Interfaces {
    fn begin_section(&mut self) {
        self.links.clear();
        self.described_by = 0;
    }

    fn add(&mut self, linktype: DataLink, length: usize) -> Result<()> {
        self.described_by += length;
        ensure!(self.described_by <= MAX_INTERFACES, "it describes more interfaces than a host has");
        let link = Link::of(linktype);
        match link {
            Some(_) => self.is_any_read = true,
            None => self.unread = Some(linktype),
        }
        self.links.push(link);
        Ok(())
    }
}

/// The interface and the frame of a block, if it has one (draft-ietf-opsawg-pcapng, 4.3 and 4.4).
fn frame<'a>(block: &'a RawBlock<'_>, order: Endianness) -> Option<(usize, &'a [u8])> {
    let word = |at: usize| {
        let bytes = *block.body.get(at..)?.first_chunk()?;
        let word = match order {
            Endianness::Big => u32::from_be_bytes(bytes),
            Endianness::Little => u32::from_le_bytes(bytes),
        };
        usize::try_from(word).ok()
    };
    match block.type_ {
        ENHANCED_PACKET_BLOCK => Some((word(0)?, block.body.get(20..)?.get(..word(12)?)?)),
        // Always of the first interface. What pads it cannot be told from it, and harms nobody.
        SIMPLE_PACKET_BLOCK => Some((0, block.body.get(4..)?)),
        _ => None,
    }
}

fn unknown(link: DataLink) -> String {
    format!(
        "its frames have link type {}, which is not read here: Ethernet, raw IP, Linux cooked and BSD loopback are",
        u32::from(link)
    )
}

/// Why a file ends before its end. An error if the file cannot be read at all.
fn end(error: PcapError) -> Result<String> {
    match error {
        PcapError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => {
            Ok("it ends in the middle of a packet".into())
        }
        PcapError::IoError(error) => Err(error.into()),
        error => Ok(format!("it is damaged ({error})")),
    }
}

fn cause(error: PcapError) -> anyhow::Error {
    match end(error) {
        Ok(end) => anyhow::Error::msg(end),
        Err(error) => error,
    }
}

#[cfg(test)]
mod tests;
