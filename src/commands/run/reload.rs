// SPDX-License-Identifier: GPL-2.0-only
//! A reload: the configuration is read and checked whole before anything changes. A fault keeps everything as it
//! was.

use std::collections::BTreeSet;
use std::mem;
use std::net::IpAddr;
use std::time::SystemTime;

use anyhow::{Error, Result};

use super::metrics::Place;
use super::place;
use super::session::Session;
use crate::advice;
use crate::commands::wake::{Wake, Waker};
use crate::hook::Hook;
use crate::kernel::hooks::Hooks;
use crate::kernel::interface::Interface;
use crate::kernel::maps::lists::files::{self, Changes};
use crate::kernel::maps::run_info::Fault;
use crate::kernel::{handover, program};
use crate::note::Note;
use crate::policy::{Lists, Policy};
use crate::settings::Settings;
use crate::show::text;
use crate::upkeep::{Beside, Upkeep, lists};

/// A reload, if one is on. The settings are read beside, as a file may take its time, and the lists are entered beside:
/// meanwhile the run looks after the host, or what the program knows of it would get old.
#[derive(Debug, Default)]
pub struct Reload {
    reading: Beside<Result<Settings>>,
    entering: Beside<Result<(Lists, Changes)>>,
    /// What is to be said at its end.
    notes: Vec<Note>,
    /// Somebody asked again meanwhile.
    once_more: bool,
}

impl Session {
    /// Has the settings read again; [`Self::go_on`] makes them the run's.
    pub fn begin_reload(&mut self, waker: &Waker) {
        if self.reload.reading.is_busy() || self.reload.entering.is_busy() {
            self.reload.once_more = true;
            return;
        }
        self.manager.reloading();
        if let Err(error) = self.reload.reading.start("settings", self.again, going_on(waker)) {
            self.refuse(&error);
        }
    }

    /// Call it when a part of the reload is done.
    pub fn go_on(&mut self, waker: &Waker) {
        if let Some(settings) = self.reload.reading.outcome() {
            let notes = self.upkeep.look_at_links();
            self.say(&notes);
            // Nothing here is this run's to change any more.
            if self.upkeep.links.successor().is_some() {
                return;
            }
            match settings.and_then(|next| self.apply(next)) {
                Ok(Some(lists)) => self.enter(lists, waker),
                Ok(None) => self.conclude(None),
                Err(error) => self.refuse(&error),
            }
        }
        if let Some(entered) = self.reload.entering.outcome() {
            self.have_entered(entered);
        }
        let is_over = !self.reload.reading.is_busy() && !self.reload.entering.is_busy();
        if is_over && mem::take(&mut self.reload.once_more) {
            self.begin_reload(waker);
        }
    }

    /// Enters the lists beside: a million networks take seconds.
    fn enter(&mut self, lists: Lists, waker: &Waker) {
        let maps = self.upkeep.program.maps.clone();
        let enter = move || files::set(&maps, &lists).map(|changes| (lists, changes));
        if let Err(error) = self.reload.entering.start("lists", enter, going_on(waker)) {
            self.have_entered(Err(error));
        }
    }

    fn have_entered(&mut self, entered: Result<(Lists, Changes)>) {
        match entered {
            Ok((lists, changes)) => {
                self.settings.lists = lists;
                self.reload.notes.extend(what_changed(changes));
                self.conclude(None);
            }
            Err(error) => {
                let text = lists_are_of_before(&error);
                self.reload.notes.push(Note::warning(&text));
                self.conclude(Some(text));
            }
        }
    }

    /// Nothing has changed, for this reason.
    fn refuse(&mut self, error: &Error) {
        let text = format!("{error:#}");
        let note = format!("nothing is reloaded, and all stays as it was: {text}");
        self.reload.notes = vec![Note::warning(note)];
        self.conclude(Some(text));
    }

    /// `fault`: what of the settings is not in force, and why.
    fn conclude(&mut self, fault: Option<String>) {
        let notes = mem::take(&mut self.reload.notes);
        let now = SystemTime::now();
        let since = self.info.fault.take().map_or(now, |fault| fault.since);
        match fault {
            Some(text) => self.info.fault = Some(Fault { since, text }),
            None => self.info.reloaded = Some(now),
        }
        self.say(&notes);
        self.write_info();
        self.hand_over();
        self.manager.ready(&self.state());
    }

    /// Makes these settings those of the run, or fails and changes nothing. Returns the lists that are to be entered.
    fn apply(&mut self, mut next: Settings) -> Result<Option<Lists>> {
        let names = &next.place.interfaces;
        let interfaces: Vec<_> =
            names.iter().map(|name| Interface::ethernet(name)).collect::<Result<_>>()?;
        let mut policy = program::resolve(&next.policy)?;
        policy.services = policy.services.numbered_like(&self.upkeep.program.policy.services);
        // By index: an interface that was made again has the same name, and no link.
        let attached = self.upkeep.hooks.attachments.iter().map(|each| each.interface.index);
        let is_elsewhere = interfaces.iter().map(|each| each.index).collect::<BTreeSet<_>>()
            != attached.collect::<BTreeSet<_>>();
        let metrics = self.metrics_of(&next)?;
        let hook = self.hook_of(&next)?;
        let mut notes = Vec::new();
        if is_elsewhere || policy != self.upkeep.program.policy || next.sizes != self.settings.sizes {
            let seen = self.seen();
            match self.succeed(policy, &next, &interfaces) {
                Ok(more) => {
                    notes = more;
                    let is_over = !self.upkeep.program.policy.dry_run;
                    seen.iter().filter(|_| is_over).for_each(|seen| self.advise(seen));
                }
                Err(error) => {
                    self.go_back();
                    return Err(error);
                }
            }
        }
        // Those in the tables stay the run's until others are entered.
        let lists = mem::replace(&mut next.lists, mem::take(&mut self.settings.lists));
        let lists = (lists != next.lists).then_some(lists);
        if let Some(lists) = &lists {
            notes.extend(lists::contradictions(lists));
            if lists.is_empty() {
                notes.push(Note::warning("the lists are empty now: was a file emptied by mistake?"));
            }
            let is_denied = |address: &IpAddr| lists.denies(*address);
            notes.extend(interfaces.iter().flat_map(|each| advice::on_neighbours(is_denied, each)));
        }
        if next.place.mode != self.settings.place.mode {
            notes.push(Note::info("--mode counts for interfaces that are attached from now on"));
        }
        if (next.json, next.stop_after) != (self.settings.json, self.settings.stop_after) {
            notes.push(Note::info("--json and --for count from the next start on"));
        }
        if let Some(next) = hook
            && let Some(old) = mem::replace(&mut self.hook, next)
        {
            old.retire();
        }
        notes.extend(metrics.map(|place| self.move_metrics(place)).unwrap_or_default());
        let what = text::policy(&self.upkeep.program.policy);
        notes.insert(0, Note::change(format!("reloaded: protecting {} with {what}", names.join(", "))));
        self.settings = next;
        self.reload.notes = notes;
        Ok(lists)
    }

    /// Where the metrics are to be given from now on. None: where they are given.
    fn metrics_of(&self, next: &Settings) -> Result<Option<Option<Place>>> {
        let address = next.metrics.as_ref();
        if address == self.metrics.address() {
            return Ok(None);
        }
        let is_held = |address| self.metrics.address().is_some_and(|now| now.may_hold(address));
        address.map(|address| Place::take(address, is_held(address))).transpose().map(Some)
    }

    /// What is to run for events from now on. None: what does now.
    fn hook_of(&self, next: &Settings) -> Result<Option<Option<Hook>>> {
        if next.on_event.as_ref() == self.hook.as_ref().map(Hook::command) {
            return Ok(None);
        }
        next.on_event.as_ref().map(Hook::new).transpose().map(Some)
    }

    fn move_metrics(&mut self, place: Option<Place>) -> Vec<Note> {
        let note = place.as_ref().and_then(Place::note);
        let failed = self.metrics.give_at(place).err();
        note.into_iter().chain(failed.map(|error| Note::warning(format!("{error:#}")))).collect()
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
        let Hooks { attachments: attached, redeemers, .. } = &self.upkeep.hooks;
        let is_new =
            |each: &&Interface| attached.iter().all(|other| other.interface.index != each.index);
        let added: Vec<_> = interfaces.iter().filter(is_new).cloned().collect();
        let answering = self.upkeep.knowledge.devices() - &redeemers.keys().copied().collect();
        place::attach_all(&next, &added, &answering, settings, &mut new, &mut self.report)?;
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

/// Wakes the run for [`Session::go_on`].
fn going_on(waker: &Waker) -> impl FnOnce() + Send + use<> {
    let sender = waker.sender();
    move || {
        // Fails only if the run has ended.
        let _ = sender.send(Wake::ReloadGoesOn);
    }
}

fn what_changed(Changes { entered, removed }: Changes) -> Option<Note> {
    let text = format!("lists: {entered} networks new or changed, {removed} removed");
    (entered + removed > 0).then(|| Note::change(text))
}

pub fn lists_are_of_before(error: &Error) -> String {
    format!("the lists are those of before: {error:#}")
}
