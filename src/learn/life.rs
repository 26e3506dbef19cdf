// SPDX-License-Identifier: GPL-2.0-only
//! The life of rules: a rule is watched before it drops, and goes when honest clients turn out to match it, when
//! nothing matches it, or when the flood is over.
//!
//! What samples cannot tell, answers do: a tool that forges addresses answers nothing. In probation every SYN that a
//! rule matches is challenged as before; in force, each 64th. So honest newcomers, however alike, end a rule before it
//! drops any of them, or soon after. While a server has no room for connections nobody can answer: then no rule
//! begins, and none that is watched comes into force. An attacker who answers enough challenges ends a rule too, and has the flood that
//! there was without rules.

mod bars;
mod model;
mod recent;
mod room;
mod rule;

use std::collections::HashSet;
use std::time::Duration;

use super::answered::{Answered, Entry, Time, source_key};
use super::rule::Rule;
use super::search::{Found, MIN_ANSWERED, MIN_REFUSED, search, widened};
use super::syn::{Family, Syn};
pub use crate::policy::Learn as Mode;
use bars::Bars;
pub use model::{Action, Answer, Seen, Slot, State};
use recent::Recent;
use room::{Room, room};
use rule::{Live, is_honest};
pub use rule::{Stage, Status, Why};

/// Slots for rules, learned ones and the operator's own.
pub const SLOTS: usize = 16;
/// A rule is watched so long before it may drop.
pub const PROBATION: Duration = Duration::from_secs(2);
/// A rule ends so long after its last match.
pub const IDLE: Duration = Duration::from_secs(30);
/// A flood is over so long after the last SYN that was refused or matched. A rule in force leaves nothing to refuse.
pub const CALM: Duration = Duration::from_secs(10);
/// Refusals that go on less long are not searched: the answers of honest clients need their time to come.
pub const SEARCH_AFTER: Duration = Duration::from_millis(800);
/// Sources that are told apart, before it begins anew.
const MAX_ANSWERING: usize = 65_536;
/// The time between two searches that find nothing.
pub const SEARCH_EVERY: Duration = Duration::from_secs(1);

/// Learns rules and decides about them. Times are since any origin that stays the same.
#[derive(Debug)]
pub struct Learner {
    mode: Mode,
    answered: Answered,
    refused: Recent,
    /// SYNs answered in this flood.
    answered_lately: Recent,
    /// Their sources.
    answering: HashSet<u128>,
    live: [Option<Live>; SLOTS],
    bars: Bars,
    flood: Option<Flood>,
}

#[derive(Debug, Clone, Copy)]
struct Flood {
    /// When a SYN was last refused, or matched by a learned rule.
    last: Duration,
    next_search: Duration,
    has_searched: bool,
}

impl Learner {
    /// A learner that knows these handshakes. `seed` must not be known to attackers.
    pub fn new(mode: Mode, answered: Answered, seed: u64) -> Self {
        Self {
            mode,
            answered,
            refused: Recent::new(seed),
            answered_lately: Recent::new(!seed),
            answering: HashSet::new(),
            live: [const { None }; SLOTS],
            bars: Bars::default(),
            flood: None,
        }
    }

    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The next tick acts on it.
    pub fn set_mode(&mut self, mode: Mode) {
        self.mode = mode;
    }

    /// The handshakes that are known, to be kept over a restart.
    pub fn answered(&self) -> &Answered {
        &self.answered
    }

    /// For handshakes that the operator vouches for.
    pub fn answered_mut(&mut self) -> &mut Answered {
        &mut self.answered
    }

    /// Takes what has happened until `now`, and says what to do. To be called about every 200 ms.
    pub fn tick(&mut self, now: Duration, seen: &Seen) -> Vec<Action> {
        let mut actions = Vec::new();
        self.note_flood(now, seen);
        self.note_answers(now, seen);
        if self.mode == Mode::Off {
            self.remove_all(Why::Off, &mut actions);
        } else if self.flood.is_none() {
            self.remove_all(Why::FloodOver, &mut actions);
        }
        if self.flood.is_none() || self.mode == Mode::Off {
            self.refused.clear();
            self.answered_lately.clear();
            self.answering.clear();
            return actions;
        }
        self.refused.add(now, seen.refused);
        self.judge(now, seen, &mut actions);
        self.look(now, seen, &mut actions);
        actions
    }

    fn note_flood(&mut self, now: Duration, seen: &Seen) {
        let mut goes_on = seen.is_flood;
        for (live, slot) in self.live.iter_mut().zip(seen.slots) {
            goes_on |= live.as_mut().is_some_and(|live| live.note_matches(now, slot.matched));
        }
        if goes_on {
            let next_search = now + SEARCH_AFTER;
            let begun = Flood { last: now, next_search, has_searched: false };
            self.flood.get_or_insert(begun).last = now;
        }
        self.flood = self.flood.filter(|flood| now < flood.last + CALM);
    }

    fn note_answers(&mut self, now: Duration, seen: &Seen) {
        let time = if self.flood.is_some() { Time::War } else { Time::Peace };
        for answer in seen.answered {
            if let Some(syn) = answer.syn {
                self.answered.add(now, Entry::seen(syn, answer.source, time));
            }
            for (slot, live) in self.live.iter_mut().enumerate() {
                if let Some(live) = live {
                    live.note_answer(answer, answer.slot == Some(slot));
                }
            }
        }
        if self.answering.len() > MAX_ANSWERING {
            self.answering.clear();
        }
        // One of each source: nobody prevents a rule alone.
        let first =
            seen.answered.iter().filter(|answer| self.answering.insert(source_key(answer.source)));
        let syns: Vec<Syn> = first.filter_map(|answer| answer.syn).collect();
        self.answered_lately.add(now, &syns);
    }

    fn remove_all(&mut self, why: Why, actions: &mut Vec<Action>) {
        for (slot, live) in self.live.iter_mut().enumerate() {
            actions.extend(live.take().map(|live| Action::Remove { slot, rule: live.found.rule, why }));
        }
    }

    /// The next stage of each rule.
    fn judge(&mut self, now: Duration, seen: &Seen, actions: &mut Vec<Action>) {
        for slot in 0..SLOTS {
            let Some(live) = &mut self.live[slot] else { continue };
            live.note_open_ports(now, seen.open_ports);
            let found = live.found.clone();
            let lost = seen.slots[slot].taken.is_some().then_some(Why::Displaced);
            if let Some(why) = lost.or_else(|| live.end(now)) {
                if matches!(why, Why::Answered(_) | Why::Withdrawn(_)) {
                    self.bars.add(now, found.rule, live.witnesses());
                }
                self.live[slot] = None;
                // What is the operator's now must not be removed.
                if why != Why::Displaced {
                    actions.push(Action::Remove { slot, rule: found.rule, why });
                }
                continue;
            }
            match live.advance(now, self.mode) {
                Some(Stage::InForce) => actions.push(Action::Enforce { slot, found }),
                Some(Stage::Suggested) => actions.push(Action::Suggest { slot, found }),
                Some(Stage::Probation) => actions.push(Action::Watch { slot, found }),
                None => (),
            }
        }
    }

    /// Searches for new rules, if it is time.
    fn look(&mut self, now: Duration, seen: &Seen, actions: &mut Vec<Action>) {
        let refused = self.refused.syns();
        let Some(room) = room(&self.live, now, refused.len()) else { return };
        let Some(flood) = &mut self.flood else { return };
        if now < flood.next_search || refused.len() < MIN_REFUSED {
            return;
        }
        flood.next_search = now + SEARCH_EVERY;
        flood.has_searched = true;
        let others = self.live.iter().enumerate().filter(|(slot, _)| room != Room::Of(*slot));
        let learned = others.filter_map(|(_, live)| Some(live.as_ref()?.found.rule));
        let in_use: Vec<Rule> = learned.chain(seen.slots.iter().filter_map(Slot::in_force)).collect();
        self.bars.expire(now);
        let lately = self.answered_lately.syns();
        let is_barred = |rule: &Rule| {
            let answered = lately.iter().filter(|syn| rule.matches(syn)).count();
            is_honest(answered, lately.len()) || self.bars.bar(rule, &refused)
        };
        let answered = self.answered.known();
        let mut found = search(&refused, &answered, &in_use, &is_barred);
        found.truncate(room.count());
        for found in found {
            let wide =
                widened(&found, &in_use, &refused, &answered).filter(|wide| !is_barred(&wide.rule));
            let found = wide.unwrap_or(found);
            let live = Live::new(now, found.clone(), &refused);
            if live.is_unanswerable(seen.open_ports) {
                flood.has_searched = false;
                continue;
            }
            if let Room::Of(slot) = room
                && let Some(live) = self.live[slot].take()
            {
                let rule = live.found.rule;
                actions.push(Action::Remove { slot, rule, why: Why::Outweighed });
            }
            let free =
                (0..SLOTS).find(|slot| self.live[*slot].is_none() && seen.slots[*slot].taken.is_none());
            let Some(slot) = free else { return };
            // The slot's counts begin with the rule.
            self.live[slot] = Some(live);
            actions.push(Action::Watch { slot, found });
        }
    }

    /// Goes on with a rule that another learner has put into a slot. It stands its probation again unless it was in
    /// force.
    pub fn adopt(&mut self, now: Duration, slot: usize, found: Found, is_in_force: bool) {
        self.flood.get_or_insert(Flood {
            last: now,
            next_search: now + SEARCH_AFTER,
            has_searched: true,
        });
        self.live[slot] = Some(Live::adopted(now, found, is_in_force));
    }

    /// The rule in a slot is gone: an operator has removed it, and wants none like it for some time.
    pub fn forget(&mut self, now: Duration, slot: usize) {
        if let Some(live) = self.live[slot].take() {
            self.bars.add(now, live.found.rule, Vec::new());
        }
    }

    /// All learned rules, by slot.
    pub fn status(&self) -> Vec<Status> {
        let status = |(slot, live): (usize, &Option<Live>)| live.as_ref().map(|live| live.status(slot));
        self.live.iter().enumerate().filter_map(status).collect()
    }

    pub fn state(&self) -> State {
        if self.mode == Mode::Off {
            return State::Off;
        }
        let of =
            |family| self.answered.entries().iter().filter(|entry| entry.syn.family == family).count();
        let answered = Family::ALL.map(of).into_iter().max().unwrap_or_default();
        if answered < MIN_ANSWERED {
            return State::StillLearning { answered, needed: MIN_ANSWERED };
        }
        match self.flood {
            None => State::Peace,
            Some(_) if self.live.iter().any(Option::is_some) => State::Ruling,
            Some(flood) if flood.has_searched => State::NothingInCommon,
            Some(_) => State::Gathering { refused: self.refused.syns().len() },
        }
    }
}

#[cfg(test)]
mod tests;
