// SPDX-License-Identifier: GPL-2.0-only
//! A run, from the first link to the summary.

use std::mem;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::Again;
use super::figures::{Figures, Lately};
use super::metrics::Metrics;
use super::past::{self, Changes};
use super::reload::Reload;
use crate::commands::summary;
use crate::commands::wake::{Wake, Waker};
use crate::hook::Hook;
use crate::kernel::handover;
use crate::kernel::maps::connections;
use crate::kernel::maps::counters::Counters;
use crate::kernel::maps::run_info::RunInfo;
use crate::note::Note;
use crate::service::Manager;
use crate::settings::Settings;
use crate::show::model::Status;
use crate::show::report::Report;
use crate::show::{advice, live};
use crate::upkeep::{DryRun, Sysctls, Upkeep, Watched};

/// How often a run looks after things; it prints at times of its own.
pub const TICK: Duration = Duration::from_secs(1);

/// Between two looks for the name of a successor.
const PAUSE: Duration = Duration::from_millis(20);

/// Between two lines to the service manager.
const MINUTE: Duration = Duration::from_secs(60);

/// Why a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// A signal, or `--for`.
    AsTold,
    /// Another process has taken over.
    Succeeded,
    NothingLeft,
}

pub struct Session {
    pub settings: Settings,
    pub again: Again,
    pub upkeep: Upkeep,
    pub info: RunInfo,
    pub manager: Manager,
    pub report: Report,
    pub started: Instant,
    pub keeping: Watched,
    /// What the service manager keeps: the number of the program, and the count of changes of its links. None: nothing,
    /// or not all.
    pub kept: Option<(u32, u64)>,
    pub reload: Reload,
    pub metrics: Metrics,
    pub changes: Changes,
    /// None: there is no --on-event.
    pub hook: Option<Hook>,
    pub running_hook: Watched,
    pub dry_run: DryRun,
}

impl Session {
    pub fn run(mut self, waker: &Waker) -> End {
        self.hand_over();
        self.manager.ready(&self.state());
        let end = self.watch(waker);
        self.finish(end, waker);
        end
    }

    /// In a line, for the service manager.
    pub fn state(&self) -> String {
        let flood = self.upkeep.flood().map(|time| format!("; flood for {}s", time.as_secs()));
        let fault = self
            .info
            .fault
            .as_ref()
            .map(|fault| format!("; the configuration has a fault: {}", fault.text));
        format!(
            "protecting {}{}{}",
            self.interfaces().join(", "),
            flood.unwrap_or_default(),
            fault.unwrap_or_default()
        )
    }

    fn interfaces(&self) -> Vec<String> {
        self.upkeep.hooks.attachments.iter().map(|each| each.interface.name.clone()).collect()
    }

    fn watch(&mut self, waker: &Waker) -> End {
        let end = self.settings.stop_after.and_then(|time| self.started.checked_add(time));
        let mut tick = self.started + TICK;
        let mut figures = Figures::new(self.started);
        let mut status = self.interval().map(|interval| self.started + interval);
        let mut minute = self.started + MINUTE;
        loop {
            let wake = [Some(tick), status, end].into_iter().flatten().min().unwrap_or(tick);
            match waker.wait(wake.saturating_duration_since(Instant::now())) {
                Wake::Stop => return End::AsTold,
                Wake::Reload => self.begin_reload(waker),
                Wake::ReloadGoesOn => {
                    self.go_on(waker);
                    status = self.interval().map(|interval| Instant::now() + interval);
                }
                Wake::HostChanged => self.look_at_host(),
                Wake::Timeout => {}
            }
            let now = Instant::now();
            if end.is_some_and(|end| now >= end) {
                return End::AsTold;
            }
            if now >= tick {
                self.tick();
                tick = now + TICK;
            }
            if self.upkeep.links.successor().is_some() {
                return End::Succeeded;
            }
            if self.upkeep.hooks.attachments.is_empty() {
                return End::NothingLeft;
            }
            if status.is_some_and(|status| now >= status) {
                if let Some(status) = self.read_status(&mut figures, now) {
                    self.report.status(&status);
                }
                // After a stall, skip what was missed.
                status = self.interval().zip(status).map(|(interval, last)| (last + interval).max(now));
            }
            if now >= minute {
                self.tell_manager(&mut figures, now);
                minute = now + MINUTE;
            }
        }
    }

    fn tick(&mut self) {
        let mut notes = self.upkeep.tick();
        notes.extend(self.metrics.tick(&self.upkeep));
        notes.extend(self.dry_run.tick(&self.upkeep.program, advice::ENOUGH));
        self.say(&notes);
        self.look_at_hook();
        self.hand_over();
        self.manager.alive();
        self.tell_state();
    }

    /// For `status`. What a successor has written stays.
    pub fn write_info(&mut self) {
        let map = &self.upkeep.program.maps.run_info;
        let written = RunInfo::read(map).and_then(|there| {
            let is_ours = there.is_none_or(|there| there.pid == self.info.pid);
            if is_ours { self.info.write(map) } else { Ok(()) }
        });
        if let Err(error) = written {
            self.say(&[Note::warning(format!("{error:#}"))]);
        }
    }

    /// Whoever has taken over knows the host better.
    fn look_at_host(&mut self) {
        let mut notes = self.upkeep.look_at_links();
        if self.upkeep.links.successor().is_none() {
            notes.extend(self.upkeep.look_at_host(true));
        }
        self.say(&notes);
    }

    /// Leaves the service manager all that the next process needs, and nothing else.
    pub fn hand_over(&mut self) {
        let wanted = Some((self.upkeep.program.id, self.upkeep.hooks.changes));
        let is_due = self.manager.is_there() && self.upkeep.links.successor().is_none();
        if is_due && self.kept != wanted {
            let kept = handover::of_program(&self.upkeep.program).and_then(|mut wanted| {
                wanted.extend(handover::of_hooks(&self.upkeep.hooks)?);
                self.manager.keep_only(&wanted)
            });
            self.kept = wanted.filter(|_| kept.is_ok());
            let (_, note) = self.keeping.check(kept);
            self.say(note.as_slice());
        }
    }

    /// Between two status lines. None: there are none, as nobody looks at them; notes tell what begins and ends.
    fn interval(&self) -> Option<Duration> {
        let settings = &self.settings;
        let usual = (settings.json || self.report.is_on_terminal()).then_some(TICK);
        settings.interval.or(usual).filter(|_| !settings.quiet)
    }

    /// A line for `systemctl status`.
    fn tell_manager(&mut self, figures: &mut Figures, now: Instant) {
        if self.manager.is_there()
            && let Some(status) = self.read_status(figures, now)
        {
            self.manager.status(&format!("{}; {}", self.state(), live::in_a_line(&status)));
        }
    }

    /// Where the figures cannot be read, a note is all that is said.
    fn read_status(&mut self, figures: &mut Figures, now: Instant) -> Option<Status> {
        let read = figures.look(&self.upkeep.program, now);
        let (lately, note) = figures.reading.check(read);
        self.say(note.as_slice());
        let Lately { rates, stopped, reasons, blocked_sources, queues } = lately?;
        let flood = self.upkeep.flood();
        Some(Status {
            elapsed: self.started.elapsed(),
            rates,
            stopped,
            reasons,
            blocked_sources,
            flood,
            flood_nature: flood.and_then(|_| self.upkeep.floods.nature().cloned()),
            queues,
            interfaces: self.interfaces(),
            dry_run: self.upkeep.program.policy.dry_run,
        })
    }

    /// Says what was done, and sets settings back. The links end with the process, unless somebody else has them.
    fn finish(mut self, end: End, waker: &Waker) {
        self.manager.stopping();
        // A successor waits for their address.
        self.metrics.stop();
        if end == End::Succeeded {
            let by = self.successor().map_or("another process".into(), |pid| format!("process {pid}"));
            self.report.note(&Note::info(format!("{by} protects the interfaces from now on")));
        }
        if end == End::AsTold {
            self.upkeep.hooks.stop_judging();
            self.take_last_answers(waker);
        }
        if end != End::Succeeded {
            let unkept = self.upkeep.lists.finish(&self.upkeep.program);
            self.say(unkept.as_slice());
        }
        match self.counters() {
            Ok(counters) => {
                let dry_run = self.upkeep.program.policy.dry_run;
                // As long as they have been counting, before this process too.
                let elapsed = self.info.age().unwrap_or_else(|_| self.started.elapsed());
                let mut summary = summary(counters, elapsed, dry_run);
                summary.attack = Some(past::attack(&self.upkeep, mem::take(&mut self.changes)));
                self.report.summary(&summary);
            }
            Err(error) => self.report.note(&Note::warning(format!("there is no summary: {error:#}"))),
        }
        if let Some(seen) = self.seen() {
            self.advise(&seen);
        }
        let notes = self.upkeep.sysctls.as_mut().map(Sysctls::restore).unwrap_or_default();
        notes.iter().for_each(|note| self.report.note(note));
        self.hook = None;
    }

    /// Clients whose challenge is on its way would be reset. Another signal ends it at once. What a service manager
    /// keeps judges on until the process ends, as the next one may go on with it: waiting would be for nothing.
    fn take_last_answers(&self, waker: &Waker) {
        if self.kept.is_some() {
            return;
        }
        let age = connections::age_of_last_challenge(&self.upkeep.program.maps);
        let left = age.ok().flatten().and_then(|age| connections::ANSWER_TIME.checked_sub(age));
        let until = Instant::now() + left.unwrap_or_default();
        while let Some(left) = until.checked_duration_since(Instant::now())
            && waker.wait(left) != Wake::Stop
        {}
    }

    /// The process that has taken over. None: it works on other tables.
    fn successor(&self) -> Option<u32> {
        let pid =
            || RunInfo::read(&self.upkeep.program.maps.run_info).ok().flatten().map(|info| info.pid);
        // It says who it is just after it has taken over.
        let until = Instant::now() + TICK;
        while pid() == Some(std::process::id()) && Instant::now() < until {
            thread::sleep(PAUSE);
        }
        pid().filter(|&pid| pid != std::process::id())
    }

    pub(super) fn counters(&self) -> Result<Counters> {
        let program = &self.upkeep.program;
        Counters::read(&program.maps.counters, &program.reasons)
    }
}
