// SPDX-License-Identifier: GPL-2.0-only
//! Asks the kernel for a list, and reads its parts.

use std::io;
use std::ops::ControlFlow;

use anyhow::{Context, Result, bail, ensure};
use netlink_packet_core::{
    DecodeError, DoneBuffer, ErrorBuffer, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NLMSG_ALIGNTO,
    NLMSG_DONE, NLMSG_ERROR, NLMSG_NOOP, NLMSG_OVERRUN, NetlinkBuffer, NetlinkMessage, NetlinkPayload,
    NetlinkSerializable, NlaBuffer, NlasIterator,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_sys::protocols::{NETLINK_ROUTE, NETLINK_SOCK_DIAG};
use netlink_sys::{Socket, SocketAddr};

/// How often a list is read that changes meanwhile.
const ATTEMPTS: usize = 8;

/// Bytes. The kernel fills 32 KiB at most, unless a single entry is larger.
const ROOM: usize = 128 << 10;

/// A question, of the protocol that answers it.
pub(super) trait Question: NetlinkSerializable + Into<NetlinkPayload<Self>> {
    const PROTOCOL: isize;
}

impl Question for RouteNetlinkMessage {
    const PROTOCOL: isize = NETLINK_ROUTE;
}

impl Question for SockDiagMessage {
    const PROTOCOL: isize = NETLINK_SOCK_DIAG;
}

/// Gives each entry of a list to `visit`, without the header of its message. `visit` may end it early.
///
/// When the list has changed meanwhile, all begins again with an empty `T`.
///
/// An error of the kernel's is an [`io::Error`].
pub(super) fn dump<T: Default, Q: Question>(
    question: Q,
    mut visit: impl FnMut(&mut T, &[u8]) -> Result<ControlFlow<()>>,
) -> Result<T> {
    let question = serialize(question);
    for _ in 0..ATTEMPTS {
        let socket = open(Q::PROTOCOL)?;
        socket.send(&question, 0)?;
        let mut found = T::default();
        let reading = read(|bytes| receive(&socket, bytes), |entry| visit(&mut found, entry))?;
        if reading == Reading::Consistent {
            return Ok(found);
        }
    }
    bail!("it changed each of the {ATTEMPTS} times that it was read")
}

fn serialize<Q: Question>(question: Q) -> Vec<u8> {
    let mut message = NetlinkMessage::from(question);
    message.header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    Consistent,
    /// Entries may be missing.
    Disturbed,
}

/// `receive` writes the next part of the answer; false: a part was lost.
fn read(
    mut receive: impl FnMut(&mut Vec<u8>) -> Result<bool>,
    mut visit: impl FnMut(&[u8]) -> Result<ControlFlow<()>>,
) -> Result<Reading> {
    let mut bytes = Vec::with_capacity(ROOM);
    let mut reading = Reading::Consistent;
    while receive(&mut bytes)? {
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let message = NetlinkBuffer::new_checked(rest)?;
            if message.flags() & NLM_F_DUMP_INTR != 0 {
                reading = Reading::Disturbed;
            }
            match message.message_type() {
                NLMSG_DONE => return done(message.payload()).map(|()| reading),
                NLMSG_ERROR => return refused(message.payload()).map(|()| reading),
                NLMSG_NOOP => {}
                NLMSG_OVERRUN => return Ok(Reading::Disturbed),
                _ => {
                    if visit(message.payload())?.is_break() {
                        // The rest goes with the socket.
                        return Ok(Reading::Consistent);
                    }
                }
            }
            let length = (message.length() as usize).next_multiple_of(NLMSG_ALIGNTO.into());
            rest = rest.get(length..).unwrap_or_default();
        }
    }
    Ok(Reading::Disturbed)
}

fn open(protocol: isize) -> Result<Socket> {
    let socket = Socket::new(protocol)?;
    // Without it the kernel leaves out none of the routes that the question does not ask for.
    socket.set_netlink_get_strict_chk(true)?;
    // From now on no other process can answer.
    socket.connect(&SocketAddr::new(0, 0))?;
    Ok(socket)
}

fn receive(socket: &Socket, bytes: &mut Vec<u8>) -> Result<bool> {
    loop {
        bytes.clear();
        match socket.recv(bytes, libc::MSG_TRUNC) {
            Ok(length) => {
                ensure!(length <= bytes.len(), "an entry is too large: {length} bytes");
                return Ok(true);
            }
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn done(payload: &[u8]) -> Result<()> {
    // An empty end is a good one.
    let code = DoneBuffer::new_checked(payload).map_or(0, |end| end.code());
    if code < 0 { Err(io::Error::from_raw_os_error(-code).into()) } else { Ok(()) }
}

fn refused(payload: &[u8]) -> Result<()> {
    let code = ErrorBuffer::new_checked(payload)?.code().context("an answer without a list")?;
    Err(io::Error::from_raw_os_error(-code.get()).into())
}

/// The attributes of an entry whose header has this length, as `read` understands them.
///
/// Those that it does not understand are left out: a later kernel may change one that nobody here needs.
pub(super) fn attributes<'a, A>(
    entry: &'a [u8],
    header_length: usize,
    read: impl Fn(&NlaBuffer<&'a [u8]>) -> Result<A, DecodeError>,
) -> impl Iterator<Item = A> {
    let attributes = NlasIterator::new(entry.get(header_length..).unwrap_or_default());
    attributes.flatten().flat_map(move |attribute| read(&attribute))
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use netlink_packet_core::{Emitable, NetlinkHeader};

    use super::*;

    const ENTRY: u16 = 20;
    const END: i32 = 0;

    fn message(message_type: u16, flags: u16, payload: &[u8]) -> Vec<u8> {
        let mut header = NetlinkHeader::default();
        header.length = (header.buffer_len() + payload.len()) as u32;
        header.message_type = message_type;
        header.flags = flags;
        let mut bytes = vec![0; header.buffer_len()];
        header.emit(&mut bytes);
        bytes.extend(payload);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn entry(payload: &[u8]) -> Vec<u8> {
        message(ENTRY, 0, payload)
    }

    fn end(code: i32) -> Vec<u8> {
        message(NLMSG_DONE, 0, &code.to_ne_bytes())
    }

    /// What is read of an answer in parts, up to an entry "stop". After the last part one is lost.
    fn read_parts(parts: &[Vec<u8>]) -> (Result<Reading>, Vec<String>) {
        let mut parts: VecDeque<_> = parts.iter().cloned().collect();
        let mut entries = Vec::new();
        let receive = |bytes: &mut Vec<u8>| {
            let part = parts.pop_front();
            *bytes = part.clone().unwrap_or_default();
            Ok(part.is_some())
        };
        let visit = |entry: &[u8]| {
            entries.push(String::from_utf8_lossy(entry).into());
            Ok(if entry == b"stop" { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        };
        (read(receive, visit), entries)
    }

    fn code_of(outcome: Result<Reading>) -> Option<i32> {
        outcome.unwrap_err().downcast_ref::<io::Error>().unwrap().raw_os_error()
    }

    #[test]
    fn reads_all_parts_to_the_end() {
        let parts = [[entry(b"a"), entry(b"bcdef")].concat(), entry(b"g"), end(END)];
        let (outcome, entries) = read_parts(&parts);
        assert_eq!(outcome.unwrap(), Reading::Consistent);
        assert_eq!(entries, ["a", "bcdef", "g"]);
        let without_code = message(NLMSG_DONE, 0, &[]);
        assert_eq!(read_parts(&[without_code]).0.unwrap(), Reading::Consistent);
    }

    #[test]
    fn stops_when_told() {
        let (outcome, entries) = read_parts(&[[entry(b"a"), entry(b"stop"), entry(b"b")].concat()]);
        assert_eq!(outcome.unwrap(), Reading::Consistent);
        assert_eq!(entries, ["a", "stop"]);
    }

    #[test]
    fn change_and_loss_are_seen() {
        let changed = message(ENTRY, NLM_F_DUMP_INTR, b"a");
        let changed_at_end = message(NLMSG_DONE, NLM_F_DUMP_INTR, &END.to_ne_bytes());
        for parts in [
            vec![changed, entry(b"b"), end(END)],
            vec![entry(b"a"), changed_at_end],
            vec![entry(b"a"), message(NLMSG_OVERRUN, 0, &[])],
            vec![entry(b"a")],
        ] {
            assert_eq!(read_parts(&parts).0.unwrap(), Reading::Disturbed);
        }
    }

    #[test]
    fn kernels_errors_keep_their_number() {
        let refusal = message(NLMSG_ERROR, 0, &[(-libc::EPERM).to_ne_bytes(), [0; 4]].concat());
        assert_eq!(code_of(read_parts(&[refusal]).0), Some(libc::EPERM));
        assert_eq!(code_of(read_parts(&[entry(b"a"), end(-libc::ENOENT)]).0), Some(libc::ENOENT));
    }

    #[test]
    fn cut_message_is_an_error() {
        let whole = entry(b"abcd");
        for length in 1..whole.len() {
            assert!(read_parts(&[whole[..length].to_vec()]).0.is_err(), "{length}");
        }
    }
}
