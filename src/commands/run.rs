// SPDX-License-Identifier: GPL-2.0-only
//! Protects interfaces until told to stop.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::wake::{Wake, Waker};
use super::{summary, syns};
use crate::advice::{self, preflight};
use crate::kernel::attach::{self, Attachment};
use crate::kernel::interface::Interface;
use crate::kernel::maps::counters::Counters;
use crate::kernel::maps::sources;
use crate::kernel::netlink;
use crate::kernel::program::{self, Program};
use crate::note::Note;
use crate::policy::{Challenge, Mode, Policy};
use crate::settings::Settings;
use crate::show::model::{InterfaceMode, Rates, Start, Status, Syns};
use crate::show::report::Report;
use crate::upkeep::{self, Filter, Firewall, Host, Links, Ports, Redeemers, Sysctls, Upkeep, Watched};

/// How often a run looks after things; it prints at times of its own.
const TICK: Duration = Duration::from_secs(1);

/// For the first look at the firewall's rules. Until they are known no port is challenged.
const PATIENCE: Duration = Duration::from_secs(1);

/// Ends by a signal, by `--for`, or with an error when the last interface is gone.
pub fn run(settings: &Settings) -> Result<()> {
    preflight::check_can_protect()?;
    let names = &settings.place.interfaces;
    let interfaces: Vec<_> =
        names.iter().map(|name| Interface::ethernet(name)).collect::<Result<_>>()?;
    // Before the first link: a signal that comes early must not be lost.
    let waker = Waker::install()?;
    let mut report = Report::new(settings.json);

    let policy = program::resolve(&settings.policy)?;
    // It takes its time, while the program is loaded.
    let mut firewall = look_at_firewall(&policy, names)?;
    let program = program::load(policy, &settings.lists, settings.sizes)?;
    let mut upkeep = Upkeep {
        host: Host::new(interfaces.iter().map(|each| each.index).collect()),
        ports: Ports::default(),
        firewall: None,
        redeemers: Redeemers::new(&program)?,
        filter: Filter::new(&program)?,
        rates: upkeep::Rates::default(),
        sysctls: (!settings.keep_sysctls).then(Sysctls::default),
        links: Links::default(),
        program,
    };
    if let Some(verdicts) = firewall.as_mut().and_then(|firewall| firewall.first(PATIENCE)) {
        upkeep.ports.know_rules(verdicts);
    }
    upkeep.firewall = firewall;
    watch_addresses(&waker, &mut report);
    // What the program must know of this host it knows before the first frame.
    let mut early = upkeep.look_at_host(true);
    upkeep.links = Links::new(attach_all(&upkeep.program, &interfaces, settings, &mut report)?);
    early.extend(upkeep.filter.start(&upkeep.program));

    announce(settings, &upkeep, &mut report);
    early.iter().for_each(|note| report.note(note));
    for note in advice::on(&upkeep.program.policy, &settings.lists, upkeep.links.attachments()) {
        report.note(&note);
    }
    let mut session = Session { settings, upkeep, report, started: Instant::now() };
    let end = session.watch(&waker);
    session.finish();
    match end {
        End::AsTold => Ok(()),
        End::NothingLeft => bail!("no interface is left to protect: start again when it is back"),
    }
}

fn look_at_firewall(policy: &Policy, interfaces: &[String]) -> Result<Option<Firewall>> {
    if policy.challenge == Challenge::Off {
        return Ok(None);
    }
    let firewall = Firewall::start(interfaces.to_vec());
    Ok(Some(firewall.context("cannot look at the firewall's rules beside")?))
}

/// Without it addresses are looked at once a second only.
fn watch_addresses(waker: &Waker, report: &mut Report) {
    let changed = waker.sender();
    let watching = netlink::watch(move || {
        // Fails only when the run has ended.
        let _ = changed.send(Wake::HostChanged);
    });
    if let Err(error) = watching {
        report.note(&Note::info(format!("{error:#}: they are looked at once a second instead")));
    }
}

/// The mode of the settings; but behind the driver of a veth, unless that was asked for: the other end of a veth
/// drops what XDP sends, unless it has an XDP program itself.
fn mode_for(interface: &Interface, settings: &Settings) -> (Mode, Option<Note>) {
    let mode = settings.place.mode;
    let sends = settings.policy.challenge != Challenge::Off && !settings.policy.dry_run;
    if mode != Mode::Auto || !sends || interface.driver().as_deref() != Some("veth") {
        return (mode, None);
    }
    let name = &interface.name;
    let note = Note::info(format!(
        "{name} is a veth, whose other end gets answers from its driver only if it runs an XDP program: attached \
         behind the driver (--mode skb); give --mode native if it does"
    ));
    (Mode::Skb, Some(note))
}

/// If one fails, those before it are dropped, and so detached.
fn attach_all(
    program: &Program,
    interfaces: &[Interface],
    settings: &Settings,
    report: &mut Report,
) -> Result<Vec<Attachment>> {
    let mut attachments = Vec::new();
    for interface in interfaces {
        let (mode, chosen) = mode_for(interface, settings);
        chosen.iter().for_each(|note| report.note(note));
        let (attachment, note) = attach::attach(program.programs.synflood.as_fd(), interface, mode)?;
        attachments.push(attachment);
        note.iter().for_each(|note| report.note(note));
    }
    Ok(attachments)
}

fn announce(settings: &Settings, upkeep: &Upkeep, report: &mut Report) {
    let mode = |attachment: &Attachment| InterfaceMode {
        name: attachment.interface.name.clone(),
        mode: attachment.mode,
    };
    let interfaces: Vec<_> = upkeep.links.attachments().iter().map(mode).collect();
    report.start(Start {
        interfaces: &interfaces,
        policy: &upkeep.program.policy,
        unchallenged: upkeep.ports.unchallenged(),
        stop_after: settings.stop_after,
    });
}

enum End {
    /// A signal, or `--for`.
    AsTold,
    NothingLeft,
}

/// A run, from the first link to the summary.
struct Session<'a> {
    settings: &'a Settings,
    upkeep: Upkeep,
    report: Report,
    started: Instant,
}

impl Session<'_> {
    fn watch(&mut self, waker: &Waker) -> End {
        let end = self.settings.stop_after.and_then(|time| self.started.checked_add(time));
        let mut tick = self.started + TICK;
        let mut status = self.started + self.settings.interval;
        let mut figures = Figures::new(self.started);
        loop {
            let wake = [Some(tick), Some(status), end].into_iter().flatten().min().unwrap_or(tick);
            match waker.wait(wake.saturating_duration_since(Instant::now())) {
                Wake::Stop => return End::AsTold,
                Wake::HostChanged => {
                    let notes = self.upkeep.look_at_host(true);
                    self.say(&notes);
                }
                Wake::Timeout => {}
            }
            let now = Instant::now();
            if end.is_some_and(|end| now >= end) {
                return End::AsTold;
            }
            if now >= tick {
                let notes = self.upkeep.tick();
                self.say(&notes);
                tick = now + TICK;
            }
            if self.upkeep.links.attachments().is_empty() {
                return End::NothingLeft;
            }
            if now >= status {
                if !self.settings.quiet {
                    self.tell_status(&mut figures, now);
                }
                // After a stall, skip what was missed.
                status = (status + self.settings.interval).max(now);
            }
        }
    }

    /// Where the figures cannot be read, a note is all that is said.
    fn tell_status(&mut self, figures: &mut Figures, now: Instant) {
        let read = self.counters().and_then(|counters| {
            let Program { maps, policy, .. } = &self.upkeep.program;
            let blocked = sources::count_blocked(&maps.sources, &maps.refusals, policy)?;
            Ok((syns(&counters), blocked))
        });
        let (read, note) = figures.reading.check(read);
        self.say(note.as_slice());
        let Some((syns, blocked_sources)) = read else { return };
        let rates = Rates::between(figures.syns, syns, now - figures.at);
        (figures.syns, figures.at) = (syns, now);
        self.report.status(&Status {
            elapsed: self.started.elapsed(),
            rates,
            blocked_sources,
            flood: self.upkeep.rates.flood(),
            dry_run: self.upkeep.program.policy.dry_run,
        });
    }

    /// Detaches, sets settings back, and says what was done.
    fn finish(mut self) {
        self.upkeep.links.detach();
        match self.counters() {
            Ok(counters) => {
                let dry_run = self.upkeep.program.policy.dry_run;
                self.report.summary(&summary(counters, self.started.elapsed(), dry_run));
            }
            Err(error) => self.report.note(&Note::warning(format!("there is no summary: {error:#}"))),
        }
        let notes = self.upkeep.sysctls.as_mut().map(Sysctls::restore).unwrap_or_default();
        notes.iter().for_each(|note| self.report.note(note));
    }

    fn counters(&self) -> Result<Counters> {
        let program = &self.upkeep.program;
        Counters::read(&program.maps.counters, &program.reasons)
    }

    fn say(&mut self, notes: &[Note]) {
        notes.iter().for_each(|note| self.report.note(note));
    }
}

/// What the last status line counted.
struct Figures {
    syns: Syns,
    at: Instant,
    reading: Watched,
}

impl Figures {
    fn new(at: Instant) -> Self {
        Self { syns: Syns::default(), at, reading: Watched::new("the look at the counters") }
    }
}
