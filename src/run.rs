// SPDX-License-Identifier: GPL-2.0-only
//! Protects interfaces until told to stop.

use std::io::{self, IsTerminal, Write};
use std::mem::{self, MaybeUninit};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::advice;
use crate::attach::{self, Attachment};
use crate::bpf::{self, SynfloodSkel, types};
use crate::cli::Challenge;
use crate::config::{Listed, Settings};
use crate::flood::Flood;
use crate::host::{self, Host};
use crate::known::Known;
use crate::output::{self, Event, InterfaceMode, Policy, Status, Summary};
use crate::preflight;
use crate::signal::{Wake, Waker};
use crate::sources;
use crate::ssh;
use crate::stats::Counters;
use crate::sysctls::Sysctls;

/// How often a run looks after its interfaces and at the host's settings, whatever it prints.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

pub fn run(settings: &Settings) -> Result<()> {
    preflight::check_can_protect()?;
    let interfaces = settings.interfaces.iter().map(|name| preflight::ethernet_interface(name));
    let interfaces: Vec<_> = interfaces.collect::<Result<_>>()?;
    // Before the first link: a signal that comes early must not be lost.
    let waker = Waker::install()?;

    let mut object = MaybeUninit::uninit();
    let skel = bpf::load(settings, &mut object)?;
    let _sysctls =
        if settings.set_sysctls { Some(Sysctls::set_for(settings.challenge)?) } else { None };
    let changed = waker.sender();
    host::watch(move || {
        // Fails only when the run has ended.
        let _ = changed.send(Wake::HostChanged);
    })?;
    let host = Host::new(&skel)?;
    let known = Known::new(&skel)?;
    // One that fails takes those before it along, as they are dropped.
    let attachments = interfaces
        .iter()
        .map(|interface| {
            let warn = |text: &str| eprintln!("warning: {text}");
            attach::attach(skel.progs.synflood.as_fd(), interface, settings.mode, warn)
        })
        .collect::<Result<_>>()?;

    warn_about_ssh(settings);
    let mut session = Session::new(settings, &skel, host, known, attachments)?;
    session.announce()?;
    session.warn_about_cookies();
    for advice in advice::on(settings, &session.attachments) {
        eprintln!("{advice}");
    }
    let lost = session.watch(&waker)?;
    session.attachments.clear();
    session.summarize()?;
    if lost {
        bail!("no interface is left to protect: start again when it is back");
    }
    Ok(())
}

/// Whoever typed the command may soon need a second connection.
fn warn_about_ssh(settings: &Settings) {
    let Some(session) = ssh::session() else { return };
    let peer = session.peer;
    match settings.listed(peer) {
        Some(Listed::Allowed) => {}
        Some(Listed::Denied) => eprintln!(
            "warning: you are connected over ssh from {peer}, which --deny covers: this session goes on, \
             but no new one will get in; add --allow {peer}"
        ),
        None if settings.protects(session.port) => eprintln!(
            "note: you are connected over ssh from {peer}: this session is not touched, but new ones are \
             limited like anybody's; --allow {peer} exempts you"
        ),
        None => {}
    }
}

/// A run, from the first link to the summary.
struct Session<'a> {
    settings: &'a Settings,
    skel: &'a SynfloodSkel<'a>,
    host: Host<'a>,
    known: Known<'a>,
    flood: Flood,
    config: types::config,
    policy: Policy,
    reasons: Vec<String>,
    attachments: Vec<Attachment>,
    started: Instant,
    /// Redraw one line instead of writing many.
    redraw: bool,
    /// The cursor stands behind such a line.
    in_line: bool,
}

impl<'a> Session<'a> {
    fn new(
        settings: &'a Settings,
        skel: &'a SynfloodSkel<'a>,
        host: Host<'a>,
        known: Known<'a>,
        attachments: Vec<Attachment>,
    ) -> Result<Self> {
        let mut config = bpf::built_in_config()?;
        settings.write_to(&mut config);
        Ok(Self {
            settings,
            skel,
            host,
            known,
            flood: Flood::default(),
            policy: Policy::new(&config),
            config,
            reasons: bpf::reason_names(skel)?,
            attachments,
            started: Instant::now(),
            redraw: io::stdout().is_terminal() && !settings.json,
            in_line: false,
        })
    }

    fn announce(&self) -> Result<()> {
        let interfaces: Vec<_> = self.attachments.iter().map(interface_mode).collect();
        eprintln!(
            "protecting {}: {}; {}",
            output::describe_interfaces(&interfaces),
            self.policy.describe(),
            match self.settings.stop_after {
                Some(time) => format!("ends in {}", humantime::format_duration(time)),
                None => "Ctrl-C ends".into(),
            }
        );
        if self.settings.json {
            self.print_json(&Event::Start { interfaces: &interfaces, policy: &self.policy })?;
        }
        Ok(())
    }

    /// Until a signal, `--for`, or the last interface's end; true for the last.
    fn watch(&mut self, waker: &Waker) -> Result<bool> {
        let end = self.settings.stop_after.and_then(|time| self.started.checked_add(time));
        let mut look = self.started + LOOK_INTERVAL;
        let mut report = self.started + self.settings.interval;
        let mut before = Counters::default();
        let mut then = self.started;
        loop {
            let wake = [Some(look), Some(report), end].into_iter().flatten().min().unwrap_or(look);
            match waker.wait(wake.saturating_duration_since(Instant::now())) {
                Wake::Stop => return Ok(false),
                Wake::HostChanged => self.look_at_host()?,
                Wake::Timeout => {}
            }
            let now = Instant::now();
            if end.is_some_and(|end| now >= end) {
                return Ok(false);
            }
            if now >= look {
                self.look_at_host()?;
                self.flood.look(&self.skel.maps.data_budgets)?;
                self.known.renew_if_worn()?;
                self.drop_lost()?;
                look = now + LOOK_INTERVAL;
            }
            if self.attachments.is_empty() {
                return Ok(true);
            }
            if now >= report {
                if !self.settings.quiet {
                    let counters = self.counters()?;
                    self.report(&before, &counters, now - then)?;
                    (before, then) = (counters, now);
                }
                // After a stall, skip what was missed.
                report = (report + self.settings.interval).max(now);
            }
        }
    }

    fn look_at_host(&mut self) -> Result<()> {
        let had_cookies = self.host.has_cookies();
        // What it cannot be told it cannot answer for: no reason to end the protection.
        if let Err(error) = self.host.refresh() {
            self.end_line()?;
            eprintln!("warning: {error:#}: SYNs to new addresses are not challenged");
        }
        if had_cookies && !self.host.has_cookies() {
            self.end_line()?;
            self.warn_about_cookies();
        }
        Ok(())
    }

    fn warn_about_cookies(&self) {
        if self.settings.challenge != Challenge::Off && !self.host.has_cookies() {
            eprintln!(
                "warning: net.ipv4.tcp_syncookies is 0, so that SYNs over a budget cannot be challenged and \
                 are dropped, honest ones too: `sysctl net.ipv4.tcp_syncookies=1`"
            );
        }
    }

    /// Says which interfaces have gone, and forgets them.
    fn drop_lost(&mut self) -> Result<()> {
        for attachment in mem::take(&mut self.attachments) {
            if attachment.is_alive()? {
                self.attachments.push(attachment);
                continue;
            }
            let name = &attachment.interface.name;
            self.end_line()?;
            eprintln!(
                "warning: {name} is no longer protected: it was removed, or its link was detached"
            );
            if self.settings.json {
                self.print_json(&Event::Detached { interface: name })?;
            }
        }
        Ok(())
    }

    fn counters(&self) -> Result<Counters> {
        Counters::read(&self.skel.maps.counters, &self.reasons)
    }

    fn report(&mut self, before: &Counters, now: &Counters, time: Duration) -> Result<()> {
        let per_second = |count: u64| (count as f64 / time.as_secs_f64()).round() as u64;
        let passed = now.passed() - before.passed();
        let challenged = now.challenged() - before.challenged();
        let dropped = now.dropped() - before.dropped();
        let status = Status {
            elapsed_s: self.started.elapsed().as_secs_f64(),
            syn_per_s: per_second(passed + challenged + dropped),
            passed_per_s: per_second(passed),
            challenged_per_s: per_second(challenged),
            dropped_per_s: per_second(dropped),
            blocked_sources: sources::count_blocked(&self.skel.maps.sources, &self.config)?,
            flood_s: self.flood.duration().map(|time| time.as_secs_f64()),
        };
        if self.settings.json {
            return self.print_json(&Event::Status(status));
        }
        let line = status.describe(self.dropped_word());
        let mut out = io::stdout().lock();
        if self.redraw {
            // Back to the first column; erase what a longer line left.
            write!(out, "\r{line}\x1b[K")?;
            self.in_line = true;
        } else {
            writeln!(out, "{line}")?;
        }
        Ok(out.flush()?)
    }

    fn summarize(&mut self) -> Result<()> {
        let counters = self.counters()?;
        let elapsed = self.started.elapsed();
        if self.settings.json {
            return self.print_json(&Event::Summary(Summary {
                elapsed_s: elapsed.as_secs_f64(),
                passed: counters.passed(),
                challenged: counters.challenged(),
                dropped: counters.dropped(),
                reasons: &counters.reasons,
            }));
        }
        self.end_line()?;
        let mut out = io::stdout().lock();
        writeln!(
            out,
            "detached after {}: {} SYNs passed, {} challenged, {} {}",
            humantime::format_duration(Duration::from_secs(elapsed.as_secs())),
            counters.passed(),
            counters.challenged(),
            counters.dropped(),
            self.dropped_word()
        )?;
        for (reason, count) in counters.reasons.iter().filter(|&(_, &count)| count > 0) {
            writeln!(out, "  {reason:<26} {count:>14}")?;
        }
        Ok(())
    }

    fn dropped_word(&self) -> &'static str {
        if self.settings.dry_run { "would be dropped" } else { "dropped" }
    }

    /// What follows shall not stand behind a status line.
    fn end_line(&mut self) -> io::Result<()> {
        if mem::take(&mut self.in_line) { writeln!(io::stdout()) } else { Ok(()) }
    }

    fn print_json(&self, event: &Event<'_>) -> Result<()> {
        let mut out = io::stdout().lock();
        output::write_json(&mut out, event)?;
        Ok(out.flush()?)
    }
}

fn interface_mode(attachment: &Attachment) -> InterfaceMode<'_> {
    InterfaceMode { name: &attachment.interface.name, mode: attachment.mode }
}
