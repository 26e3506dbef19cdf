// SPDX-License-Identifier: GPL-2.0-only
//! From a frame of a capture to the IP packet in it (tcpdump.org/linktypes.html).

use pcap_file::DataLink;

const ETHERTYPES_OF_IP: [[u8; 2]; 2] = [[0x08, 0x00], [0x86, 0xdd]];
/// 802.1Q, 802.1ad, and what came before it.
const ETHERTYPES_OF_TAGS: [[u8; 2]; 3] = [[0x81, 0x00], [0x88, 0xa8], [0x91, 0x00]];
/// A tag's VLAN number. The next EtherType follows.
const TAG_LEN: usize = 2;

/// How frames begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// With the IP header, so many bytes from the start
    Ip { at: usize },
    /// With a header of this length and an EtherType in it
    EtherType { at: usize, header: usize },
}

impl Link {
    /// None: a type that is not read here.
    pub fn of(datalink: DataLink) -> Option<Self> {
        // The upper half says how long a checksum follows the frame.
        Some(match u32::from(datalink) & 0xffff {
            1 => Self::EtherType { at: 12, header: 14 },
            // Raw IP, as files have it, and as some systems write their own number of it.
            101 | 12 | 14 | 228 | 229 => Self::Ip { at: 0 },
            // BSD's loopback: an address family of four bytes, in whatever order, with whatever number.
            0 | 108 => Self::Ip { at: 4 },
            // Linux cooked, v1 and v2
            113 => Self::EtherType { at: 14, header: 16 },
            276 => Self::EtherType { at: 0, header: 20 },
            _ => return None,
        })
    }

    /// The frame from its IP header on.
    pub fn packet(self, frame: &[u8]) -> Option<&[u8]> {
        let (at, header) = match self {
            Self::Ip { at } => return frame.get(at..),
            Self::EtherType { at, header } => (at, header),
        };
        let mut ethertype = *frame.get(at..)?.first_chunk::<2>()?;
        let mut rest = frame.get(header..)?;
        while ETHERTYPES_OF_TAGS.contains(&ethertype) {
            ethertype = *rest.get(TAG_LEN..)?.first_chunk::<2>()?;
            rest = rest.get(TAG_LEN + 2..)?;
        }
        ETHERTYPES_OF_IP.contains(&ethertype).then_some(rest)
    }
}
