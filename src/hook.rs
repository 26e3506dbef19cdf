// SPDX-License-Identifier: GPL-2.0-only
//! Runs the command of `--on-event` when something happens. A thread of its own starts it, one at a time: the run waits
//! for nobody.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Seek, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::{AccessFlags, Pid, access};

use crate::policy::EventCommand;

/// Between two starts for the same kind of event.
const EVERY: Duration = Duration::from_secs(1);

/// A command that takes longer is killed.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Between two looks whether it has ended.
const PAUSE: Duration = Duration::from_millis(20);

/// At the end of a run, for what happened last.
const PATIENCE: Duration = Duration::from_secs(1);

/// Lines of a kind that wait for the next start; later ones are lost, and counted.
const MAX_WAITING: usize = 1000;

/// Something that happened.
struct Happening {
    kind: &'static str,
    /// A JSON object, with its line break.
    line: String,
}

/// A command that is run for events. Dropping it gives the last ones a second.
pub struct Hook {
    command: EventCommand,
    /// None when it is dropped.
    happenings: Option<Sender<Happening>>,
    outcomes: Receiver<Result<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Hook {
    /// Fails if there is no such command.
    pub fn new(command: &EventCommand) -> Result<Self> {
        check(command)?;
        let (happenings, waiting) = channel();
        let (report, outcomes) = channel();
        let worker = Worker { command: command.clone(), report, kinds: BTreeMap::new() };
        let thread =
            thread::Builder::new().name("on-event".into()).spawn(move || worker.work(&waiting));
        let thread = Some(thread.context("there can be no further thread")?);
        Ok(Self { command: command.clone(), happenings: Some(happenings), outcomes, thread })
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
}

/// Fails if nobody can run it.
pub fn check(command: &EventCommand) -> Result<()> {
    let program = &command.program;
    access(program.as_str(), AccessFlags::X_OK)
        .with_context(|| format!("cannot run {program}, the command of --on-event"))
}

impl Drop for Hook {
    fn drop(&mut self) {
        self.happenings = None;
        if let Some(thread) = self.thread.take() {
            // The thread keeps to its time by itself.
            let _ = thread.join();
        }
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
            self.start_one(TIMEOUT);
        }
        let end = Instant::now() + PATIENCE;
        self.kinds.values_mut().for_each(|waiting| waiting.may_start = None);
        while self.next().is_some() {
            self.start_one(end.saturating_duration_since(Instant::now()));
        }
    }

    fn keep(&mut self, Happening { kind, line }: Happening) {
        let waiting = self.kinds.entry(kind).or_default();
        if waiting.lines.len() < MAX_WAITING { waiting.lines.push(line) } else { waiting.lost += 1 }
    }

    /// What waits for the next start.
    fn next(&mut self) -> Option<&mut Waiting> {
        let waiting = self.kinds.values_mut().filter(|waiting| !waiting.lines.is_empty());
        waiting.min_by_key(|waiting| waiting.may_start)
    }

    /// Starts the command for what waits, if it may start now, and waits for its end.
    fn start_one(&mut self, timeout: Duration) {
        let Some(waiting) = self.next().filter(|waiting| waiting.time_left().is_zero()) else { return };
        waiting.may_start = Some(Instant::now() + EVERY);
        let lines = std::mem::take(&mut waiting.lines);
        let lost = std::mem::take(&mut waiting.lost);
        let outcome = run(&self.command, &lines.concat(), timeout).and_then(|()| {
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

/// Runs the command with this as its input, and waits for its end.
fn run(command: &EventCommand, input: &str, timeout: Duration) -> Result<()> {
    let program = &command.program;
    let child = Command::new(program)
        .args(&command.arguments)
        .stdin(file_of(input)?)
        // Standard output is for figures.
        .stdout(Stdio::null())
        .process_group(0)
        .spawn()
        .with_context(|| format!("cannot start {program}"))?;
    let status = wait(child, timeout).with_context(|| {
        format!("{program} took longer than {} s and was killed", timeout.as_secs())
    })?;
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(()),
        (Some(code), _) => bail!("{program} ended with status {code}"),
        (None, signal) => bail!("{program} was ended by signal {}", signal.unwrap_or_default()),
    }
}

/// A file in memory: unlike a pipe, it needs no reader.
fn file_of(text: &str) -> Result<File> {
    let what = "cannot give an event to the command";
    let mut file = File::from(memfd_create("event", MFdFlags::MFD_CLOEXEC).context(what)?);
    file.write_all(text.as_bytes()).and_then(|()| file.rewind()).context(what)?;
    Ok(file)
}

/// None: it was killed, with all that it has started.
fn wait(mut child: Child, timeout: Duration) -> Option<ExitStatus> {
    let end = Instant::now() + timeout;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < end => thread::sleep(PAUSE),
            _ => break,
        }
    }
    let _ = killpg(Pid::from_raw(child.id() as i32), Signal::SIGKILL);
    let _ = child.wait();
    None
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::{Duration, Instant};

    use super::{EVERY, Hook, MAX_WAITING, run};
    use crate::policy::EventCommand;

    fn shell(script: &str) -> EventCommand {
        EventCommand { program: "/bin/sh".into(), arguments: vec!["-c".into(), script.into()] }
    }

    #[test]
    fn a_command_is_given_its_input_and_its_end_is_told() {
        let out = tempfile::NamedTempFile::new().unwrap();
        let long = "x".repeat(1 << 20);
        run(&shell(&format!("cat > {}", out.path().display())), &long, Duration::from_secs(10))
            .unwrap();
        assert_eq!(fs::read_to_string(out.path()).unwrap(), long);
        for (script, said) in
            [("exit 3", "/bin/sh ended with status 3"), ("kill -9 $$", "/bin/sh was ended by signal 9")]
        {
            let error = run(&shell(script), &long, Duration::from_secs(10)).unwrap_err();
            assert_eq!(error.to_string(), said);
        }
    }

    /// With what it has started itself, which would go on else.
    #[test]
    fn a_command_that_takes_too_long_is_killed() {
        let out = tempfile::NamedTempFile::new().unwrap();
        let path = out.path().display().to_string();
        let begun = Instant::now();
        let slow = shell(&format!("(sleep 2; echo late >> {path}) & echo on >> {path}; wait"));
        let error = run(&slow, "", Duration::from_millis(500)).unwrap_err();
        assert!(error.to_string().contains("and was killed"), "{error}");
        assert!(begun.elapsed() < Duration::from_millis(1900), "it was not waited for");
        std::thread::sleep(Duration::from_millis(2500) - begun.elapsed());
        assert_eq!(fs::read_to_string(out.path()).unwrap(), "on\n");
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
}
