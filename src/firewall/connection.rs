// SPDX-License-Identifier: GPL-2.0-only
//! Follows two connections, one that begins with a SYN and one that begins with an ACK, and compares
//! what becomes of them.

use std::collections::BTreeSet;

use super::narrow::narrow;
use super::packet::{Kind, Packet};
use super::rules::{Rule, Ruleset};
use super::walk::{Fate, Life, Place, Walker};
use super::worlds::Worlds;
use super::{Facts, Family, Reason};

/// Where clients are written down, and read again by a rule that counts how often.
pub type Memories = std::collections::BTreeMap<String, bool>;

/// What a client gets.
#[derive(Debug)]
enum Service<'a> {
    /// The connection comes about, and the server is heard.
    Works {
        /// Whether the server gets the bare ACK, after which it may speak first.
        ack: Result<(), Place<'a>>,
        /// Whether it gets data.
        data: Result<(), Place<'a>>,
        /// Who let the first packet pass.
        accepted: Vec<(usize, &'a Rule)>,
    },
    Refused {
        by: Place<'a>,
        kind: Kind,
    },
    /// Some data arrives and some does not: clients hang.
    Hangs {
        by: Place<'a>,
    },
}

/// Whether a client of the port fares the same either way. `spent` grows by the rules looked at.
pub fn fares_the_same(
    rules: &Ruleset,
    facts: &Facts,
    memories: &Memories,
    (family, port): (Family, u16),
    spent: &mut usize,
) -> Result<(), Reason> {
    // Looking a rule over costs less than following it.
    *spent += rules.chains.iter().map(|chain| chain.rules.len()).sum::<usize>() / 4;
    let inbound = narrow(rules, facts, (family, port), true);
    let outbound = narrow(rules, facts, (family, port), false);
    let mut fickle = BTreeSet::new();
    loop {
        let walker = Walker {
            inbound: &inbound,
            outbound: &outbound,
            facts,
            worlds: Worlds::default(),
            fickle: fickle.clone(),
            spent: 0,
        };
        let mut comparison =
            Comparison { walker, memories, family, port, found_fickle: BTreeSet::new() };
        let outcome = comparison.all_worlds();
        *spent += comparison.walker.spent;
        outcome?;
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
        let mut packet = Packet::new(kind, self.family, self.port);
        self.walker.send(life, &mut packet)
    }

    fn begin_with_syn(&mut self, life: &mut Life) -> Result<Service<'a>, Reason> {
        let accepted = match self.send(life, Kind::Syn)? {
            Fate::Passed(accepted) => accepted,
            Fate::Dropped(by) => return Ok(Service::Refused { by, kind: Kind::Syn }),
        };
        if let Fate::Dropped(by) = self.send(life, Kind::SynAck)? {
            return Ok(Service::Refused { by, kind: Kind::SynAck });
        }
        let ack = self.send(life, Kind::Ack)?.outcome();
        let data = self.send(life, Kind::Data)?.outcome();
        if let (Err(by), Err(_)) = (ack, data) {
            return Ok(Service::Refused { by, kind: Kind::Ack });
        }
        if let Fate::Dropped(by) = self.send(life, Kind::Reply)? {
            return Ok(Service::Refused { by, kind: Kind::Reply });
        }
        Ok(Service::Works { ack, data, accepted })
    }

    /// The client speaks first, so that its request still is of a new connection. A server that does
    /// makes less of it.
    fn begin_with_ack(&mut self, life: &mut Life) -> Result<Service<'a>, Reason> {
        let first = self.send(life, Kind::Ack)?;
        let ack = first.outcome();
        let request = self.send(life, Kind::Data)?.outcome();
        if let (Err(by), Err(_)) = (ack, request) {
            return Ok(Service::Refused { by, kind: Kind::Ack });
        }
        if let Fate::Dropped(by) = self.send(life, Kind::Reply)? {
            return Ok(Service::Refused { by, kind: Kind::Reply });
        }
        let more = self.send(life, Kind::Data)?.outcome();
        Ok(match (request, more) {
            (Err(by), Ok(())) | (Ok(()), Err(by)) => Service::Hangs { by },
            _ => Service::Works { ack, data: request, accepted: first.accepted() },
        })
    }

    fn same_service(&self, expected: &Service, found: &Service) -> Result<(), Reason> {
        let show = |place: &Place| self.walker.show(place.chain, place.rule);
        let fail = |text: String| Err(Reason::new(text));
        match (expected, found) {
            (Service::Refused { .. }, Service::Refused { .. }) => Ok(()),
            (Service::Works { ack, data, .. }, Service::Works { ack: a, data: d, .. }) => {
                let differs = if ack.is_ok() == a.is_ok() { (data, d) } else { (ack, a) };
                match differs {
                    (Ok(()), Ok(())) | (Err(_), Err(_)) => Ok(()),
                    (Err(by), _) | (_, Err(by)) => {
                        fail(format!("{} tells the beginning of connections from the rest", show(by)))
                    }
                }
            }
            (Service::Refused { by, .. }, _)
            | (_, Service::Refused { by, .. } | Service::Hangs { by })
                if self.walker.is_fickle(by.rule) =>
            {
                fail(format!(
                    "{} counts the packets by which clients begin, and would miscount challenged ones",
                    show(by)
                ))
            }
            (Service::Works { accepted, .. }, Service::Refused { by, .. }) if by.rule.is_none() => {
                let by_syn = accepted.iter().find(|(chain, _)| *chain == by.chain);
                let shown = by_syn.map(|(chain, rule)| self.walker.show(*chain, Some(rule)));
                let accepting = shown.map(|rule| format!("; those with a SYN are accepted by {rule}"));
                fail(format!(
                    "{} refuses connections that begin with an ACK{}",
                    show(by),
                    accepting.unwrap_or_default()
                ))
            }
            (_, Service::Hangs { by }) => {
                fail(format!("{} refuses data of connections that begin with an ACK", show(by)))
            }
            (_, Service::Refused { by, kind: Kind::Reply }) => {
                fail(format!("{} refuses the answer to connections that begin with an ACK", show(by)))
            }
            (_, Service::Refused { by, .. }) => {
                fail(format!("{} refuses connections that begin with an ACK", show(by)))
            }
            (Service::Refused { by, kind }, _) => fail(format!(
                "{} refuses clients by {}, which challenged ones do without",
                show(by),
                match kind {
                    Kind::Syn => "their SYN",
                    Kind::SynAck => "the SYN-ACK to them",
                    _ => "what comes after the SYN",
                }
            )),
            (Service::Hangs { by }, _) => fail(format!("{} refuses some data", show(by))),
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
