// SPDX-License-Identifier: GPL-2.0-only
//! A reload: the configuration is read and checked whole before anything changes. A fault keeps everything as it
//! was.

use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, channel};
use std::time::SystemTime;
use std::{mem, thread};

use anyhow::{Result, anyhow};

use super::place;
use super::session::Session;
use crate::commands::wake::{Wake, Waker};
use crate::kernel::hooks::Hooks;
use crate::kernel::interface::Interface;
use crate::kernel::maps::lists::files;
use crate::kernel::maps::run_info::Fault;
use crate::kernel::{handover, program};
use crate::note::Note;
use crate::policy::Policy;
use crate::settings::Settings;
use crate::show::text;
use crate::upkeep::{Upkeep, lists};

/// The settings while they are read again. A thread of their own reads them, as a file may take its time: meanwhile the
/// run looks after the host, or what the program knows of it would get old.
#[derive(Debug, Default)]
pub struct Reading {
    settings: Option<Receiver<Result<Settings>>>,
    /// Somebody asked again meanwhile.
    once_more: bool,
}

impl Session {
    /// Has the settings read again; [`Self::reload`] makes them the run's.
    pub fn read_again(&mut self, waker: &Waker) {
        if self.reading.settings.is_some() {
            self.reading.once_more = true;
            return;
        }
        self.manager.reloading();
        let (send, settings) = channel();
        let (again, done) = (self.again, waker.sender());
        let read = move || {
            // Both fail only if the run has ended.
            let _ = send.send(again());
            let _ = done.send(Wake::SettingsRead);
        };
        match thread::Builder::new().name("settings".into()).spawn(read) {
            Ok(_) => self.reading.settings = Some(settings),
            Err(error) => self.conclude(Err(anyhow!(error).context("there can be no further thread"))),
        }
    }

    /// Call it when the settings have been read.
    pub fn reload(&mut self, waker: &Waker) {
        let Some(settings) = self.reading.settings.take().and_then(|settings| settings.recv().ok())
        else {
            return;
        };
        let done = settings.and_then(|next| self.apply(next));
        self.conclude(done);
        if mem::take(&mut self.reading.once_more) {
            self.read_again(waker);
        }
    }

    fn conclude(&mut self, done: Result<Vec<Note>>) {
        let (notes, fault) = match done {
            Ok(notes) => {
                self.info.reloaded = Some(SystemTime::now());
                (notes, None)
            }
            Err(error) => {
                let text = format!("{error:#}");
                let note = format!("nothing is reloaded, and all stays as it was: {text}");
                let since = self.info.fault.take().map_or_else(SystemTime::now, |fault| fault.since);
                (vec![Note::warning(note)], Some(Fault { since, text }))
            }
        };
        self.info.fault = fault;
        self.say(&notes);
        if let Err(error) = self.info.write(&self.upkeep.program.maps.run_info) {
            self.say(&[Note::warning(format!("{error:#}"))]);
        }
        self.hand_over();
        self.manager.ready(&self.state());
    }

    /// Makes these settings those of the run, or fails and changes nothing.
    fn apply(&mut self, next: Settings) -> Result<Vec<Note>> {
        let names = &next.place.interfaces;
        let interfaces: Vec<_> =
            names.iter().map(|name| Interface::ethernet(name)).collect::<Result<_>>()?;
        let mut policy = program::resolve(&next.policy)?;
        policy.services = policy.services.numbered_like(&self.upkeep.program.policy.services);
        let is_elsewhere =
            names.iter().collect::<BTreeSet<_>>() != self.settings.place.interfaces.iter().collect();
        let mut notes = Vec::new();
        if is_elsewhere || policy != self.upkeep.program.policy || next.sizes != self.settings.sizes {
            match self.succeed(policy, &next, &interfaces) {
                Ok(more) => notes = more,
                Err(error) => {
                    self.go_back();
                    return Err(error);
                }
            }
        }
        if next.lists != self.settings.lists {
            notes.extend(lists::contradictions(&next.lists));
            if next.lists.is_empty() {
                notes.push(Note::warning("the lists are empty now: was a file emptied by mistake?"));
            }
            notes.extend(match files::set(self.upkeep.program.maps.lists(), &next.lists) {
                Ok(files::Changes { entered: 0, removed: 0 }) => None,
                Ok(files::Changes { entered, removed }) => Some(Note::info(format!(
                    "lists: {entered} networks new or changed, {removed} removed"
                ))),
                Err(error) => Some(Note::warning(format!("the lists are those of before: {error:#}"))),
            });
        }
        if next.place.mode != self.settings.place.mode {
            notes.push(Note::info("--mode counts for interfaces that are attached from now on"));
        }
        if (next.json, next.stop_after) != (self.settings.json, self.settings.stop_after) {
            notes.push(Note::info("--json and --for count from the next start on"));
        }
        let what = text::policy(&self.upkeep.program.policy);
        notes.insert(0, Note::info(format!("reloaded: protecting {} with {what}", names.join(", "))));
        self.settings = next;
        Ok(notes)
    }

    /// Puts a program with this policy in the place of the one that runs, on these interfaces.
    fn succeed(
        &mut self,
        policy: Policy,
        settings: &Settings,
        interfaces: &[Interface],
    ) -> Result<Vec<Note>> {
        let legacy = self.upkeep.program.legacy()?;
        let next = program::load(policy, settings.sizes, Some(&legacy))?;
        let mut notes: Vec<_> =
            legacy.tables.iter().filter_map(|tables| next.what_is_new_beside(tables)).collect();
        let knowledge = &mut self.upkeep.knowledge;
        knowledge.protect(&next.policy, interfaces)?;
        knowledge.wait_for_firewall();
        notes.extend(knowledge.tell(&next, true));
        let mut new = Hooks::new(&next)?;
        let attached = &self.upkeep.hooks.attachments;
        let is_new =
            |each: &&Interface| attached.iter().all(|other| other.interface.index != each.index);
        let added: Vec<_> = interfaces.iter().filter(is_new).cloned().collect();
        place::attach_all(&next, &added, settings, &mut new, &mut self.report)?;
        self.manager.keep(&handover::of_program(&next)?)?;
        notes.extend(self.upkeep.succeed(next, new)?);
        self.upkeep.hooks.keep_only(interfaces);
        notes.extend(self.upkeep.take_answers());
        Ok(notes)
    }

    /// What the program was told for a reload that failed.
    fn go_back(&mut self) {
        let Upkeep { knowledge, program, hooks, .. } = &mut self.upkeep;
        let interfaces: Vec<_> = hooks.attachments.iter().map(|each| each.interface.clone()).collect();
        let protected = knowledge.protect(&program.policy, &interfaces);
        let mut notes = knowledge.tell(program, true);
        notes.extend(protected.err().map(|error| Note::warning(format!("{error:#}"))));
        self.say(&notes);
    }
}
