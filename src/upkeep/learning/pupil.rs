// SPDX-License-Identifier: GPL-2.0-only
//! What the learner's thread does at each look.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;

use super::sample::Sample;
use super::{Task, told};
use crate::kernel::clock;
use crate::kernel::maps::dropped_flows::{DroppedFlows, FILTERS};
use crate::kernel::maps::lessons::{self, Lesson, Lessons};
use crate::kernel::maps::lists::Lock;
use crate::kernel::maps::rates::Rates;
use crate::kernel::maps::rules::{self, Entry, Slots};
use crate::learn::life::{Action, Answer, Learner, SLOTS, Seen, Slot, State};
use crate::learn::{Answered, Found, Syn};
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
    begun_anew: Duration,
    /// Why this flood gives no rule.
    has_said: bool,
}

/// For one program.
struct Tools {
    task: Arc<Task>,
    lessons: Lessons,
    flows: DroppedFlows,
    renewed: Duration,
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
            begun_anew: Duration::ZERO,
            has_said: false,
        }
    }

    pub fn state(&self) -> State {
        self.learner.state()
    }

    pub fn tick(&mut self, task: &Arc<Task>) -> Result<Vec<Note>> {
        let now = Duration::from_nanos(clock::now_ns()?);
        self.follow(task, now)?;
        let Some(tools) = &mut self.at else { return Ok(Vec::new()) };
        let maps = &task.maps;
        self.sample.look(maps, &mut self.learner, now)?;
        let is_flood =
            Rates::read(&maps.data_rates, &task.policy, now.as_nanos() as u64)?.flood.is_some();
        let before = std::mem::replace(&mut self.slots, rules::read(maps)?);
        for rule in self.learner.status() {
            if self.slots[rule.slot].is_none() {
                self.learner.forget(rule.slot);
            }
        }
        let mut notes = told::by_command(&before, &self.slots);
        notes.extend(expire(task, &mut self.slots, now)?);
        let counted = count(task, &self.slots)?;
        tools.forget(now, counted.iter().map(|slot| slot.dropped).sum())?;
        let (refused, answered) = sort(tools.lessons.take()?);
        let seen = Seen { is_flood, refused: &refused, answered: &answered, slots: &counted };
        for action in self.learner.tick(now, &seen) {
            self.apply(task, &action)?;
            notes.push(told::of(&action, task.policy.dry_run));
        }
        notes.extend(self.say_why_not(is_flood));
        let is_calm =
            matches!(self.learner.state(), State::Off | State::Peace | State::StillLearning { .. });
        if !is_flood && is_calm && now >= self.begun_anew + ANEW {
            lessons::begin_anew(maps)?;
            self.begun_anew = now;
        }
        Ok(notes)
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
            flows: DroppedFlows::of(&task.maps)?,
            renewed: now,
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

    fn apply(&mut self, task: &Task, action: &Action) -> Result<()> {
        let lock = Lock::wait()?;
        match action {
            Action::Watch { slot, found } => {
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
                // An operator may have been faster.
                if rules::read(&task.maps)?[*slot].is_some_and(|there| !there.is_learned) {
                    return Ok(());
                }
                self.slots[*slot] = Some(entry);
                rules::put(&task.maps, *slot, &entry, &lock)
            }
            Action::Enforce { slot, .. } => match &self.slots[*slot] {
                Some(entry) => rules::enforce(&task.maps, *slot, entry, true, &lock),
                None => Ok(()),
            },
            Action::Remove { slot, .. } => rules::remove(&task.maps, *slot, &lock),
            Action::Suggest { .. } => Ok(()),
        }
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

fn count(task: &Task, slots: &Slots) -> Result<[Slot; SLOTS]> {
    let mut counted = [Slot::default(); SLOTS];
    for (slot, entry) in slots.iter().enumerate() {
        let Some(entry) = entry else { continue };
        let counts = rules::counts(&task.maps, slot)?;
        counted[slot] = Slot {
            taken: (!entry.is_learned).then_some(entry.rule),
            matched: counts.matched,
            dropped: counts.dropped,
        };
    }
    Ok(counted)
}

/// Refused SYNs that match no rule, and connections.
fn sort(lessons: Vec<Lesson>) -> (Vec<Syn>, Vec<Answer>) {
    let (mut refused, mut answered) = (Vec::new(), Vec::new());
    for lesson in lessons {
        match lesson {
            Lesson::Refused { syn, slot: None, .. } => refused.push(syn),
            Lesson::Refused { .. } => {}
            Lesson::Answered { syn, source, slot } => answered.push(Answer { syn, source, slot }),
        }
    }
    (refused, answered)
}
