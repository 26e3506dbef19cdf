// SPDX-License-Identifier: GPL-2.0-only
//! What has happened to a packet so far.

use crate::firewall::Facts;
use crate::firewall::packet::{CtMark, Packet, UNTRACKED};
use crate::firewall::rules::{Action, MarkValue};
use crate::firewall::track::{Connection, track};

use super::Life;

/// One packet's way.
#[derive(Debug, Default)]
pub struct Passage {
    pub connection: Option<Connection>,
    is_tracked: bool,
    is_notrack: bool,
    /// The packet that made the connection.
    pub is_first: bool,
}

impl Passage {
    /// A packet of the connection, if there is one already.
    pub fn of(connection: Option<Connection>) -> Self {
        Self { connection, ..Self::default() }
    }

    pub fn track(&mut self, packet: &mut Packet, facts: &Facts) {
        if !self.is_tracked && !self.is_notrack {
            self.is_tracked = true;
            self.is_first = track(&mut self.connection, packet, facts.picks_up);
        }
    }

    pub fn act(&mut self, life: &mut Life, packet: &mut Packet, action: &Action) {
        match action {
            Action::SetMark(value) => packet.mark = mark(value, packet),
            Action::SetCtMark(value) => {
                let value = mark(value, packet);
                if let (true, Some(connection)) = (self.is_tracked, &mut self.connection) {
                    connection.mark = value;
                    packet.ct_mark = value.map_or(CtMark::Unknown, CtMark::Number);
                }
            }
            Action::Notrack if !self.is_tracked => {
                self.is_notrack = true;
                packet.state = UNTRACKED;
            }
            Action::Notrack => {}
            Action::Remember(place) => *life.remembered.entry(place.clone()).or_default() += 1,
        }
    }
}

fn mark(value: &MarkValue, packet: &Packet) -> Option<u128> {
    Some(match value {
        MarkValue::Number(number) => *number,
        MarkValue::Mark => packet.mark?,
        MarkValue::CtMark => match packet.ct_mark {
            CtMark::None => 0,
            CtMark::Unknown => return None,
            CtMark::Number(mark) => mark,
        },
        MarkValue::And(one, other) => mark(one, packet)? & mark(other, packet)?,
        MarkValue::Or(one, other) => mark(one, packet)? | mark(other, packet)?,
        MarkValue::Xor(one, other) => mark(one, packet)? ^ mark(other, packet)?,
        MarkValue::Unknown => return None,
    })
}
