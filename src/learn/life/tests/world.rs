// SPDX-License-Identifier: GPL-2.0-only
//! What is around a learner: the program, a flood and clients, in ticks.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::*;

pub const TICK: Duration = Duration::from_millis(200);

/// A world of ticks: it challenges, counts and drops as the program does.
pub struct World {
    pub learner: Learner,
    pub maker: Maker,
    pub now: Duration,
    pub slots: [Slot; SLOTS],
    pub rules: [Option<(Rule, bool)>; SLOTS],
    pub next_source: u32,
    /// Ports at which nobody's answer comes to anything.
    pub full_ports: Vec<u16>,
    pub log: Vec<(Duration, Action)>,
    /// Honest SYNs that a rule has dropped.
    pub honest_dropped: usize,
}

impl World {
    pub fn new(mode: Mode, known: usize) -> Self {
        let mut answered = Answered::new(1);
        for (number, syn) in Maker::many(9, known, honest).into_iter().enumerate() {
            let time = Duration::from_secs(number as u64);
            answered.add(time, Entry::seen(syn, source(number as u32), Time::Peace));
        }
        Self {
            learner: Learner::new(mode, answered, 1),
            maker: Maker::new(3),
            now: Duration::from_secs(1000),
            slots: [Slot::default(); SLOTS],
            rules: [None; SLOTS],
            next_source: 1 << 20,
            full_ports: Vec::new(),
            log: Vec::new(),
            honest_dropped: 0,
        }
    }

    /// One tick: `flood` answers nothing, `clients` answer what is challenged.
    pub fn tick(&mut self, flood: &[Syn], clients: &[Syn]) {
        let (mut refused, mut answered) = (Vec::new(), Vec::new());
        let all = flood.iter().map(|syn| (syn, false)).chain(clients.iter().map(|syn| (syn, true)));
        for (number, (syn, answers)) in all.enumerate() {
            let matches = |rule: &Option<(Rule, bool)>| rule.is_some_and(|(rule, _)| rule.matches(syn));
            let slot = self.rules.iter().position(matches);
            if let Some(slot) = slot {
                self.slots[slot].matched += 1;
                let drops = self.rules[slot].is_some_and(|(_, drops)| drops);
                if drops && number % 64 != 0 {
                    self.honest_dropped += usize::from(answers);
                    continue;
                }
            }
            refused.push(*syn);
            if answers && !self.full_ports.contains(&syn.number16(PORT)) {
                self.next_source += 1;
                answered.push(Answer { syn: Some(*syn), source: source(self.next_source), slot });
            }
        }
        let is_flood = refused.len() > 100;
        self.now += TICK;
        let slots = self.slots;
        let is_open = |port: &u16| !self.full_ports.contains(port);
        let open: Option<BTreeSet<u16>> =
            (!self.full_ports.is_empty()).then(|| (0..=u16::MAX).filter(is_open).collect());
        let seen = Seen {
            is_flood,
            refused: &refused,
            answered: &answered,
            slots: &slots,
            open_ports: open.as_ref(),
        };
        for action in self.learner.tick(self.now, &seen) {
            match &action {
                Action::Watch { slot, found } => {
                    self.rules[*slot] = Some((found.rule, false));
                    self.slots[*slot] = Slot::default();
                }
                Action::Enforce { slot, .. } => {
                    self.rules[*slot] = self.rules[*slot].map(|(rule, _)| (rule, true))
                }
                Action::Remove { slot, .. } => self.rules[*slot] = None,
                Action::Suggest { .. } => (),
            }
            self.log.push((self.now, action));
        }
    }

    /// So many ticks of a flood of these kinds, and of clients.
    pub fn run(&mut self, ticks: usize, kinds: &[fn(&mut Maker) -> Syn], clients: usize) {
        for _ in 0..ticks {
            let flood: Vec<Syn> =
                (0..200 * kinds.len()).map(|n| kinds[n % kinds.len()](&mut self.maker)).collect();
            let clients: Vec<Syn> = (0..clients).map(|_| honest(&mut self.maker)).collect();
            self.tick(&flood, &clients);
        }
    }

    pub fn count(&self, is: fn(&Action) -> bool) -> usize {
        self.log.iter().filter(|(_, action)| is(action)).count()
    }

    pub fn in_force(&self) -> usize {
        self.learner.status().iter().filter(|status| status.stage == Stage::InForce).count()
    }
}

pub fn source(number: u32) -> IpAddr {
    IpAddr::from(number.wrapping_mul(0x9e37_79b1).to_be_bytes())
}
