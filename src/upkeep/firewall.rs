// SPDX-License-Identifier: GPL-2.0-only
//! Keeps an eye on the host's firewall. A thread of its own runs the tools that print the rules, as they
//! take their time: nobody waits for it.

mod look;
mod tools;

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::firewall::{Evidence, Judge, Verdicts};
use crate::kernel::privileges;
use crate::note::Note;

use look::Looker;

/// Between two looks, if the kernel tells nothing new.
const PAUSE: Duration = Duration::from_secs(10);

/// The kernel is asked so often whether the rules of nf_tables are others.
const GLANCE: Duration = Duration::from_secs(1);

/// The look at the firewall, which goes on until this is dropped.
#[derive(Debug)]
pub struct Firewall {
    poke: Sender<()>,
    reports: Receiver<Report>,
    notes: Vec<Note>,
}

#[derive(Debug)]
struct Report {
    /// None if the rules are as before.
    verdicts: Option<Arc<Verdicts>>,
    notes: Vec<Note>,
}

impl Firewall {
    /// Looks at once, and then every ten seconds. `interfaces` are those that have the program. Fails if
    /// there can be no further thread.
    pub fn start(interfaces: Vec<String>) -> io::Result<Self> {
        let (poke, poked) = channel();
        let (report, reports) = channel();
        let keep_looking = move || {
            // What cannot be given up does no harm.
            let _ = privileges::keep_only(&privileges::OF_FIREWALL_TOOLS);
            look_again_and_again(&interfaces, &poked, &report);
        };
        thread::Builder::new().name("firewall".into()).spawn(keep_looking)?;
        Ok(Self { poke, reports, notes: Vec::new() })
    }

    /// Waits so long for the first look.
    pub fn first(&mut self, patience: Duration) -> Option<Arc<Verdicts>> {
        let report = self.reports.recv_timeout(patience).ok()?;
        self.notes.extend(report.notes);
        report.verdicts
    }

    /// Looks again now, as something has changed.
    pub fn poke(&self) {
        // Fails only if the thread has panicked.
        let _ = self.poke.send(());
    }

    /// Which ports are challengeable as of the last look, if that may have changed since the last call.
    /// Never waits.
    pub fn latest(&mut self) -> Option<Arc<Verdicts>> {
        let mut latest = None;
        for report in self.reports.try_iter() {
            self.notes.extend(report.notes);
            latest = report.verdicts.or(latest);
        }
        latest
    }

    /// What there is to tell since the last call; [`Self::latest`] collects it.
    pub fn notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }
}

fn look_again_and_again(interfaces: &[String], poked: &Receiver<()>, report: &Sender<Report>) {
    let mut looker = Looker::default();
    let mut known: Option<Evidence> = None;
    let mut told: Vec<Note> = Vec::new();
    loop {
        let (evidence, notes) = looker.look(interfaces);
        let is_new = known.as_ref() != Some(&evidence);
        let verdicts = is_new.then(|| Arc::new(Verdicts::of(&Judge::new(&evidence))));
        known = Some(evidence);
        let unsaid = notes.iter().filter(|note| !told.contains(note)).cloned().collect::<Vec<_>>();
        told = notes;
        if (verdicts.is_some() || !unsaid.is_empty())
            && report.send(Report { verdicts, notes: unsaid }).is_err()
        {
            return;
        }
        let looked = Instant::now();
        loop {
            match poked.recv_timeout(GLANCE) {
                // Several pokes are as good as one.
                Ok(()) => {
                    poked.try_iter().for_each(drop);
                    break;
                }
                Err(RecvTimeoutError::Timeout) if looked.elapsed() > PAUSE || looker.has_news() => {
                    break;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }
}
