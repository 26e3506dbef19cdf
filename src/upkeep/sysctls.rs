// SPDX-License-Identifier: GPL-2.0-only
//! net.ipv4.tcp_syncookies, which the kernel's cookies need at 2 while a flood is on, so that it makes one for
//! every SYN and not only when a listener's queue is full.
//!
//! Each run that needs it shares a lock on its namespace. A second process, the *keeper*, waits for the end of the
//! need or of the run, takes the lock alone, and sets the setting back. So a run that is killed leaves nothing
//! changed, and one that ends undoes nothing that another still needs.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::Watched;
use crate::kernel::sysctl::{self, Change};
use crate::note::Note;

/// The lock that runs share: a file that each network namespace has, and that nobody but an administrator can
/// open. So nobody else can hold the lock.
pub const LOCK: &str = "/proc/sys/net/ipv4/tcp_fastopen_key";

/// What a keeper writes once no signal can end it and nothing more can fail.
pub const READY: &str = "ready";

/// What a keeper writes once it has set back what it can.
pub const DONE: &str = "done";

/// What a keeper writes when another run needs the settings still.
pub const WAITING: &str = "waiting";

/// Longer than a keeper takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(5);

const SYNCOOKIES: &str = "net.ipv4.tcp_syncookies";

/// A cookie for every SYN.
const ALWAYS: &str = "2";

/// The setting stays so long after the last refusal: floods come in waves.
const CALM: Duration = Duration::from_secs(120);

/// The setting, while this run needs it.
#[derive(Debug)]
pub struct Sysctls {
    needed: Option<Needed>,
    looking: Watched,
}

/// While it is needed.
#[derive(Debug)]
struct Needed {
    flood: Flood,
    /// What this run has changed.
    changes: Vec<Change>,
    /// It is as a flood needs it, or somebody wants it otherwise.
    is_raised: bool,
    keeper: Option<Keeper>,
    _lock: File,
}

impl Default for Sysctls {
    /// Needs nothing yet.
    fn default() -> Self {
        Self { needed: None, looking: Watched::new("setting net.ipv4.tcp_syncookies for the flood") }
    }
}

impl Sysctls {
    /// What another process has changed is not set back when that ends, but when this run needs it no more.
    pub fn that_hold() -> Self {
        // If it cannot, the setting is made again at the next look.
        Self { needed: Needed::hold().ok(), ..Self::default() }
    }

    /// Nothing is set for a flood yet.
    pub fn is_idle(&self) -> bool {
        self.needed.as_ref().is_none_or(|needed| !needed.is_raised)
    }

    /// Sets it when a flood begins, and back when none was for two minutes. `refuses`: a flood is on, and the
    /// kernel's cookies are used. Notes what somebody else has changed, and starts the keeper again if it was
    /// killed.
    pub fn tick(&mut self, refuses: bool) -> Vec<Note> {
        let mut notes = Vec::new();
        let outcome = match &mut self.needed {
            None if refuses => Needed::hold().and_then(|mut needed| {
                needed.raise(&mut notes)?;
                self.needed = Some(needed);
                Ok(())
            }),
            None => Ok(()),
            Some(needed) => {
                needed.flood.look(refuses, Instant::now());
                if refuses && !needed.is_raised {
                    needed.raise(&mut notes)
                } else {
                    needed.look(&mut notes)
                }
            }
        };
        notes.extend(self.looking.check(outcome).1);
        if self.needed.as_ref().is_some_and(|needed| needed.flood.is_over(Instant::now())) {
            notes.extend(self.restore());
        }
        notes
    }

    /// Sets back what this run has changed, unless another run needs it.
    pub fn restore(&mut self) -> Vec<Note> {
        self.needed.take().map(Needed::end).unwrap_or_default()
    }
}

/// A flood, with the pauses between its waves.
#[derive(Debug)]
struct Flood {
    last_refusal: Instant,
}

impl Flood {
    fn new(now: Instant) -> Self {
        Self { last_refusal: now }
    }

    fn look(&mut self, refuses: bool, now: Instant) {
        if refuses {
            self.last_refusal = now;
        }
    }

    fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.last_refusal) > CALM
    }
}

impl Needed {
    /// From now on no keeper sets anything back.
    fn hold() -> Result<Self> {
        let lock = File::open(LOCK).and_then(|lock| lock.lock_shared().map(|()| lock));
        let lock = lock.context("cannot lock this network namespace's settings")?;
        let flood = Flood::new(Instant::now());
        Ok(Self { flood, changes: Vec::new(), is_raised: false, keeper: None, _lock: lock })
    }

    /// Sets it for the flood.
    fn raise(&mut self, notes: &mut Vec<Note>) -> Result<()> {
        let before = sysctl::read(SYNCOOKIES)?;
        // 0: the administrator wants none, and is told so elsewhere.
        if before == "0" || before == ALWAYS {
            self.is_raised = true;
            return Ok(());
        }
        let change = Change { name: SYNCOOKIES.into(), before, ours: ALWAYS.into() };
        // Before the change, so that it does not outlive a kill.
        let changes = vec![change.clone()];
        self.keeper =
            Some(Keeper::start(&changes).context("cannot start the process that sets it back")?);
        self.changes = changes;
        let Change { name, before, ours } = &change;
        change.make().with_context(|| {
            format!("cannot set {name} to {ours}: set it by hand, or give --keep-sysctls")
        })?;
        self.is_raised = true;
        notes.push(Note::change(format!("{name} was {before} and is {ours} while the flood lasts")));
        Ok(())
    }

    fn look(&mut self, notes: &mut Vec<Note>) -> Result<()> {
        let mut outcome = self.renew_keeper();
        self.changes.retain(|change| match change.overruled() {
            Ok(None) => true,
            Ok(Some(now)) => {
                let Change { name, ours, .. } = change;
                let text = format!("{name} is {now} now: somebody else has changed it from {ours}");
                notes.push(Note::warning(text));
                false
            }
            Err(error) => {
                outcome = Err(error);
                true
            }
        });
        outcome
    }

    fn renew_keeper(&mut self) -> Result<()> {
        if !self.changes.is_empty() && self.keeper.as_mut().is_some_and(Keeper::has_ended) {
            self.keeper = Some(Keeper::start(&self.changes)?);
        }
        Ok(())
    }

    fn end(self) -> Vec<Note> {
        let Self { changes, keeper, _lock: lock, .. } = self;
        drop(lock);
        // Without an answer it was killed: then this run does it alone.
        let notes =
            keeper.map(|keeper| keeper.finish().unwrap_or_else(|| undo(&changes))).unwrap_or_default();
        if !notes.is_empty() {
            return notes;
        }
        let back =
            |change: &Change| Note::change(format!("{} is {} again", change.name, change.before));
        changes.iter().map(back).collect()
    }
}

/// Sets these back, even if another run needs them. Returns what could not be set back.
fn undo(changes: &[Change]) -> Vec<Note> {
    let undo = |change: &Change| Some(Note::warning(format!("{:#}", change.undo().err()?)));
    changes.iter().filter_map(undo).collect()
}

/// The process that sets back what a run changed: see [`crate::commands::keep`]. It acts when its standard
/// input ends, as it does with the run, however that ends.
#[derive(Debug)]
struct Keeper {
    process: Child,
    says: Receiver<String>,
}

impl Keeper {
    fn start(changes: &[Change]) -> Result<Self> {
        let mut command = Command::new("/proc/self/exe");
        for change in changes {
            command.args(["--restore-sysctls", &change.to_string()]);
        }
        command.arg0("synflood-xdp").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        // Out of the way: signals to the run's group are not for it, and no file system is kept busy.
        let mut process = command.process_group(0).current_dir("/").spawn()?;
        let stdout = process.stdout.take().context("it has no output")?;
        let (send, says) = channel();
        let listen = move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // Fails only when the run has ended.
                let _ = send.send(line);
            }
        };
        thread::Builder::new().spawn(listen)?;
        let said = says.recv_timeout(PATIENCE);
        ensure!(said.as_deref() == Ok(READY), "it is not ready: {said:?}");
        Ok(Self { process, says })
    }

    fn has_ended(&mut self) -> bool {
        !matches!(self.process.try_wait(), Ok(None))
    }

    /// Lets it set the settings back. Notes of what it could not; None: it does not answer.
    fn finish(mut self) -> Option<Vec<Note>> {
        drop(self.process.stdin.take());
        let mut notes = Vec::new();
        loop {
            match self.says.recv_timeout(PATIENCE).ok()?.as_str() {
                DONE => return Some(notes),
                WAITING => {
                    notes.push(Note::info(
                        "the kernel's settings stay as they are: another synflood-xdp needs them, and they \
                         are set back when it ends",
                    ));
                    return Some(notes);
                }
                failure => notes.push(Note::warning(failure)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Flood;

    #[test]
    fn a_flood_is_over_after_two_minutes_of_calm() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut flood = Flood::new(start);
        for wave in [0, 60, 179, 298] {
            flood.look(true, at(wave));
            (wave..=wave + 119).for_each(|second| flood.look(second == wave, at(second)));
            assert!(!flood.is_over(at(wave + 119)), "the wave at {wave} s");
        }
        assert!(!flood.is_over(at(298 + 120)));
        assert!(flood.is_over(at(298 + 121)));
        assert!(!flood.is_over(start), "a clock behind");
    }
}
