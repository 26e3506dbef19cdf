// SPDX-License-Identifier: GPL-2.0-only
//! `--set-sysctls`: kernel settings that challenges need, for as long as a run of this network namespace
//! needs them.
//!
//! Each run shares a lock on its namespace. A second process, the *keeper*, waits for the end of the run that
//! changed something, takes the lock alone, and sets the settings back. So a run that is killed leaves nothing
//! changed, and one that ends undoes nothing that another still needs.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::Watched;
use crate::kernel::sysctl::{self, Change};
use crate::note::Note;
use crate::policy::Challenge;

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

/// Settings that this run needs.
#[derive(Debug)]
pub struct Sysctls {
    /// Those that this run has changed.
    changes: Vec<Change>,
    keeper: Option<Keeper>,
    lock: Option<File>,
    looking: Watched,
}

impl Default for Sysctls {
    /// Needs none.
    fn default() -> Self {
        let looking = Watched::new("the look at the settings of --set-sysctls");
        Self { changes: Vec::new(), keeper: None, lock: None, looking }
    }
}

impl Sysctls {
    /// Sets tcp_syncookies to 2 if all SYNs may be challenged, else to 1 at least, and tcp_timestamps to 2, which
    /// can keep a client's options. Also returns notes of what was changed.
    pub fn set_for(challenge: Challenge) -> Result<(Self, Vec<Note>)> {
        let lock = File::open(LOCK).and_then(|lock| lock.lock_shared().map(|()| lock));
        let lock = lock.context("cannot lock this network namespace's settings")?;
        let changes = changes_for(challenge)?;
        if changes.is_empty() {
            return Ok((Self { lock: Some(lock), ..Self::default() }, Vec::new()));
        }
        // Before the first change, so that none outlives a kill.
        let keeper = Keeper::start(&changes).context("cannot start the process that sets them back")?;
        let mut notes = Vec::new();
        for change in &changes {
            let Change { name, before, ours } = change;
            change.make().with_context(|| {
                format!("cannot set {name} to {ours}: set it by hand, and leave out --set-sysctls")
            })?;
            notes.push(Note::info(format!("{name} was {before} and is {ours} until the end")));
        }
        let sysctls = Self { changes, keeper: Some(keeper), lock: Some(lock), ..Self::default() };
        Ok((sysctls, notes))
    }

    /// Notes what somebody else has changed, and starts the keeper again if it was killed.
    pub fn tick(&mut self) -> Vec<Note> {
        let mut notes = Vec::new();
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
        notes.extend(self.looking.check(outcome).1);
        notes
    }

    fn renew_keeper(&mut self) -> Result<()> {
        if !self.changes.is_empty() && self.keeper.as_mut().is_some_and(Keeper::has_ended) {
            self.keeper = Some(Keeper::start(&self.changes)?);
        }
        Ok(())
    }

    /// Sets back what this run has changed, unless another run needs it.
    pub fn restore(self) -> Vec<Note> {
        let Self { changes, keeper, lock, .. } = self;
        drop(lock);
        // Without an answer it was killed: then this run does it alone.
        keeper.map(|keeper| keeper.finish().unwrap_or_else(|| undo(&changes))).unwrap_or_default()
    }
}

fn changes_for(challenge: Challenge) -> Result<Vec<Change>> {
    let cookies: (&str, fn(&str) -> bool) = match challenge {
        Challenge::Off => return Ok(Vec::new()),
        Challenge::Budget => ("1", |now| now == "0"),
        Challenge::All => ("2", |now| now != "2"),
    };
    let timestamps: (&str, fn(&str) -> bool) = ("2", |now| now != "2");
    let mut changes = Vec::new();
    for (name, (ours, is_needed)) in
        [("net.ipv4.tcp_syncookies", cookies), ("net.ipv4.tcp_timestamps", timestamps)]
    {
        let before = sysctl::read(name)?;
        if is_needed(&before) {
            changes.push(Change { name: name.into(), before, ours: ours.into() });
        }
    }
    Ok(changes)
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
