// SPDX-License-Identifier: GPL-2.0-only
//! The shipped binary while it protects a lab's server.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::lab::{Lab, Process, wait_for};

pub struct Defence {
    process: Process,
    stderr: JoinHandle<()>,
    heard: Arc<Mutex<String>>,
    /// What it said up to and with the line that it protects.
    pub said: String,
}

/// How it ended.
pub struct Ended {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Defence {
    /// Returns once every interface is protected.
    pub fn start(lab: &Lab, args: &[&str]) -> Self {
        Self::start_command(lab.synflood(args))
    }

    pub fn start_command(mut command: std::process::Command) -> Self {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut process = Process(child);
        let heard = Arc::new(Mutex::new(String::new()));
        let stderr = listen(process.0.stderr.take().unwrap(), heard.clone());
        let said = wait_for("it to protect, or to end", || {
            let heard = heard.lock().unwrap().clone();
            let decided = heard.contains("protecting ") || stderr.is_finished();
            decided.then_some(heard)
        });
        assert!(said.contains("protecting "), "it ended instead of protecting: {said}");
        Self { process, stderr, heard, said }
    }

    /// What it has said until now.
    pub fn stderr(&self) -> String {
        self.heard.lock().unwrap().clone()
    }

    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.process.0.id() as i32)
    }

    pub fn signal(self, signal: Signal) -> Ended {
        kill(self.pid(), signal).unwrap();
        self.wait()
    }

    /// Waits for its end.
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

/// `--dump --json` with these further options, of the only instance.
pub fn dump(lab: &Lab, args: &[&str]) -> Value {
    let output = lab.synflood(&[&["--dump", "--json"], args].concat()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut dump: Value = serde_json::from_slice(&output.stdout).unwrap();
    let instances = dump["instances"].as_array_mut().unwrap();
    assert_eq!(instances.len(), 1, "{instances:?}");
    instances.remove(0)
}

/// A source's line in a dump.
pub fn source<'a>(dump: &'a Value, name: &str) -> Option<&'a Value> {
    dump["sources"].as_array().unwrap().iter().find(|each| each["source"] == name)
}
