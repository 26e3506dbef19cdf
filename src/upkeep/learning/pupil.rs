// SPDX-License-Identifier: GPL-2.0-only
//! What the learner's thread does at each look.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;

use super::doubts::doubts;
use super::orders::Orders;
use super::sample::Sample;
use super::servers::Servers;
use super::{Task, told};
use crate::kernel::clock;
use crate::kernel::maps::dropped_flows::{DroppedFlows, FILTERS};
use crate::kernel::maps::lessons::{self, Lesson, Lessons};
use crate::kernel::maps::lists::Lock;
use crate::kernel::maps::rates::Rates;
use crate::kernel::maps::rules::{self, Counts, Entry, Slots};
use crate::learn::life::{Action, Answer, Learner, SLOTS, Seen, Slot, State};
use crate::learn::{Answered, Found, Rule, Syn};
use crate::note::Note;
use crate::policy::Learn;

/// The memory of dropped flows forgets the oldest quarter so often: a client repeats its SYN after one second or three.
const FORGET: Duration = Duration::from_millis(2_500);

/// In peace samples begin anew so often.
const ANEW: Duration = Duration::from_secs(1);

pub struct Pupil {
    learner: Learner,
    sample: Sample,
    at: Option<Tools>,
    /// What is in the slots, as it was last read.
    slots: Slots,
    /// What is still to be done.
    orders: Orders,
    /// What is still to be said.
    notes: Vec<Note>,
    begun_anew: Duration,
    /// Why this flood gives no rule.
    has_said: bool,
    /// The slots whose rule is the operator's and meets honest clients, as was said.
    is_doubted: [bool; SLOTS],
}

/// For one program.
struct Tools {
    task: Arc<Task>,
    lessons: Lessons,
    servers: Servers,
    flows: DroppedFlows,
    renewed: Duration,
    lost: u64,
    /// SYNs that rules had dropped then.
    dropped: u64,
    /// Filters that have flows in them.
    to_forget: usize,
}

impl Pupil {
    pub fn new(seed: u64) -> Self {
        Self {
            learner: Learner::new(Learn::Off, Answered::new(seed), seed),
            sample: Sample::new(seed),
            at: None,
            slots: [None; SLOTS],
            orders: Orders::default(),
            notes: Vec::new(),
            begun_anew: Duration::ZERO,
            has_said: false,
            is_doubted: [false; SLOTS],
        }
    }

    pub fn state(&self) -> State {
        self.learner.state()
    }

    /// Lessons that this program could not tell.
    pub fn lost(&self) -> u64 {
        self.at.as_ref().map_or(0, |tools| tools.lost)
    }

    pub fn tick(&mut self, task: &Arc<Task>) -> Result<Vec<Note>> {
        let now = Duration::from_nanos(clock::now_ns()?);
        self.follow(task, now)?;
        self.carry_out(task)?;
        let Some(tools) = &mut self.at else { return Ok(Vec::new()) };
        let maps = &task.maps;
        self.sample.look(maps, &mut self.learner, now)?;
        let is_flood =
            Rates::read(&maps.data_rates, &task.policy, now.as_nanos() as u64)?.flood.is_some();
        let before = std::mem::replace(&mut self.slots, rules::read(maps)?);
        for rule in self.learner.status() {
            if self.slots[rule.slot].is_none() {
                self.learner.forget(now, rule.slot);
                self.notes.push(told::removed(rule.slot, &rule.found.rule));
            }
        }
        self.notes.extend(told::by_command(&before, &self.slots));
        self.notes.extend(expire(task, &mut self.slots, now)?);
        let counts = count(task, &self.slots)?;
        tools.forget(now, counts.iter().flatten().map(|counts| counts.dropped).sum())?;
        self.notes.extend(doubts(&self.slots, &counts, &mut self.is_doubted));
        let counted = std::array::from_fn(|slot| slot_of(self.slots[slot], counts[slot]));
        let has_work = is_flood || !self.learner.status().is_empty();
        let open_ports = if has_work { tools.servers.open_ports(maps, now)? } else { None };
        let (refused, answered) = sort(tools.lessons.take()?, &counted);
        tools.lost = lessons::lost(maps)?;
        let seen = Seen {
            is_flood,
            refused: &refused,
            answered: &answered,
            slots: &counted,
            open_ports: open_ports.as_ref(),
        };
        self.orders.add(self.learner.tick(now, &seen));
        self.carry_out(task)?;
        let why_not = self.say_why_not(is_flood);
        self.notes.extend(why_not);
        let is_calm =
            matches!(self.learner.state(), State::Off | State::Peace | State::StillLearning { .. });
        if !is_flood && is_calm && now >= self.begun_anew + ANEW {
            lessons::begin_anew(maps)?;
            self.begun_anew = now;
        }
        Ok(std::mem::take(&mut self.notes))
    }

    /// At the end of a run.
    pub fn finish(&mut self) {
        if let Some(tools) = &self.at {
            self.sample.finish(&tools.task.maps, &self.learner);
        }
    }

    /// Works for this program from now on.
    fn follow(&mut self, task: &Arc<Task>, now: Duration) -> Result<()> {
        if self.at.as_ref().is_some_and(|tools| tools.task.program == task.program) {
            return Ok(());
        }
        let is_first = self.at.is_none();
        self.at = Some(Tools {
            task: task.clone(),
            lessons: Lessons::open(&task.maps)?,
            servers: Servers::default(),
            flows: DroppedFlows::of(&task.maps)?,
            renewed: now,
            lost: 0,
            dropped: 0,
            to_forget: FILTERS,
        });
        self.learner.set_mode(task.policy.learn);
        if is_first {
            self.sample.begin(&task.maps, &mut self.learner, now)?;
            self.slots = rules::read(&task.maps)?;
            self.adopt(now);
        }
        Ok(())
    }

    /// Goes on with the rules that another process learned.
    fn adopt(&mut self, now: Duration) {
        for (slot, entry) in self.slots.iter().enumerate() {
            let Some(entry) = entry.filter(|entry| entry.is_learned) else { continue };
            let found = Found {
                rule: entry.rule,
                covered: entry.covered,
                hits: entry.hits as usize,
                bound: entry.bound,
            };
            self.learner.adopt(now, slot, found, entry.is_in_force);
        }
    }

    /// Once in a flood.
    fn say_why_not(&mut self, is_flood: bool) -> Option<Note> {
        let state = self.learner.state();
        self.has_said &= state != State::Peace;
        let has_rule = self.slots.iter().flatten().next().is_some();
        let why = told::why_not(state).filter(|_| is_flood && !has_rule && !self.has_said);
        self.has_said |= why.is_some();
        why
    }

    fn carry_out(&mut self, task: &Task) -> Result<()> {
        let Self { orders, slots, notes, .. } = self;
        orders.carry_out(|action| {
            apply(task, slots, action)?;
            notes.push(told::of(action, task.policy.dry_run));
            Ok(())
        })
    }
}

/// An operator may have been faster: the rule of theirs stays.
fn apply(task: &Task, slots: &mut Slots, action: &Action) -> Result<()> {
    let lock = Lock::wait()?;
    let there = rules::read(&task.maps)?;
    let own =
        |slot: usize, rule: &Rule| there[slot].filter(|entry| entry.is_learned && entry.rule == *rule);
    match action {
        Action::Watch { slot, found } if there[*slot].is_none_or(|entry| entry.is_learned) => {
            let entry = Entry {
                rule: found.rule,
                is_in_force: false,
                is_learned: true,
                hits: found.hits as u32,
                bound: found.bound,
                covered: found.covered,
                since: clock::now_ns()?,
                until: None,
            };
            rules::put(&task.maps, *slot, &entry, &lock)?;
            slots[*slot] = Some(entry);
            Ok(())
        }
        Action::Enforce { slot, found } => match own(*slot, &found.rule) {
            Some(entry) => rules::enforce(&task.maps, *slot, &entry, true, &lock),
            None => Ok(()),
        },
        Action::Remove { slot, rule, .. } if own(*slot, rule).is_some() => {
            rules::remove(&task.maps, *slot, &lock)
        }
        Action::Watch { .. } | Action::Remove { .. } | Action::Suggest { .. } => Ok(()),
    }
}

impl Tools {
    /// Forgets old flows. `dropped`: SYNs that rules have dropped so far.
    fn forget(&mut self, now: Duration, dropped: u64) -> Result<()> {
        if now < self.renewed + FORGET {
            return Ok(());
        }
        self.renewed = now;
        // Of an empty memory nothing is to be forgotten.
        if dropped != self.dropped {
            (self.dropped, self.to_forget) = (dropped, FILTERS);
        }
        if self.to_forget != 0 {
            self.to_forget -= 1;
            self.flows.renew(&self.task.maps)?;
        }
        Ok(())
    }
}

/// Removes rules whose time is over.
fn expire(task: &Task, slots: &mut Slots, now: Duration) -> Result<Vec<Note>> {
    let mut notes = Vec::new();
    for (slot, entry) in slots.iter_mut().enumerate() {
        let is_over =
            |entry: &Entry| entry.until.is_some_and(|until| u128::from(until) <= now.as_nanos());
        if let Some(over) = entry.take_if(|entry| is_over(entry)) {
            rules::remove(&task.maps, slot, &Lock::wait()?)?;
            notes.push(told::expired(slot, &over.rule));
        }
    }
    Ok(notes)
}

/// What the program has counted of each rule.
fn count(task: &Task, slots: &Slots) -> Result<[Option<Counts>; SLOTS]> {
    let mut counts = [None; SLOTS];
    for (slot, count) in counts.iter_mut().enumerate().filter(|(slot, _)| slots[*slot].is_some()) {
        *count = Some(rules::counts(&task.maps, slot)?);
    }
    Ok(counts)
}

fn slot_of(entry: Option<Entry>, counts: Option<Counts>) -> Slot {
    let taken = entry.filter(|entry| !entry.is_learned).map(|entry| entry.rule);
    let is_in_force = entry.is_some_and(|entry| entry.is_in_force);
    Slot { taken, is_in_force, matched: counts.map_or(0, |counts| counts.matched) }
}

/// Refused SYNs that match no rule, or one that the operator has only counted, and connections.
fn sort(lessons: Vec<Lesson>, slots: &[Slot; SLOTS]) -> (Vec<Syn>, Vec<Answer>) {
    let is_only_counted = |slot: usize| slots[slot].taken.is_some() && !slots[slot].is_in_force;
    let (mut refused, mut answered) = (Vec::new(), Vec::new());
    for lesson in lessons {
        match lesson {
            Lesson::Refused { syn, slot, .. } => {
                refused.extend(slot.is_none_or(is_only_counted).then_some(syn))
            }
            Lesson::Answered { syn, source, slot } => answered.push(Answer { syn, source, slot }),
        }
    }
    (refused, answered)
}
