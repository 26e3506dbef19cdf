// SPDX-License-Identifier: GPL-2.0-only
//! Runs the command of `--on-event` when something happens. A thread of its own starts it, one at a time: the run waits
//! for nobody.

mod child;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::unistd::{AccessFlags, access};

use child::End;

use crate::policy::EventCommand;

/// Between two starts for the same kind of event.
const EVERY: Duration = Duration::from_secs(1);

/// A command that takes longer is killed.
const TIMEOUT: Duration = Duration::from_secs(10);

/// At the end, for the command that runs and for what happened last.
const PATIENCE: Duration = Duration::from_secs(1);

/// What the thread may take, after that, to kill the command and to end.
const KILLING: Duration = Duration::from_millis(200);

/// Lines of a kind that wait for the next start; later ones are lost, and counted.
const MAX_WAITING: usize = 1000;

/// Something that happened.
struct Happening {
    kind: &'static str,
    /// A JSON object, with its line break.
    line: String,
}

/// A command that is run for events. Dropping it waits a second for what runs and for the last ones, and kills what is
/// then left.
pub struct Hook {
    command: EventCommand,
    /// None when it is dropped.
    happenings: Option<Sender<Happening>>,
    outcomes: Receiver<Result<()>>,
    /// Known when it is dropped.
    end: Arc<End>,
}

impl Hook {
    /// Fails if there is no such command.
    pub fn new(command: &EventCommand) -> Result<Self> {
        check(command)?;
        let (happenings, waiting) = channel();
        let (report, outcomes) = channel();
        let end = Arc::new(End::new());
        let worker =
            Worker { command: command.clone(), report, end: end.clone(), kinds: BTreeMap::new() };
        thread::Builder::new()
            .name("on-event".into())
            .spawn(move || worker.work(&waiting))
            .context("there can be no further thread")?;
        Ok(Self { command: command.clone(), happenings: Some(happenings), outcomes, end })
    }

    pub fn command(&self) -> &EventCommand {
        &self.command
    }

    /// `line`: a JSON object, with its line break.
    pub fn happened(&self, kind: &'static str, line: String) {
        if let Some(happenings) = &self.happenings {
            // Fails only if the thread has panicked.
            let _ = happenings.send(Happening { kind, line });
        }
    }

    /// How the commands ended since the last call.
    pub fn outcomes(&self) -> impl Iterator<Item = Result<()>> {
        self.outcomes.try_iter()
    }

    /// Drops it without waiting: its thread keeps to the same second by itself.
    pub fn retire(mut self) {
        // From nobody: so there is nothing to wait for.
        self.outcomes = channel().1;
    }
}

/// Fails if nobody can run it.
pub fn check(command: &EventCommand) -> Result<()> {
    let program = &command.program;
    access(program.as_str(), AccessFlags::X_OK)
        .with_context(|| format!("cannot run {program}, the command of --on-event"))
}

impl Drop for Hook {
    fn drop(&mut self) {
        let latest = *self.end.get_or_init(|| Instant::now() + PATIENCE) + KILLING;
        self.happenings = None;
        // The thread has ended when there is nobody to tell outcomes. It is not joined: what hangs in the kernel cannot
        // be killed.
        while self.outcomes.recv_timeout(latest.saturating_duration_since(Instant::now())).is_ok() {}
    }
}

/// What waits for the next start.
#[derive(Default)]
struct Waiting {
    lines: Vec<String>,
    lost: u64,
    /// None: at once.
    may_start: Option<Instant>,
}

struct Worker {
    command: EventCommand,
    report: Sender<Result<()>>,
    end: Arc<End>,
    kinds: BTreeMap<&'static str, Waiting>,
}

impl Worker {
    fn work(mut self, happenings: &Receiver<Happening>) {
        loop {
            let wait = self.next().map_or(Duration::MAX, |waiting| waiting.time_left());
            match happenings.recv_timeout(wait) {
                Ok(happening) => self.keep(happening),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            happenings.try_iter().for_each(|happening| self.keep(happening));
            self.start_one();
        }
        self.kinds.values_mut().for_each(|waiting| waiting.may_start = None);
        while self.next().is_some() {
            self.start_one();
        }
    }

    fn keep(&mut self, Happening { kind, line }: Happening) {
        let waiting = self.kinds.entry(kind).or_default();
        if waiting.lines.len() < MAX_WAITING { waiting.lines.push(line) } else { waiting.lost += 1 }
    }

    /// What waits for the next start, until all is over.
    fn next(&mut self) -> Option<&mut Waiting> {
        if child::is_over(&self.end) {
            return None;
        }
        let waiting = self.kinds.values_mut().filter(|waiting| !waiting.lines.is_empty());
        waiting.min_by_key(|waiting| waiting.may_start)
    }

    /// Starts the command for what waits, if it may start now, and waits for its end.
    fn start_one(&mut self) {
        let Some(waiting) = self.next().filter(|waiting| waiting.time_left().is_zero()) else { return };
        waiting.may_start = Some(Instant::now() + EVERY);
        let lines = std::mem::take(&mut waiting.lines);
        let lost = std::mem::take(&mut waiting.lost);
        let outcome = child::run(&self.command, &lines.concat(), TIMEOUT, &self.end).and_then(|()| {
            ensure!(lost == 0, "{lost} events were not given to it, as more than {MAX_WAITING} waited");
            Ok(())
        });
        // Fails only if nobody wants to know any more.
        let _ = self.report.send(outcome);
    }
}

impl Waiting {
    /// Until the command may start.
    fn time_left(&self) -> Duration {
        self.may_start.map_or(Duration::ZERO, |at| at.saturating_duration_since(Instant::now()))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::time::{Duration, Instant};

    use super::{EVERY, Hook, MAX_WAITING};
    use crate::policy::EventCommand;

    fn shell(script: &str) -> EventCommand {
        EventCommand { program: "/bin/sh".into(), arguments: vec!["-c".into(), script.into()] }
    }

    /// What comes in the same second comes together, each kind by itself; what is too much is counted.
    #[test]
    fn a_command_runs_once_a_second_for_each_kind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display();
        let hook =
            Hook::new(&shell(&format!("cat > {path}/$$; mv {path}/$$ {path}/whole-$$"))).unwrap();
        let begun = Instant::now();
        hook.happened("a", "first\n".into());
        let inputs = || {
            let files = fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().path());
            let whole = files.filter(|path| path.display().to_string().contains("whole"));
            let mut inputs: Vec<_> = whole.map(|path| fs::read_to_string(path).unwrap()).collect();
            inputs.sort();
            inputs
        };
        while inputs() != ["first\n"] {
            assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", inputs());
        }
        for number in 0..MAX_WAITING + 7 {
            hook.happened("a", format!("{number}\n"));
        }
        hook.happened("b", "other\n".into());
        while inputs().len() < 3 {
            assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", inputs());
        }
        assert!(begun.elapsed() >= EVERY);
        let lines: Vec<usize> = inputs().iter().map(|input| input.lines().count()).collect();
        assert_eq!(lines, [MAX_WAITING, 1, 1]);
        let outcomes: Vec<_> = hook.outcomes().filter_map(Result::err).collect();
        drop(hook);
        if let [error] = &outcomes[..] {
            assert!(error.to_string().starts_with("7 events were not given"), "{error}");
        }
    }

    #[test]
    fn what_cannot_be_run_is_refused_at_once() {
        let none = EventCommand { program: "/none".into(), arguments: Vec::new() };
        let error = format!("{:#}", Hook::new(&none).err().unwrap());
        assert!(error.starts_with("cannot run /none, the command of --on-event"), "{error}");
    }

    /// One whose command hangs, with more in its queue, and the folder of that command in /proc.
    fn hanging() -> (Hook, String) {
        let out = tempfile::NamedTempFile::new().unwrap();
        let hook =
            Hook::new(&shell(&format!("echo $$ > {}; exec sleep 60", out.path().display()))).unwrap();
        hook.happened("a", "first\n".into());
        let begun = Instant::now();
        let folder = loop {
            let said = fs::read_to_string(out.path()).unwrap();
            if let Some(pid) = said.strip_suffix('\n') {
                break format!("/proc/{pid}");
            }
            assert!(begun.elapsed() < Duration::from_secs(10), "it does not start");
        };
        ["a", "b", "c"].iter().for_each(|kind| hook.happened(kind, "next\n".into()));
        (hook, folder)
    }

    fn wait_for_the_end_of(folder: &str) {
        let begun = Instant::now();
        while Path::new(folder).exists() {
            assert!(begun.elapsed() < Duration::from_secs(5), "{folder} goes on");
        }
    }

    #[test]
    fn the_end_waits_a_second_for_all_together() {
        let (hook, folder) = hanging();
        let begun = Instant::now();
        drop(hook);
        assert!(begun.elapsed() < Duration::from_millis(1500), "{:?}", begun.elapsed());
        wait_for_the_end_of(&folder);
    }

    #[test]
    fn one_that_retires_is_not_waited_for_and_ends_by_itself() {
        let (hook, folder) = hanging();
        let begun = Instant::now();
        hook.retire();
        assert!(begun.elapsed() < Duration::from_millis(500), "{:?}", begun.elapsed());
        wait_for_the_end_of(&folder);
    }
}
