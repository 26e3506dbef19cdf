// SPDX-License-Identifier: GPL-2.0-only
//! Which tables of nf_tables there are, asked of the kernel itself: cheap, and without any tool.

use std::os::fd::AsRawFd;

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, send, setsockopt,
    socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};

// From linux/netfilter/nf_tables.h; the subsystem is in the upper octet.
const NFT_MSG_NEWTABLE: u16 = 10 << 8;
const NFT_MSG_GETTABLE: u16 = 10 << 8 | 1;
const NFT_MSG_NEWGEN: u16 = 10 << 8 | 15;
const NFT_MSG_GETGEN: u16 = 10 << 8 | 16;
const NFTA_GEN_ID: u16 = 1;
const NFTA_TABLE_NAME: u16 = 1;

/// Octets of the headers of netlink and of netfilter.
const NETLINK: usize = 16;
const NETFILTER: usize = 4;

/// The rules of nf_tables, seen from afar.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tables {
    /// Another number after each change of any rule.
    pub generation: u32,
    /// Family, as in `NFPROTO_IPV4`, and name.
    pub names: Vec<(u8, String)>,
}

impl Tables {
    /// Of this network namespace. A kernel without nf_tables has none. Fails without CAP_NET_ADMIN.
    pub fn read() -> Result<Self> {
        match Self::ask_all() {
            // There is no nfnetlink, or nobody in it who knows tables.
            Err(Errno::EPROTONOSUPPORT | Errno::EAFNOSUPPORT | Errno::EOPNOTSUPP | Errno::EINVAL) => {
                Ok(Self::default())
            }
            outcome => outcome.context("cannot ask the kernel for the tables of nf_tables"),
        }
    }

    fn ask_all() -> nix::Result<Self> {
        let mut tables = Self::default();
        ask(NFT_MSG_GETGEN, 0, |kind, _, attributes| {
            if let (NFT_MSG_NEWGEN, Some(id)) = (kind, attribute(attributes, NFTA_GEN_ID)) {
                tables.generation = id.try_into().map_or(0, u32::from_be_bytes);
            }
        })?;
        ask(NFT_MSG_GETTABLE, libc::NLM_F_DUMP as u16, |kind, family, attributes| {
            if let (NFT_MSG_NEWTABLE, Some(name)) = (kind, attribute(attributes, NFTA_TABLE_NAME)) {
                let name = name.split(|&octet| octet == 0).next().unwrap_or_default();
                tables.names.push((family, String::from_utf8_lossy(name).into_owned()));
            }
        })?;
        Ok(tables)
    }
}

/// Gives each answer to `take`: its kind, its family, and its attributes.
fn ask(request: u16, flags: u16, mut take: impl FnMut(u16, u8, &[u8])) -> nix::Result<()> {
    let netlink = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkNetFilter,
    )?;
    setsockopt(&netlink, sockopt::ReceiveTimeout, &TimeVal::seconds(1))?;
    let flags = flags | (libc::NLM_F_REQUEST | libc::NLM_F_ACK) as u16;
    let mut message = Vec::with_capacity(NETLINK + NETFILTER);
    message.extend(((NETLINK + NETFILTER) as u32).to_ne_bytes());
    message.extend(request.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    // Number of the message and of the sender, then any family and no version.
    message.resize(NETLINK + NETFILTER, 0);
    nix::sys::socket::connect(netlink.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
    send(netlink.as_raw_fd(), &message, MsgFlags::empty())?;
    let mut answers = vec![0; 1 << 16];
    loop {
        let length = recv(netlink.as_raw_fd(), &mut answers, MsgFlags::empty())?;
        let mut rest = &answers[..length];
        while let Some((kind, body)) = next_message(&mut rest) {
            match (i32::from(kind), body) {
                (libc::NLMSG_DONE, _) => return Ok(()),
                (libc::NLMSG_ERROR, [a, b, c, d, ..]) => match i32::from_ne_bytes([*a, *b, *c, *d]) {
                    0 => return Ok(()),
                    error => return Err(Errno::from_raw(-error)),
                },
                (_, [family, _, _, _, attributes @ ..]) => take(kind, *family, attributes),
                _ => {}
            }
        }
    }
}

/// Takes a message off the front: its kind, and what is after the netlink header.
fn next_message<'a>(rest: &mut &'a [u8]) -> Option<(u16, &'a [u8])> {
    let length = u32::from_ne_bytes(rest.get(..4)?.try_into().ok()?) as usize;
    let kind = u16::from_ne_bytes(rest.get(4..6)?.try_into().ok()?);
    let body = rest.get(NETLINK..length)?;
    *rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    Some((kind, body))
}

/// The value of an attribute of this kind.
fn attribute(mut rest: &[u8], wanted: u16) -> Option<&[u8]> {
    loop {
        let length: usize = u16::from_ne_bytes(rest.get(..2)?.try_into().ok()?).into();
        let kind = u16::from_ne_bytes(rest.get(2..4)?.try_into().ok()?);
        let value = rest.get(4..length)?;
        if kind == wanted {
            return Some(value);
        }
        rest = rest.get(length.next_multiple_of(4)..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::{attribute, next_message};

    #[test]
    fn messages_and_attributes_are_taken_apart() {
        let mut bytes = Vec::new();
        for (kind, body) in [(7u16, [1u8, 2, 3, 4].as_slice()), (8, &[5])] {
            bytes.extend((16 + body.len() as u32).to_ne_bytes());
            bytes.extend(kind.to_ne_bytes());
            bytes.extend([0; 10]);
            bytes.extend(body);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        let mut rest = &bytes[..];
        assert_eq!(next_message(&mut rest), Some((7, &[1, 2, 3, 4][..])));
        assert_eq!(next_message(&mut rest), Some((8, &[5][..])));
        assert_eq!(next_message(&mut rest), None);

        let attributes =
            [[5, 0], 2u16.to_ne_bytes(), [9, 0], [0, 0], [6, 0], 1u16.to_ne_bytes(), [7, 8]];
        assert_eq!(attribute(&attributes.concat(), 1), Some(&[7, 8][..]));
        assert_eq!(attribute(&attributes.concat(), 3), None);
        assert_eq!(attribute(&[0, 0, 0, 0], 3), None, "no endless loop");
    }
}
