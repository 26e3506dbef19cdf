// SPDX-License-Identifier: GPL-2.0-only
//! Whether the interfaces are still protected, and by whom.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::Watched;
use crate::kernel::attach::State;
use crate::kernel::hooks::{Hooks, Succession};
use crate::kernel::program::Program;
use crate::note::Note;

/// A successor that lives takes all links in milliseconds.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub struct Links {
    successor: Option<u32>,
    /// Since when some links have had a successor's program, and some this one's.
    divided: Option<Instant>,
    looking: Watched,
    taking_back: Watched,
}

impl Default for Links {
    fn default() -> Self {
        Self {
            successor: None,
            divided: None,
            looking: Watched::new("the look at the links to the interfaces"),
            taking_back: Watched::new("taking links back from a process that has ended"),
        }
    }
}

impl Links {
    /// Notes which interfaces have gone, and forgets them. If it cannot ask, it assumes that one is
    /// there.
    pub fn tick(&mut self, program: &Program, hooks: &mut Hooks) -> Vec<Note> {
        let mut notes = Vec::new();
        let mut outcome = Ok(());
        hooks.retain(|attachment| match attachment.state(program.id) {
            Ok(State::Attached | State::Succeeded(_)) => true,
            Ok(State::Gone) => {
                notes.push(Note::Detached { interface: attachment.interface.name.clone() });
                false
            }
            Err(error) => {
                outcome = Err(error);
                true
            }
        });
        notes.extend(self.looking.check(outcome).1);
        let succession = self.look_for_successor(program, hooks);
        let (taken_back, failure) = self.taking_back.check(succession);
        notes.into_iter().chain(taken_back.flatten()).chain(failure).collect()
    }

    /// A successor that was killed on its way is undone.
    fn look_for_successor(&mut self, program: &Program, hooks: &Hooks) -> Result<Option<Note>> {
        match hooks.succession(program)? {
            Succession::None => self.divided = None,
            Succession::Done(by) => self.successor = Some(by),
            Succession::Begun => {
                let since = *self.divided.get_or_insert_with(Instant::now);
                if since.elapsed() > PATIENCE {
                    hooks.take_back(program)?;
                    self.divided = None;
                    return Ok(Some(Note::warning(
                        "a process that was taking over has ended before it was done: all interfaces are this one's \
                         again",
                    )));
                }
            }
        }
        Ok(None)
    }

    /// The number of the program that somebody else has put in our program's place.
    pub fn successor(&self) -> Option<u32> {
        self.successor
    }
}
