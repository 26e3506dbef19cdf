// SPDX-License-Identifier: GPL-2.0-only
//! The binary under test while it protects.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
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
    stderr: JoinHandle<()>,
    heard: Arc<Mutex<String>>,
    /// What it said up to and with the line that it protects.
    pub said: String,
}

/// How it ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status, or the signal that ended it.
    pub status: ExitStatus,
    /// All that it wrote to standard output.
    pub stdout: String,
    /// All that it wrote to standard error.
    pub stderr: String,
}

impl Defence {
    /// Starts the binary on the server with these arguments; returns once every interface is protected.
    ///
    /// # Panics
    ///
    /// If it ends instead, or does neither for 20 s.
    pub fn start(pair: &Pair, args: &[&str]) -> Self {
        Self::start_command(pair.synflood(args)).unwrap()
    }

    /// The same with a command that runs the binary in some way; an error says that it did not start, or
    /// ended, and with which words.
    ///
    /// # Panics
    ///
    /// If it neither protects nor ends for 20 s.
    pub fn start_command(mut command: Command) -> Result<Self> {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut process = Process(child.with_context(|| format!("cannot start {command:?}"))?);
        let heard = Arc::new(Mutex::new(String::new()));
        let stderr = listen(process.0.stderr.take().unwrap(), heard.clone());
        let said = wait_for("it to protect, or to end", || {
            let heard = heard.lock().unwrap().clone();
            let decided = heard.contains("protecting ") || stderr.is_finished();
            decided.then_some(heard)
        });
        ensure!(said.contains("protecting "), "it ended instead of protecting: {said}");
        Ok(Self { process, stderr, heard, said })
    }

    /// What it has said on standard error until now.
    pub fn stderr(&self) -> String {
        self.heard.lock().unwrap().clone()
    }

    /// Its process: the binary's own, as what starts it in a namespace becomes it.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.process.0.id() as i32)
    }

    /// Sends it a signal and waits for its end.
    ///
    /// # Panics
    ///
    /// If it has ended already.
    pub fn signal(self, signal: Signal) -> Ended {
        kill(self.pid(), signal).unwrap();
        self.wait()
    }

    /// Waits for its end, as long as that takes.
    pub fn wait(mut self) -> Ended {
        let child: &mut Child = &mut self.process.0;
        let mut stdout = String::new();
        child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        self.stderr.join().unwrap();
        let stderr = self.heard.lock().unwrap().clone();
        Ended { status: child.wait().unwrap(), stdout, stderr }
    }
}

/// Collects what is written, line by line, until the writer has ended.
fn listen(from: ChildStderr, into: Arc<Mutex<String>>) -> JoinHandle<()> {
    thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = String::new();
        while from.read_line(&mut line).unwrap() > 0 {
            into.lock().unwrap().push_str(&line);
            line.clear();
        }
    })
}

/// `--dump --json` with these further options, of the only instance on the server.
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

/// A source's line in what [`dump`] gives, by the source's name there. None: it is not shown.
pub fn source<'a>(dump: &'a Value, name: &str) -> Option<&'a Value> {
    dump["sources"].as_array().unwrap().iter().find(|each| each["source"] == name)
}
