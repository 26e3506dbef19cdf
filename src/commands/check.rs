// SPDX-License-Identifier: GPL-2.0-only
//! `check`: whether a run with these options would start, and what on this host it would suffer from. Nothing is
//! attached.

use std::ffi::OsString;
use std::io::{self, Write};

use anyhow::{Context, Result};

use super::run::place;
use crate::advice::{self, preflight};
use crate::cli::Cli;
use crate::hook;
use crate::kernel::attach::{self, Occupant};
use crate::kernel::interface::Interface;
use crate::kernel::program::{self, Program};
use crate::note::Note;
use crate::policy::{AttachMode, Mode};
use crate::settings::Settings;
use crate::show::notes;
use crate::show::text;
use crate::upkeep::{Knowledge, lists};

/// The worst that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// A run would start.
    Fine,
    /// It would start, but clients or the protection would suffer.
    Warnings,
    /// It would not start.
    WouldNotStart,
}

/// Fails where a reload would refuse the settings. Prints nothing, and loads nothing.
pub fn settings(words: &[OsString]) -> Result<()> {
    let settings = Settings::try_from(&Cli::of_run(words)?)?;
    settings.place.interfaces.iter().try_for_each(|name| Interface::ethernet(name).map(drop))?;
    settings.on_event.iter().try_for_each(hook::check)?;
    program::resolve(&settings.policy).map(drop)
}

/// Prints a line for each finding. `words`: the options of a run.
pub fn check(words: &[OsString]) -> Result<Verdict> {
    let mut findings = Findings { worst: Verdict::Fine, lines: Vec::new() };
    findings.look(Cli::of_run(words).and_then(|cli| Settings::try_from(&cli)));
    let mut out = io::stdout().lock();
    findings
        .lines
        .iter()
        .try_for_each(|line| writeln!(out, "{line}"))
        .context("cannot write the findings")?;
    Ok(findings.worst)
}

struct Findings {
    worst: Verdict,
    lines: Vec<String>,
}

impl Findings {
    fn look(&mut self, settings: Result<Settings>) {
        const ABLE: &str = "the kernel has what is needed, and this user may use it";
        let is_able = self.outcome(ABLE, preflight::check_can_protect()).is_some();
        let Some(settings) = self.outcome("the options and the configuration are right", settings)
        else {
            return;
        };
        if !is_able {
            return;
        }
        if let Some(error) = settings.on_event.as_ref().and_then(|command| hook::check(command).err()) {
            self.fault(format!("{error:#}"));
        }
        lists::contradictions(&settings.lists).iter().for_each(|note| self.note(note));
        let found: Vec<_> = settings
            .place
            .interfaces
            .iter()
            .filter_map(|name| self.interface(name, &settings))
            .collect();
        let loaded = program::resolve(&settings.policy)
            .and_then(|policy| program::load(policy, settings.sizes, None));
        let Some(program) = self.outcome("the kernel takes the program", loaded) else { return };
        self.fine(format!("it would protect with {}", text::policy(&program.policy)));
        self.host(&settings, &program, &found);
    }

    fn interface(&mut self, name: &str, settings: &Settings) -> Option<Interface> {
        let interface =
            self.outcome(&format!("{name} is an Ethernet interface"), Interface::ethernet(name))?;
        match attach::occupant(&interface) {
            // It is what a reload will change.
            Some(Occupant { is_ours: true, text }) if !settings.replace => {
                self.fine(format!("{name}: {text}"));
            }
            Some(Occupant { is_ours: false, text }) => self.fault(format!("{name}: {text}")),
            _ => {}
        }
        Some(interface)
    }

    /// What a run would say at its start.
    fn host(&mut self, settings: &Settings, program: &Program, interfaces: &[Interface]) {
        let mut knowledge = Knowledge::default();
        if self
            .outcome(
                "the rules of the firewall can be read",
                knowledge.protect(&program.policy, interfaces),
            )
            .is_some()
        {
            knowledge.wait_for_firewall();
            knowledge.tell(program, true).iter().for_each(|note| self.note(note));
        }
        // Whether the driver takes the program is known only when it is attached.
        let mode = |interface| match place::mode_for(interface, settings).0 {
            Mode::Skb => AttachMode::Skb,
            Mode::Native | Mode::Auto => AttachMode::Native,
        };
        let places: Vec<_> = interfaces.iter().map(|interface| (interface, mode(interface))).collect();
        for note in advice::on(&program.policy, &settings.lists, &places) {
            self.note(&note);
        }
    }

    fn outcome<T>(&mut self, what: &str, outcome: Result<T>) -> Option<T> {
        match outcome {
            Ok(value) => {
                self.fine(what.into());
                Some(value)
            }
            Err(error) => {
                self.fault(format!("{error:#}"));
                None
            }
        }
    }

    fn note(&mut self, note: &Note) {
        self.warn(notes::sentence(note));
    }

    fn fine(&mut self, text: String) {
        self.lines.push(format!("✓ {text}"));
    }

    fn warn(&mut self, text: String) {
        self.worst = self.worst.max(Verdict::Warnings);
        self.lines.push(format!("! {text}"));
    }

    fn fault(&mut self, text: String) {
        self.worst = Verdict::WouldNotStart;
        self.lines.push(format!("✗ {text}"));
    }
}
