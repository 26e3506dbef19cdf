// SPDX-License-Identifier: GPL-2.0-only
//! Runs a tool that prints rules.

use std::env;
use std::fmt;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// For each run. A table of many thousand rules takes a part of it.
const PATIENCE: Duration = Duration::from_secs(8);
/// Octets of output. More rules than that are not followed anyway.
pub const ALL: u64 = 32 << 20;
/// Services are often started with a PATH that lacks these.
const FOLDERS: [&str; 3] = ["/usr/sbin", "/sbin", "/usr/local/sbin"];

/// Why a tool has printed nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    Missing,
    /// A sentence without its beginning.
    Failed(String),
    /// It did not end in time; the time.
    Hangs(Duration),
    TooLong,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("is not installed"),
            Self::Failed(text) => f.write_str(text),
            Self::Hangs(time) => write!(f, "does not end within {} s", time.as_secs()),
            Self::TooLong => f.write_str("prints too much"),
        }
    }
}

/// What the tool prints, if that is at most `limit` octets and if it ends in time.
pub fn run(command: &[&str], limit: u64) -> Result<String, Failure> {
    let [name, arguments @ ..] = command else { return Err(Failure::Missing) };
    let path = find(name).ok_or(Failure::Missing)?;
    run_within(&path, arguments, limit, PATIENCE)
}

fn run_within(
    path: &Path,
    arguments: &[&str],
    limit: u64,
    patience: Duration,
) -> Result<String, Failure> {
    let failed = |error: io::Error| Failure::Failed(format!("does not run: {error}"));
    let mut child = Command::new(path)
        .args(arguments)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // So that it can be ended together with what it has started.
        .process_group(0)
        .spawn()
        .map_err(failed)?;
    let stdout = read_aside(child.stdout.take(), limit + 1);
    let stderr = read_aside(child.stderr.take(), 4096);
    let deadline = Instant::now() + patience;
    let outcome = stdout.recv_timeout(patience);
    let Ok(output) = outcome else {
        end(&mut child);
        return Err(Failure::Hangs(patience));
    };
    if output.len() as u64 > limit {
        end(&mut child);
        return Err(Failure::TooLong);
    }
    let left = deadline.saturating_duration_since(Instant::now());
    let complaint = stderr.recv_timeout(left).unwrap_or_default();
    if complaint.is_empty() && Instant::now() >= deadline {
        end(&mut child);
        return Err(Failure::Hangs(patience));
    }
    // Both pipes are closed: it has ended, or is about to.
    let status = child.wait().map_err(failed)?;
    match (status.success(), String::from_utf8_lossy(&complaint).lines().next()) {
        (true, _) => Ok(String::from_utf8_lossy(&output).into_owned()),
        (false, Some(line)) => Err(Failure::Failed(format!("says: {line}"))),
        (false, None) => Err(Failure::Failed(format!("fails: {status}"))),
    }
}

/// Ends a tool that hangs. It may already have ended.
fn end(child: &mut Child) {
    let group = i32::try_from(child.id()).map(Pid::from_raw);
    let _ = group.map(|group| killpg(group, Signal::SIGKILL));
    let _ = child.wait();
}

/// Reads until the end, or until the limit.
fn read_aside(pipe: Option<impl Read + Send + 'static>, limit: u64) -> Receiver<Vec<u8>> {
    let (send, read) = channel();
    let reader = move || {
        let mut text = Vec::new();
        if let Some(pipe) = pipe {
            // What was read before an error is as good as any.
            let _ = pipe.take(limit).read_to_end(&mut text);
        }
        // Fails only if it took too long.
        let _ = send.send(text);
    };
    // Without a thread, nothing is sent, and the receiver knows it at once.
    let _ = thread::Builder::new().spawn(reader);
    read
}

fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(FOLDERS.iter().map(PathBuf::from));
    folders.filter(|folder| folder.is_absolute()).map(|folder| folder.join(name)).find(|path| {
        let is_program =
            |file: std::fs::Metadata| file.is_file() && file.permissions().mode() & 0o111 != 0;
        path.metadata().is_ok_and(is_program)
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::{Duration, Instant};

    use super::{Failure, find, run, run_within};

    fn shell(script: &str) -> Result<String, Failure> {
        run_within(Path::new("/bin/sh"), &["-c", script], 1000, Duration::from_secs(1))
    }

    #[test]
    fn output_and_failures_are_told_apart() {
        assert_eq!(shell("echo rules").unwrap(), "rules\n");
        assert_eq!(
            shell("echo no; echo denied >&2; exit 1"),
            Err(Failure::Failed("says: denied".into()))
        );
        assert_eq!(shell("yes"), Err(Failure::TooLong));
        assert_eq!(run(&["no-such-tool-anywhere"], 10), Err(Failure::Missing));
        assert!(find("sh").is_some());
    }

    #[test]
    fn a_tool_that_hangs_is_ended_with_its_children() {
        let begin = Instant::now();
        for script in ["sleep 60", "sleep 60 & wait", "exec 1>&-; sleep 60"] {
            let outcome = shell(script);
            assert!(matches!(outcome, Err(Failure::Failed(_) | Failure::Hangs(_))), "{script}");
        }
        assert!(begin.elapsed() < Duration::from_secs(10));
    }
}
