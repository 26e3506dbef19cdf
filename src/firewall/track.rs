// SPDX-License-Identifier: GPL-2.0-only
//! What conntrack makes of a packet.

use super::packet::{CtMark, ESTABLISHED, Kind, NEW, Packet};

#[derive(Debug, Clone)]
pub struct Connection {
    began_with_client: bool,
    /// Both sides have been seen. Until then all packets are new.
    is_answered: bool,
    /// None if unknown.
    pub mark: Option<u128>,
}

/// Gives the packet its state. True if it made the connection. `picks_up` is nf_conntrack_tcp_loose:
/// a connection may begin in its middle.
pub fn track(connection: &mut Option<Connection>, packet: &mut Packet, picks_up: bool) -> bool {
    let from_client = packet.kind.is_from_client();
    let is_first = connection.is_none();
    let may_begin = match packet.kind {
        Kind::Syn => true,
        Kind::SynAck => false,
        Kind::Ack | Kind::Data | Kind::Reply => picks_up,
    };
    if is_first && !may_begin {
        // The packet stays invalid.
        return false;
    }
    let connection = connection.get_or_insert(Connection {
        began_with_client: from_client,
        is_answered: false,
        mark: Some(0),
    });
    packet.is_original = connection.began_with_client == from_client;
    connection.is_answered |= !packet.is_original;
    packet.state = if connection.is_answered { ESTABLISHED } else { NEW };
    packet.ct_mark = connection.mark.map_or(CtMark::Unknown, CtMark::Number);
    is_first
}
