// SPDX-License-Identifier: GPL-2.0-only
//! The binary under test while it protects.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::pair::Pair;
use crate::{Process, wait_for};

/// An instance that protects; it is killed with this value.
#[derive(Debug)]
pub struct Defence {
    process: Process,
    stdout: Heard,
    stderr: Heard,
    /// Its standard error up to the line that says what it protects, that line included.
    pub said: String,
}

/// How it ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status, or the signal that ended it.
    pub status: ExitStatus,
    /// Its whole standard output.
    pub stdout: String,
    /// Its whole standard error.
    pub stderr: String,
}

impl Defence {
    /// Starts the binary on the server with these arguments; returns once every interface is protected.
    ///
    /// # Panics
    ///
    /// If it ends instead, or neither protects nor ends for 20 s.
    pub fn start(pair: &Pair, args: &[&str]) -> Self {
        Self::start_command(pair.synflood(args)).unwrap()
    }

    /// The same with a command that runs the binary in some way. The error says that the command did
    /// not start, or what it said before it ended.
    ///
    /// # Panics
    ///
    /// If it neither protects nor ends for 20 s.
    pub fn start_command(mut command: Command) -> Result<Self> {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut process = Process(child.with_context(|| format!("cannot start {command:?}"))?);
        let stdout = Heard::from(process.0.stdout.take().unwrap());
        let stderr = Heard::from(process.0.stderr.take().unwrap());
        let said = wait_for("it to protect, or to end", || {
            let is_over = stderr.is_over();
            let said = stderr.until_now();
            (said.contains("protecting ") || is_over).then_some(said)
        });
        ensure!(said.contains("protecting "), "it ended instead of protecting: {said}");
        Ok(Self { process, stdout, stderr, said })
    }

    /// Its standard error so far.
    pub fn stderr(&self) -> String {
        self.stderr.until_now()
    }

    /// Its process. It is the binary's own: `ip netns exec` replaces itself by the binary.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.process.0.id() as i32)
    }

    /// Sends it a signal and waits for its end.
    ///
    /// # Panics
    ///
    /// If it has ended already, or goes on for 20 s.
    pub fn signal(self, signal: Signal) -> Ended {
        kill(self.pid(), signal).unwrap();
        self.wait()
    }

    /// Waits for its end.
    ///
    /// # Panics
    ///
    /// If it goes on for 20 s.
    pub fn wait(mut self) -> Ended {
        let status = wait_for("it to end", || self.process.0.try_wait().unwrap());
        Ended { status, stdout: self.stdout.finish(), stderr: self.stderr.finish() }
    }
}

/// Collects the output of a process line by line, so that its pipe never fills.
#[derive(Debug)]
struct Heard {
    text: Arc<Mutex<String>>,
    thread: JoinHandle<()>,
}

impl Heard {
    fn from(pipe: impl Read + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(String::new()));
        let into = text.clone();
        let thread = thread::spawn(move || {
            let mut pipe = BufReader::new(pipe);
            let mut line = String::new();
            while pipe.read_line(&mut line).unwrap() > 0 {
                into.lock().unwrap().push_str(&line);
                line.clear();
            }
        });
        Self { text, thread }
    }

    fn until_now(&self) -> String {
        self.text.lock().unwrap().clone()
    }

    /// Whether the writer has closed it.
    fn is_over(&self) -> bool {
        self.thread.is_finished()
    }

    /// All of it, once the writer has closed it.
    fn finish(self) -> String {
        self.thread.join().unwrap();
        self.text.lock().unwrap().clone()
    }
}

/// The only instance in `--dump --json` on the server, with these further options.
///
/// # Panics
///
/// If the command fails, or shows another number of instances.
pub fn dump(pair: &Pair, args: &[&str]) -> Value {
    let output = pair.synflood(&[&["--dump", "--json"], args].concat()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut dump: Value = serde_json::from_slice(&output.stdout).unwrap();
    let instances = dump["instances"].as_array_mut().unwrap();
    assert_eq!(instances.len(), 1, "{instances:?}");
    instances.remove(0)
}

/// A source in the result of [`dump`], by its name there. None: it is not shown.
pub fn source<'a>(dump: &'a Value, name: &str) -> Option<&'a Value> {
    dump["sources"].as_array().unwrap().iter().find(|each| each["source"] == name)
}
