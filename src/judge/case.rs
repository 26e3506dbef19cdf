// SPDX-License-Identifier: GPL-2.0-only
//! Which SYNs pass unasked, as in `bpf/admit.bpf.h`.

use super::bucket::{Bucket, charge};
use super::{Action, Entry, Facts, Rate, Reason, Refused, Shared, State, Step, Syn, Verdict};
use crate::policy::{Challenge, Cookies, Limit, Listed, SourceLimits};

/// Judges a SYN. The state is afterwards as the program leaves it.
pub fn judge(facts: &Facts<'_>, syn: &Syn, state: &mut State) -> Verdict {
    let limits = facts.policy.limits_of(facts.policy.services.at(syn.port));
    let was_known = state.entry.is_some();
    let mut case = Case { facts, syn, state, limits, steps: Vec::new() };
    let (reason, is_counted) = match case.exempt() {
        Some(reason) => (reason, false),
        None => (case.ask_rules().unwrap_or_else(|| case.limited()), was_known),
    };
    if is_counted {
        case.count_refused(reason);
    }
    Verdict { reason, steps: case.steps }
}

/// A SYN on its way. A step returns a reason, or None for the next one to go on.
pub(super) struct Case<'a> {
    pub facts: &'a Facts<'a>,
    pub syn: &'a Syn,
    pub state: &'a mut State,
    limits: SourceLimits,
    steps: Vec<Step>,
}

impl Case<'_> {
    pub fn note(&mut self, step: Step) {
        self.steps.push(step);
    }

    pub fn is_allowed(&self) -> bool {
        self.facts.listed == Some(Listed::Allowed)
    }

    fn challenges(&self) -> bool {
        self.facts.policy.challenge != Challenge::Off
    }

    /// By lists and port.
    fn exempt(&mut self) -> Option<Reason> {
        self.note(Step::Lists(self.facts.listed));
        if self.facts.listed == Some(Listed::Denied) {
            return Some(Reason::DropDenied);
        }
        let is_protected = self.facts.policy.ports.contains(self.syn.port);
        self.note(Step::Port { is_protected });
        (!is_protected).then_some(Reason::PassUnprotectedPort)
    }

    fn limited(&mut self) -> Reason {
        let refused = match self.admit() {
            reason if reason.action() == Action::Pass => return reason,
            reason => reason,
        };
        if !matches!(refused, Reason::DropSynLimit | Reason::DropPassRate) {
            return refused;
        }
        if !self.challenges() {
            self.note(Step::ChallengesOff);
            return refused;
        }
        self.note(Step::Ration { is_left: self.facts.has_ration });
        if !self.facts.has_ration {
            return Reason::DropChallengeRation;
        }
        self.challenge()
    }

    fn admit(&mut self) -> Reason {
        let refused = match self.is_allowed() {
            true => None,
            false => self.ask_networks().or_else(|| self.ask_source()),
        };
        refused.unwrap_or_else(|| self.take_tokens())
    }

    /// What a source was refused before, or may not do now.
    fn ask_source(&mut self) -> Option<Reason> {
        if let Some(why) = self.facts.remembered {
            self.note(Step::Remembered(why));
            return Some(match why {
                Refused::Syns => Reason::DropSynLimit,
                Refused::Connections => Reason::DropOverLimit,
            });
        }
        let pass_rate = self.look(Rate::Pass);
        let may_pass = holds_token(pass_rate);
        if self.limits.connections.is_none() && !may_pass {
            self.note(Step::PassRate(pass_rate));
            return Some(Reason::DropPassRate);
        }
        let Some(entry) = self.state.entry else {
            self.note(Step::Unknown);
            return None;
        };
        if let Some(limit) = self.limits.connections {
            let bucket = Bucket::new(entry.connections_full_at, limit, self.facts.now);
            self.note(Step::Connections(bucket));
            if bucket.is_empty() {
                return Some(Reason::DropOverLimit);
            }
        }
        let bucket = Bucket::new(entry.syns_full_at, self.limits.syns, self.facts.now);
        self.note(Step::Syns(bucket));
        bucket.is_empty().then_some(Reason::DropSynLimit)
    }

    /// Takes a token of the pass rate, and one of the source.
    fn take_tokens(&mut self) -> Reason {
        let policy = self.facts.policy;
        let pass_rate = self.look(Rate::Pass);
        self.note(Step::PassRate(pass_rate));
        if !holds_token(pass_rate) {
            return Reason::DropPassRate;
        }
        self.take(Rate::Pass);
        let has_own_cookies = self.challenges() && policy.cookies == Cookies::Own;
        if has_own_cookies && self.facts.host.syncookies == 2 {
            self.note(Step::AllByCookie);
            return Reason::DropPassRate;
        }
        if self.challenges() && self.syn.is_for_this_host && self.facts.port.listens {
            self.note(Step::Queue { has_room: self.facts.has_queue_room });
            if !self.facts.has_queue_room {
                return Reason::DropPassRate;
            }
        }
        match self.take_syn_token() {
            false => Reason::DropSynLimit,
            true if self.is_allowed() => Reason::PassAllowed,
            true => Reason::PassWithinLimit,
        }
    }

    /// Enters a source that is new.
    fn take_syn_token(&mut self) -> bool {
        let (now, limit, is_allowed) = (self.facts.now, self.limits.syns, self.is_allowed());
        let full = Entry { syns_full_at: now, connections_full_at: now, ..Entry::default() };
        let entry = self.state.entry.get_or_insert(full);
        if !is_allowed {
            if Bucket::new(entry.syns_full_at, limit, now).is_empty() {
                return false;
            }
            charge(&mut entry.syns_full_at, limit, now);
        }
        entry.passed += 1;
        true
    }

    /// A SYN that cannot be challenged because of where it goes.
    pub fn admit_unchallenged(&mut self) -> Reason {
        let is_forwarded = !self.syn.is_for_this_host && !self.facts.host.is_stale;
        let rate = if is_forwarded { Rate::Forwarded } else { Rate::Unchallenged };
        let bucket = self.look(rate);
        self.note(Step::UnchallengedRate(bucket));
        if !holds_token(bucket) {
            return Reason::DropUnchallengedRate;
        }
        if let Some(entry) = self.state.entry.filter(|_| !self.is_allowed()) {
            self.note(Step::Syns(Bucket::new(entry.syns_full_at, self.limits.syns, self.facts.now)));
        }
        if !self.take_syn_token() {
            return Reason::DropSynLimit;
        }
        self.take(rate);
        Reason::PassUnchallenged
    }

    /// A bucket that all sources share.
    pub fn look(&mut self, rate: Rate) -> Shared {
        let limit = self.limit(rate)?;
        Some(Bucket::new(*self.state.rates.word(rate), limit, self.facts.now))
    }

    /// Takes a token that is there.
    pub fn take(&mut self, rate: Rate) {
        if let Some(limit) = self.limit(rate) {
            charge(self.state.rates.word(rate), limit, self.facts.now);
        }
    }

    fn limit(&self, rate: Rate) -> Option<Limit> {
        let policy = self.facts.policy;
        let rate = match rate {
            Rate::Pass => policy.pass_rate,
            Rate::Unchallenged | Rate::Forwarded => policy.unchallenged_rate,
            Rate::Challenges => policy.challenge_rate,
        };
        rate.limit()
    }

    fn count_refused(&mut self, reason: Reason) {
        let Some(entry) = &mut self.state.entry else { return };
        match reason.action() {
            Action::Pass => {}
            Action::Challenge => entry.challenged += 1,
            Action::Drop => {
                entry.dropped += 1;
                entry.last_drop = self.facts.now;
            }
        }
    }
}

pub(super) fn holds_token(bucket: Shared) -> bool {
    bucket.is_none_or(|bucket| !bucket.is_empty())
}
