// SPDX-License-Identifier: GPL-2.0-only
//! Follows two connections, one that begins with a SYN and one that begins with an ACK, and compares
//! what becomes of them.

use std::collections::BTreeSet;

use super::packet::{CtMark, INVALID, Kind, Packet};
use super::rules::{Rule, Ruleset};
use super::walk::{Fate, Life, Place, Walker};
use super::worlds::Worlds;
use super::{Facts, Family, Reason};

/// Where clients are written down, and read again by a rule that counts how often.
pub type Memories = std::collections::BTreeMap<String, bool>;

/// What a client gets.
#[derive(Debug)]
enum Service<'a> {
    /// `with_ack` if the server may speak first, as it knows the client by a bare ACK.
    Works { with_ack: bool, accepted: Vec<(usize, &'a Rule)> },
    /// Also if only a part of the packets arrives: clients hang.
    Refused { by: Place<'a>, kind: Kind, is_partial: bool },
}

/// Whether a client of the port fares the same either way.
pub fn fares_the_same(
    rules: &Ruleset,
    facts: &Facts,
    memories: &Memories,
    (family, port): (Family, u16),
) -> Result<(), Reason> {
    let mut fickle = BTreeSet::new();
    loop {
        let walker =
            Walker { rules, facts, worlds: Worlds::default(), fickle: fickle.clone(), spent: 0 };
        let mut comparison =
            Comparison { walker, memories, family, port, found_fickle: BTreeSet::new() };
        comparison.all_worlds()?;
        let before = fickle.len();
        fickle.append(&mut comparison.found_fickle);
        if fickle.len() == before {
            return Ok(());
        }
    }
}

struct Comparison<'a> {
    walker: Walker<'a>,
    memories: &'a Memories,
    family: Family,
    port: u16,
    found_fickle: BTreeSet<String>,
}

impl<'a> Comparison<'a> {
    fn all_worlds(&mut self) -> Result<(), Reason> {
        loop {
            self.this_world()?;
            if !self.walker.worlds.advance() {
                return Ok(());
            }
        }
    }

    fn this_world(&mut self) -> Result<(), Reason> {
        let mut plain = Life { begins_with_syn: true, ..Life::default() };
        let expected = self.begin_with_syn(&mut plain)?;
        let mut challenged = Life::default();
        let found = self.begin_with_ack(&mut challenged)?;
        self.same_service(&expected, &found)?;
        self.same_memory(&plain, &challenged)?;
        if let Service::Works { .. } = expected {
            self.same_marks(&plain, &challenged)?;
            self.find_fickle(&plain, &challenged);
        }
        Ok(())
    }

    fn send(&mut self, life: &mut Life, kind: Kind) -> Result<Fate<'a>, Reason> {
        let mut packet = Packet {
            kind,
            family: self.family,
            port: self.port,
            state: INVALID,
            is_original: true,
            mark: Some(0),
            ct_mark: CtMark::None,
        };
        self.walker.send(life, &mut packet)
    }

    fn begin_with_syn(&mut self, life: &mut Life) -> Result<Service<'a>, Reason> {
        let refused = |by, kind| Ok(Service::Refused { by, kind, is_partial: false });
        let accepted = match self.send(life, Kind::Syn)? {
            Fate::Passed(accepted) => accepted,
            Fate::Dropped(by) => return refused(by, Kind::Syn),
        };
        if let Fate::Dropped(by) = self.send(life, Kind::SynAck)? {
            return refused(by, Kind::SynAck);
        }
        let ack = self.send(life, Kind::Ack)?;
        if let Fate::Dropped(by) = self.send(life, Kind::Data)? {
            return refused(by, Kind::Data);
        }
        if let Fate::Dropped(by) = self.send(life, Kind::Reply)? {
            return refused(by, Kind::Reply);
        }
        Ok(Service::Works { with_ack: matches!(ack, Fate::Passed(_)), accepted })
    }

    /// The client speaks first, so that its request still is of a new connection. A server that does
    /// makes less of it.
    fn begin_with_ack(&mut self, life: &mut Life) -> Result<Service<'a>, Reason> {
        let ack = self.send(life, Kind::Ack)?;
        let request = self.send(life, Kind::Data)?;
        if let (Fate::Dropped(by), Fate::Dropped(_)) = (&ack, &request) {
            return Ok(Service::Refused { by: *by, kind: Kind::Ack, is_partial: false });
        }
        if let Fate::Dropped(by) = self.send(life, Kind::Reply)? {
            return Ok(Service::Refused { by, kind: Kind::Reply, is_partial: false });
        }
        let more = self.send(life, Kind::Data)?;
        if let (Fate::Dropped(by), _) | (_, Fate::Dropped(by)) = (request, more) {
            return Ok(Service::Refused { by, kind: Kind::Data, is_partial: true });
        }
        let (with_ack, accepted) = match ack {
            Fate::Passed(accepted) => (true, accepted),
            Fate::Dropped(_) => (false, Vec::new()),
        };
        Ok(Service::Works { with_ack, accepted })
    }

    fn same_service(&self, expected: &Service, found: &Service) -> Result<(), Reason> {
        let show = |place: &Place| self.walker.show(place.chain, place.rule);
        match (expected, found) {
            (Service::Refused { .. }, Service::Refused { is_partial: false, .. }) => Ok(()),
            (Service::Refused { by, .. }, _) | (_, Service::Refused { by, .. })
                if self.walker.is_fickle(by.rule) =>
            {
                Err(Reason::new(format!(
                    "{} counts the packets by which clients begin, and would miscount challenged ones",
                    show(by)
                )))
            }
            (Service::Works { with_ack, .. }, Service::Works { with_ack: found, .. }) => {
                if with_ack == found {
                    return Ok(());
                }
                Err(Reason::new("it tells the first ACK of a connection from later ones"))
            }
            (Service::Works { accepted, .. }, Service::Refused { by, .. }) if by.rule.is_none() => {
                let by_syn = accepted.iter().find(|(chain, _)| *chain == by.chain);
                let accepting = match by_syn {
                    Some((chain, rule)) => {
                        format!(" (only {} accepts them)", self.walker.show(*chain, Some(rule)))
                    }
                    None => String::new(),
                };
                Err(Reason::new(format!(
                    "{} refuses connections that begin with an ACK{accepting}",
                    show(by)
                )))
            }
            (_, Service::Refused { by, kind, .. }) => Err(Reason::new(format!(
                "{} refuses {}",
                show(by),
                match kind {
                    Kind::Reply => "the answer to connections that begin with an ACK",
                    Kind::Data => "data of connections that begin with an ACK",
                    _ => "connections that begin with an ACK",
                }
            ))),
            (Service::Refused { by, kind, .. }, Service::Works { .. }) => Err(Reason::new(format!(
                "{} refuses clients by {}, which a challenged one does without",
                show(by),
                match kind {
                    Kind::Syn => "their SYN",
                    Kind::SynAck => "the SYN-ACK to them",
                    _ => "what comes after the SYN",
                }
            ))),
        }
    }

    fn same_memory(&self, plain: &Life, challenged: &Life) -> Result<(), Reason> {
        for (name, &is_counted) in self.memories {
            let times = |life: &Life| life.remembered.get(name).copied().unwrap_or(0);
            let (expected, found) = (times(plain), times(challenged));
            if (expected == 0) != (found == 0) || is_counted && expected != found {
                return Err(Reason::new(format!(
                    "the list {name} counts the packets by which clients begin, and would miscount \
                     challenged ones"
                )));
            }
        }
        Ok(())
    }

    /// A mark may choose the way of the connection, or of the answer.
    fn same_marks(&self, plain: &Life, challenged: &Life) -> Result<(), Reason> {
        if !self.walker.facts.routes_by_mark {
            return Ok(());
        }
        let first = |life: &Life, from_client: bool| {
            life.marks
                .iter()
                .find(|(kind, _)| kind.is_from_client() == from_client)
                .map(|(_, mark)| *mark)
        };
        let is_same = |from_client| {
            let mark = first(plain, from_client);
            mark == first(challenged, from_client) && mark != Some(None)
        };
        match is_same(true) && is_same(false) {
            true => Ok(()),
            false => Err(Reason::new("routes are chosen by a mark that depends on the SYN")),
        }
    }

    /// Limiters that one connection asks more often than the other.
    fn find_fickle(&mut self, plain: &Life, challenged: &Life) {
        for name in plain.asked.keys().chain(challenged.asked.keys()) {
            let asked = |life: &Life| life.asked.get(name).copied().unwrap_or_default();
            let (expected, found) = (asked(plain), asked(challenged));
            let is_for_all = expected.1 && found.1;
            if !is_for_all && expected.0 != found.0 {
                self.found_fickle.insert(name.clone());
            }
        }
    }
}
