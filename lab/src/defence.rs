// SPDX-License-Identifier: GPL-2.0-only
//! A running instance of the binary under test.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pcap_file::DataLink;
use pcap_file::pcap::{PcapHeader, PcapPacket, PcapWriter};
use serde_json::Value;
use tempfile::NamedTempFile;

use crate::pair::Pair;
use crate::{Process, wait_for};

/// An instance that protects. It is killed when this value is dropped.
#[derive(Debug)]
pub struct Defence {
    process: Process,
    stdout: Heard,
    stderr: Heard,
    /// Its standard error up to and including the line that says it protects.
    pub said: String,
}

/// How an instance ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status, or the signal that ended it.
    pub status: ExitStatus,
    /// Everything it wrote to standard output.
    pub stdout: String,
    /// Everything it wrote to standard error.
    pub stderr: String,
}

impl Defence {
    /// Starts the binary on the server with these arguments; returns once every interface is protected.
    ///
    /// # Panics
    ///
    /// If it ends instead, or if neither happens within 20 s.
    pub fn start(pair: &Pair, args: &[&str]) -> Self {
        Self::start_command(pair.synflood(args)).unwrap()
    }

    /// The same for a command that runs the binary in some way. The error says that it did not start,
    /// or what it said before it ended.
    ///
    /// # Panics
    ///
    /// If it neither protects nor ends within 20 s.
    pub fn start_command(command: Command) -> Result<Self> {
        Self::start_until("protecting ", command)
    }

    /// The same for another command that goes on: it has started when it says this.
    ///
    /// # Panics
    ///
    /// If it neither says it nor ends within 20 s.
    pub fn start_until(word: &str, mut command: Command) -> Result<Self> {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut process = Process(child.with_context(|| format!("cannot start {command:?}"))?);
        // With the descriptors that it had for the child.
        drop(command);
        let stdout = Heard::from(process.0.stdout.take().unwrap());
        let stderr = Heard::from(process.0.stderr.take().unwrap());
        let said = wait_for("it to start, or to end", || {
            let is_over = stderr.is_over();
            let said = stderr.until_now();
            (said.contains(word) || is_over).then_some(said)
        });
        ensure!(said.contains(word), "it ended instead of {word}: {said}");
        Ok(Self { process, stdout, stderr, said })
    }

    /// Its standard output so far.
    pub fn stdout(&self) -> String {
        self.stdout.until_now()
    }

    /// Its standard error so far.
    pub fn stderr(&self) -> String {
        self.stderr.until_now()
    }

    /// The binary's own process: `ip netns exec` becomes the command that it runs.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.process.0.id() as i32)
    }

    /// Sends it a signal and waits until it ends.
    ///
    /// # Panics
    ///
    /// If it has already ended, or still runs after 20 s.
    pub fn signal(self, signal: Signal) -> Ended {
        kill(self.pid(), signal).unwrap();
        self.wait()
    }

    /// Waits until it ends.
    ///
    /// # Panics
    ///
    /// If it still runs after 20 s.
    pub fn wait(mut self) -> Ended {
        let status = wait_for("it to end", || self.process.0.try_wait().unwrap());
        Ended { status, stdout: self.stdout.finish(), stderr: self.stderr.finish() }
    }
}

/// Collects a process's output line by line, so that its pipe never fills.
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

    /// Whether the writer has closed the pipe.
    fn is_over(&self) -> bool {
        self.thread.is_finished()
    }

    /// The whole output, once the writer has closed the pipe.
    fn finish(self) -> String {
        self.thread.join().unwrap();
        self.text.lock().unwrap().clone()
    }
}

/// The output of `--dump --json` with these extra options, for the only instance on the server.
///
/// # Panics
///
/// If the command fails, or does not show exactly one instance.
pub fn dump(pair: &Pair, args: &[&str]) -> Value {
    let output = pair.synflood(&[&["--dump", "--json"], args].concat()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut dump: Value = serde_json::from_slice(&output.stdout).unwrap();
    let instances = dump["instances"].as_array_mut().unwrap();
    assert_eq!(instances.len(), 1, "{instances:?}");
    instances.remove(0)
}

/// Gives the only instance on the server these SYNs of honest clients, from the IP header on. It knows them within a
/// second.
///
/// # Panics
///
/// If it does not take them.
pub fn teach(pair: &Pair, syns: impl Iterator<Item = Vec<u8>>) {
    let capture = NamedTempFile::new().unwrap();
    let header = PcapHeader { datalink: DataLink::RAW, ..PcapHeader::default() };
    let mut writer = PcapWriter::with_header(capture.reopen().unwrap(), header).unwrap();
    for syn in syns {
        writer.write_packet(&PcapPacket::new(Duration::ZERO, syn.len() as u32, &syn)).unwrap();
    }
    drop(writer);
    let file = capture.path().to_str().unwrap();
    let learn = pair.synflood(&["learn", "--iface", "eth0", "--honest", file]).output().unwrap();
    assert!(learn.status.success(), "{}", String::from_utf8_lossy(&learn.stderr));
}

/// The entry of the source with this name in the output of [`dump`]. None: it is not shown.
pub fn source<'a>(dump: &'a Value, name: &str) -> Option<&'a Value> {
    dump["sources"].as_array().unwrap().iter().find(|each| each["source"] == name)
}
