// SPDX-License-Identifier: GPL-2.0-only
//! Whether the interfaces are still protected.

use super::Watched;
use crate::kernel::attach::Attachment;
use crate::note::Note;

/// The program on its interfaces; dropping it detaches.
#[derive(Debug)]
pub struct Links {
    attachments: Vec<Attachment>,
    looking: Watched,
}

impl Default for Links {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl Links {
    pub fn new(attachments: Vec<Attachment>) -> Self {
        Self { attachments, looking: Watched::new("the look at the links to the interfaces") }
    }

    /// Notes which interfaces have gone, and forgets them. If it cannot ask, it assumes that one is
    /// there.
    pub fn tick(&mut self) -> Vec<Note> {
        let mut notes = Vec::new();
        let mut outcome = Ok(());
        self.attachments.retain(|attachment| match attachment.is_alive() {
            Ok(true) => true,
            Ok(false) => {
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

    /// The interfaces that are left.
    pub fn attachments(&self) -> &[Attachment] {
        &self.attachments
    }

    pub fn detach(&mut self) {
        self.attachments.clear();
    }
}
