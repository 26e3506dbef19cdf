// SPDX-License-Identifier: GPL-2.0-only
//! One run of a command, from its start until nothing of it is left.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

use crate::policy::EventCommand;

/// Between two looks whether it has ended.
const PAUSE: Duration = Duration::from_millis(20);

/// When all must be over. It may become known while a command runs.
pub type End = OnceLock<Instant>;

pub fn is_over(end: &End) -> bool {
    end.get().is_some_and(|end| Instant::now() >= *end)
}

/// Runs the command with this as its input, and waits for its end.
pub fn run(command: &EventCommand, input: &str, timeout: Duration, end: &End) -> Result<()> {
    let program = &command.program;
    let child = Command::new(program)
        .args(&command.arguments)
        .stdin(file_of(input)?)
        // Standard output is for figures.
        .stdout(Stdio::null())
        .process_group(0)
        .spawn()
        .with_context(|| format!("cannot start {program}"))?;
    let begun = Instant::now();
    let status = wait(child, || begun.elapsed() >= timeout || is_over(end))
        .with_context(|| format!("cannot learn how {program} ended"))?;
    // If it was the end that killed it, nobody listens any more.
    let status = status.with_context(|| {
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

/// Waits for its end, and kills what it leaves behind in its process group. None: it was killed itself.
fn wait(mut child: Child, is_over: impl Fn() -> bool) -> io::Result<Option<ExitStatus>> {
    let pid = Pid::from_raw(child.id() as i32);
    // As long as nobody asks for its status, its number, which is that of the group, is given to nobody else.
    let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    let has_ended = loop {
        match waitid(Id::Pid(pid), look) {
            Ok(WaitStatus::StillAlive) if is_over() => break false,
            Ok(WaitStatus::StillAlive) | Err(Errno::EINTR) => thread::sleep(PAUSE),
            // The kernel has forgotten it, as this process was started with SIGCHLD ignored: the number may be
            // somebody else's.
            Err(Errno::ECHILD) => return Err(Errno::ECHILD.into()),
            // An error here is a signal that nix has no name for.
            Ok(_) | Err(_) => break true,
        }
    };
    // Fails if it may not: the command has become another user.
    let _ = killpg(pid, Signal::SIGKILL);
    let status = child.wait()?;
    Ok(has_ended.then_some(status))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::{Duration, Instant};

    use super::{End, run};
    use crate::policy::EventCommand;

    fn run_shell(script: &str, input: &str, timeout: Duration) -> anyhow::Result<()> {
        let arguments = vec!["-c".into(), script.into()];
        run(&EventCommand { program: "/bin/sh".into(), arguments }, input, timeout, &End::new())
    }

    #[test]
    fn a_command_is_given_its_input_and_its_end_is_told() {
        let out = tempfile::NamedTempFile::new().unwrap();
        let long = "x".repeat(1 << 20);
        run_shell(&format!("cat > {}", out.path().display()), &long, Duration::from_secs(10)).unwrap();
        assert_eq!(fs::read_to_string(out.path()).unwrap(), long);
        for (script, said) in
            [("exit 3", "/bin/sh ended with status 3"), ("kill -9 $$", "/bin/sh was ended by signal 9")]
        {
            let error = run_shell(script, &long, Duration::from_secs(10)).unwrap_err();
            assert_eq!(error.to_string(), said);
        }
    }

    /// With what it has started itself, which would go on else.
    #[test]
    fn a_command_that_takes_too_long_is_killed() {
        let out = tempfile::NamedTempFile::new().unwrap();
        let path = out.path().display().to_string();
        let begun = Instant::now();
        let slow = format!("(sleep 2; echo late >> {path}) & echo on >> {path}; wait");
        let error = run_shell(&slow, "", Duration::from_millis(500)).unwrap_err();
        assert!(error.to_string().contains("and was killed"), "{error}");
        assert!(begun.elapsed() < Duration::from_millis(1900), "it was not waited for");
        std::thread::sleep(Duration::from_millis(2500) - begun.elapsed());
        assert_eq!(fs::read_to_string(out.path()).unwrap(), "on\n");
    }

    #[test]
    fn what_a_command_leaves_behind_is_ended() {
        let out = tempfile::NamedTempFile::new().unwrap();
        let path = out.path().display().to_string();
        let script = format!("sleep 60 & echo $! > {path}");
        run_shell(&script, "", Duration::from_secs(10)).unwrap();
        let pid = fs::read_to_string(out.path()).unwrap().trim().to_owned();
        let stat = || fs::read_to_string(format!("/proc/{pid}/stat"));
        // Whoever is its parent by now may not have looked at it yet.
        let is_there = || stat().is_ok_and(|stat| !stat.contains(") Z "));
        let begun = Instant::now();
        while is_there() {
            assert!(begun.elapsed() < Duration::from_secs(5), "{pid} is left");
        }
    }
}
