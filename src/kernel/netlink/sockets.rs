// SPDX-License-Identifier: GPL-2.0-only

use std::net::IpAddr;
use std::ops::ControlFlow;

use anyhow::{Context, Result};
use netlink_packet_core::{Emitable, NlasIterator, Parseable};
use netlink_packet_sock_diag::inet::{
    ExtensionFlags, InetRequest, InetResponseHeader, SocketId, StateFlags,
};
use netlink_packet_sock_diag::{AF_INET, AF_INET6, INET_DIAG_SKV6ONLY, IPPROTO_TCP, SockDiagMessage};

use super::dump::{attributes, dump};

/// Of include/uapi/linux/inet_diag.h.
const INET_DIAG_ULP_INFO: u16 = 19;
const INET_ULP_INFO_NAME: u16 = 1;

/// The family of a socket. One of IPv6 may serve IPv4 too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// AF_INET.
    V4,
    /// AF_INET6.
    V6,
}

impl Family {
    const ALL: [(Self, u8); 2] = [(Self::V4, AF_INET), (Self::V6, AF_INET6)];
}

/// A TCP socket that listens. Of several that share a port, each is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Unspecified if it listens on all. An IPv6 socket that is bound to an IPv4 address has the latter.
    pub address: IpAddr,
    /// The TCP port.
    pub port: u16,
    /// Of the socket.
    pub family: Family,
    /// Whether it is an IPv6 socket that serves no IPv4, by its option or its address.
    pub v6_only: bool,
    /// The index of the interface that it is bound to; 0 if it is bound to none. In a VRF, the VRF's.
    pub interface: u32,
    /// Whether it serves MPTCP. Known only to a caller with CAP_NET_ADMIN.
    pub is_mptcp: bool,
}

/// All TCP sockets that listen. Costs the same however many connections there are.
///
/// Fails if the kernel refuses, or was built without INET_DIAG.
pub fn listeners() -> Result<Vec<Listener>> {
    let mut found = Vec::new();
    for (family, number) in Family::ALL {
        // The kernel tells about MPTCP only together with its struct tcp_info.
        let question = question(number, ExtensionFlags::INFO, StateFlags::LISTEN);
        let listeners = dump(question, |listeners: &mut Vec<Listener>, entry| {
            listeners.push(listener(entry, family)?);
            Ok(ControlFlow::Continue(()))
        });
        found.extend(listeners.context("cannot list the listening sockets")?);
    }
    Ok(found)
}

/// The queue of a TCP socket that listens: connections that stand and wait to be accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Queue {
    pub port: u16,
    pub length: u32,
    /// The kernel refuses connections when it is longer.
    pub limit: u32,
}

/// The queues of all TCP sockets that listen.
///
/// Fails if the kernel refuses, or was built without INET_DIAG.
pub fn queues() -> Result<Vec<Queue>> {
    let mut found = Vec::new();
    for (_, number) in Family::ALL {
        let question = question(number, ExtensionFlags::empty(), StateFlags::LISTEN);
        let queues = dump(question, |queues: &mut Vec<Queue>, entry| {
            let header = InetResponseHeader::parse(entry)?;
            let (length, limit) = (header.recv_queue, header.send_queue);
            queues.push(Queue { port: header.socket_id.source_port, length, limit });
            Ok(ControlFlow::Continue(()))
        });
        found.extend(queues.context("cannot list the listening sockets")?);
    }
    Ok(found)
}

/// Gives the remote address of each TCP socket that does not listen: open, half-open, closing, and in
/// TIME_WAIT. IPv4 addresses come as such, whatever the socket's family.
///
/// The same address comes once for each socket, and perhaps again for a socket that changes meanwhile.
///
/// Fails if the kernel refuses, or was built without INET_DIAG. `visit` may then have been given a part.
pub fn for_each_peer(mut visit: impl FnMut(IpAddr)) -> Result<()> {
    // The kernel takes SYN_RECV for both ways in which it holds half-open connections.
    let states = StateFlags::all().difference(StateFlags::LISTEN);
    for (_, number) in Family::ALL {
        let question = question(number, ExtensionFlags::empty(), states.clone());
        let outcome = dump(question, |(): &mut (), entry| {
            let socket = InetResponseHeader::parse(entry)?.socket_id;
            visit(socket.destination_address.to_canonical());
            Ok(ControlFlow::Continue(()))
        });
        outcome.context("cannot list the TCP connections")?;
    }
    Ok(())
}

fn question(family: u8, extensions: ExtensionFlags, states: StateFlags) -> SockDiagMessage {
    // The addresses are not looked at in a list.
    let socket_id = SocketId::new_v4();
    let request = InetRequest { family, protocol: IPPROTO_TCP, extensions, states, socket_id };
    SockDiagMessage::InetRequest(request)
}

fn listener(entry: &[u8], family: Family) -> Result<Listener> {
    let header = InetResponseHeader::parse(entry)?;
    let mut listener = Listener {
        address: header.socket_id.source_address.to_canonical(),
        port: header.socket_id.source_port,
        family,
        v6_only: false,
        interface: header.socket_id.interface_id,
        is_mptcp: false,
    };
    for attribute in attributes(entry, header.buffer_len(), |attribute| Ok(*attribute)) {
        match attribute.kind() {
            INET_DIAG_SKV6ONLY => listener.v6_only = attribute.value() == [1],
            INET_DIAG_ULP_INFO => listener.is_mptcp = is_about_mptcp(attribute.value()),
            _ => {}
        }
    }
    Ok(listener)
}

/// Whether the protocol on top of a TCP socket is MPTCP. TLS is another.
fn is_about_mptcp(upper: &[u8]) -> bool {
    NlasIterator::new(upper)
        .flatten()
        .any(|each| each.kind() == INET_ULP_INFO_NAME && each.value() == b"mptcp\0")
}
