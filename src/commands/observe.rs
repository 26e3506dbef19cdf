// SPDX-License-Identifier: GPL-2.0-only
//! `observe`: the segments of an interface, and what becomes of them.

mod output;
mod tally;

use std::io::{self, Write};
use std::iter;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use chrono::{DateTime, Local};
use libbpf_rs::MapHandle;

use output::Output;
use tally::Tally;

use super::running::{self, Found};
use crate::advice::preflight;
use crate::cli::Observe;
use crate::kernel::clock;
use crate::kernel::interface::Interface;
use crate::kernel::maps::observe::{self, Frame, Lease, Tables, Wanted};
use crate::kernel::maps::ring::Ring;
use crate::kernel::observer::Observer;
use crate::show::segment::Segment;

/// How long it sleeps at most: it then looks whether it is to end.
const NAP: Duration = Duration::from_millis(100);

/// Between two looks at lease and instance.
const RENEWAL: Duration = Duration::from_secs(1);

/// Reasons of frames without a TCP header, and of what is no frame that arrives.
const NO_SEGMENT: [&str; 2] = ["skip_not_tcp", "skip_later_fragment"];
const CLASSES: [&str; 4] = ["skip_", "pass_", "challenge_", "drop_"];

pub fn observe(words: &Observe) -> Result<()> {
    preflight::check_can_change("observe")?;
    let interface = Interface::ethernet(&words.iface)?;
    let found = running::on(&interface)?;
    ensure!(
        found.is_some() || words.verdict.is_empty(),
        "no instance judges what arrives at {}, so there are no verdicts: leave out --verdict, or protect it",
        interface.name
    );
    let wants_out = words.verdict.is_empty();
    let judge = found.map(Judge::from);
    let (tables, judge) = judge.map(|(tables, judge)| (Some(tables), judge)).unwrap_or_default();
    let is_judged = tables.is_some();
    let observer = Observer::attach(&interface, tables, wants_out)?;
    let wanted = wanted(words, &interface, &judge);
    let frames = observe::frames(&observer.tables)?;
    let lease = Lease::take(&observer.tables, &wanted)?;
    let mut tally = Tally::new(&observer.tables, judge.counters.as_ref(), counted(&wanted, &judge))?;
    // Whoever is refused has not touched the file. A signal still ends what waits here for the reader of a named pipe.
    let mut out = Output::open(words)?;
    let stop = Arc::new(AtomicBool::new(false));
    let flag = stop.clone();
    ctrlc::set_handler(move || flag.store(true, Ordering::Relaxed))
        .context("cannot listen for signals")?;
    say_start(&interface, is_judged, wants_out && !observer.sees_out);
    let watch = Watch { interface: &interface, observer: &observer, is_judged, lease };
    let look = Look { words, reasons: &judge.reasons, stop: &stop };
    let done = look.on(watch, &frames, &mut out, &mut tally);
    if !done.as_ref().is_err_and(is_closed) {
        tally.finish()?;
    }
    done
}

/// Whether the reader of the output has seen enough.
fn is_closed(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// The instance whose verdicts are shown; by default there is none.
#[derive(Default)]
struct Judge {
    /// The names of its reasons, in the order of their counters.
    reasons: Vec<String>,
    counters: Option<MapHandle>,
    is_dry_run: bool,
    has_more_interfaces: bool,
}

impl Judge {
    fn from(found: Found) -> (Tables, Self) {
        let has_more_interfaces = found.interfaces.len() > 1;
        let running = *found.running;
        let judge = Self {
            reasons: running.reasons,
            counters: Some(running.counters),
            is_dry_run: running.policy.dry_run,
            has_more_interfaces,
        };
        (running.observed, judge)
    }
}

/// The reasons whose counters tell how many frames are looked for. An answered SYN is two: with the answer.
fn counted(wanted: &Wanted, judge: &Judge) -> Vec<u32> {
    if wanted.is_selective {
        return Vec::new();
    }
    let all = (0..).zip(&judge.reasons).filter(|(number, _)| wanted.reasons >> number & 1 != 0);
    let times = |name: &str| if wanted.shows_answers && name == "challenge_sent" { 2 } else { 1 };
    all.flat_map(|(number, name)| iter::repeat_n(number, times(name))).collect()
}

fn wanted(words: &Observe, interface: &Interface, judge: &Judge) -> Wanted {
    let reasons = &judge.reasons;
    let is_wanted = |name: &str| match words.verdict[..] {
        _ if NO_SEGMENT.contains(&name) => false,
        [] => CLASSES.iter().any(|class| name.starts_with(class)),
        ref verdicts => verdicts.iter().any(|verdict| name.starts_with(verdict.class())),
    };
    let named = (0..).zip(reasons).filter(|(_, name)| is_wanted(name));
    let bits = named.fold(0, |bits, (number, _)| bits | 1_u64 << number);
    Wanted {
        ifindex: interface.index,
        // The first reason is that of no verdict.
        reasons: if reasons.is_empty() { 1 } else { bits },
        port: words.port,
        network: words.from,
        only_syns: words.syn,
        shows_answers: words.verdict.is_empty() && !judge.is_dry_run,
        rate: words.rate,
        snaplen: words.snaplen.unwrap_or(0),
        is_selective: words.port.is_some()
            || words.from.is_some()
            || words.syn
            || judge.has_more_interfaces,
    }
}

fn say_start(interface: &Interface, is_judged: bool, lacks_out: bool) {
    let name = &interface.name;
    let verdict = if is_judged { "" } else { ", where no instance judges what arrives: verdict –" };
    note(&format!("observing {name}{verdict}; Ctrl-C ends"));
    if lacks_out {
        note("only what comes in: to see what goes out takes Linux 6.6");
    }
}

/// The output is for segments alone, so this goes to standard error. If that is closed, nobody wants to know.
fn note(text: &str) {
    let _ = writeln!(io::stderr(), "note: {text}");
}

/// What must hold while somebody looks.
struct Watch<'a> {
    interface: &'a Interface,
    observer: &'a Observer,
    is_judged: bool,
    lease: Lease<'a>,
}

impl Watch<'_> {
    fn renew(&mut self) -> Result<()> {
        let name = &self.interface.name;
        let now = Interface::by_name(name)?;
        ensure!(now.index == self.interface.index, "{name} is another interface by now");
        if self.is_judged && !self.observer.is_judging(self.interface) {
            bail!("the instance on {name} has ended, or another one has taken its place: start again");
        }
        self.lease.renew()
    }
}

struct Look<'a> {
    words: &'a Observe,
    reasons: &'a [String],
    stop: &'a AtomicBool,
}

impl Look<'_> {
    fn on(
        &self,
        mut watch: Watch<'_>,
        frames: &Ring<Frame>,
        out: &mut Output,
        tally: &mut Tally<'_>,
    ) -> Result<()> {
        let end = self.words.time.and_then(|time| Instant::now().checked_add(time));
        let mut next_renewal = Instant::now() + RENEWAL;
        loop {
            let now = Instant::now();
            let is_over = self.stop.load(Ordering::Relaxed) || end.is_some_and(|end| now >= end);
            if now >= next_renewal {
                watch.renew()?;
                tally.tell()?;
                next_renewal = now + RENEWAL;
            }
            let left = end.map_or(NAP, |end| end.saturating_duration_since(now).min(NAP));
            let left = if is_over { Duration::ZERO } else { left };
            if self.show(frames.wait(left)?, out, tally)? || is_over {
                return Ok(());
            }
        }
    }

    /// Whether these were the last that are to be shown.
    fn show(&self, frames: Vec<Frame>, out: &mut Output, tally: &mut Tally<'_>) -> Result<bool> {
        if frames.is_empty() {
            return Ok(false);
        }
        let now = (Local::now(), Duration::from_nanos(clock::now_ns()?));
        for frame in frames {
            out.write(&self.segment(frame, now))?;
            tally.shown += 1;
            if self.words.count == Some(tally.shown) {
                out.flush()?;
                return Ok(true);
            }
        }
        out.flush()?;
        Ok(false)
    }

    /// `now` by both clocks.
    fn segment(&self, frame: Frame, now: (DateTime<Local>, Duration)) -> Segment {
        let reason = self.reasons.get(usize::from(frame.reason)).filter(|_| frame.reason != 0);
        Segment {
            at: now.0 - now.1.saturating_sub(frame.at),
            is_out: frame.is_out,
            reason: reason.cloned(),
            rule: frame.rule,
            frame_len: frame.frame_len,
            bytes: frame.bytes,
        }
    }
}
