// SPDX-License-Identifier: GPL-2.0-only
//! Whether the interfaces are still protected, and by whom.

use super::Watched;
use crate::kernel::attach::State;
use crate::kernel::hooks::Hooks;
use crate::kernel::program::Program;
use crate::note::Note;

#[derive(Debug)]
pub struct Links {
    successor: Option<u32>,
    looking: Watched,
}

impl Default for Links {
    fn default() -> Self {
        Self { successor: None, looking: Watched::new("the look at the links to the interfaces") }
    }
}

impl Links {
    /// Notes which interfaces have gone, and forgets them. If it cannot ask, it assumes that one is
    /// there.
    pub fn tick(&mut self, program: &Program, hooks: &mut Hooks) -> Vec<Note> {
        let mut notes = Vec::new();
        let mut outcome = Ok(());
        hooks.retain(|attachment| match attachment.state(program.id) {
            Ok(State::Attached) => true,
            Ok(State::Succeeded(by)) => {
                self.successor = Some(by);
                true
            }
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
        notes
    }

    /// The number of the program that somebody else has put in our program's place.
    pub fn successor(&self) -> Option<u32> {
        self.successor
    }
}
