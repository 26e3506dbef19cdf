// SPDX-License-Identifier: GPL-2.0-only
//! Standard output and standard error. They neither end nor delay a run: on a full disk, a closed pipe
//! or a dead terminal lines are lost, and also if a reader stops reading. Lost lines are counted, and
//! the count is printed as soon as that is possible.

use std::env;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use nix::sys::stat::fstat;

/// Messages that wait for a slow reader.
const QUEUE: usize = 1024;

/// The time for waiting messages at the end.
const PATIENCE: Duration = Duration::from_secs(3);

/// Standard output and standard error.
pub struct Out {
    stdout: Stream,
    /// None: it is the same file as standard output. One thread then keeps the order.
    stderr: Option<Stream>,
}

impl Out {
    /// `lost` makes the line for standard output that says how many lines were lost there.
    pub fn new(lost: fn(u64) -> String) -> Self {
        let (stdout, stderr) = (io::stdout(), io::stderr());
        let is_one = is_same_file(stdout.as_fd(), stderr.as_fd());
        Self {
            stdout: Stream::new(stdout.as_fd(), lost),
            stderr: (!is_one).then(|| Stream::new(stderr.as_fd(), lost_text)),
        }
    }

    /// Writes figures.
    pub fn stdout(&self, text: impl Into<String>) {
        self.stdout.send(text.into());
    }

    /// Writes notes and the like.
    pub fn stderr(&self, text: impl Into<String>) {
        self.stderr.as_ref().unwrap_or(&self.stdout).send(text.into());
    }

    /// Waits a little for the last messages.
    pub fn finish(self) {
        let lost = self.stdout.finish();
        if let Some(stderr) = self.stderr {
            if lost > 0 {
                stderr.send(format!("note: {lost} lines could not be written to standard output\n"));
            }
            stderr.finish();
        }
    }
}

/// The line that says how many were lost, for people.
pub fn lost_text(count: u64) -> String {
    format!("note: {count} lines could not be written here\n")
}

/// Whether standard error goes to the journal (systemd.exec(5), JOURNAL_STREAM). Then a line may begin with its
/// priority (sd-daemon(3)).
pub fn is_journal() -> bool {
    let stream = env::var("JOURNAL_STREAM").unwrap_or_default();
    let stderr = fstat(io::stderr().as_fd());
    stderr.is_ok_and(|file| stream == format!("{}:{}", file.st_dev, file.st_ino))
}

/// Says why a command fails, as its last message.
pub fn last_words(error: &anyhow::Error) {
    let priority = if is_journal() { "<3>" } else { "" };
    let text = format!("{priority}error: {error:#}");
    let stderr = Stream::new(io::stderr().as_fd(), lost_text);
    if stderr.has_thread {
        stderr.send(format!("{text}\n"));
        stderr.finish();
    } else {
        let _ = writeln!(io::stderr(), "{text}");
    }
}

fn is_same_file(a: BorrowedFd<'_>, b: BorrowedFd<'_>) -> bool {
    match (fstat(a), fstat(b)) {
        (Ok(a), Ok(b)) => (a.st_dev, a.st_ino) == (b.st_dev, b.st_ino),
        _ => false,
    }
}

/// A file, and the thread that writes to it: only that thread waits for a slow reader.
struct Stream {
    queue: SyncSender<String>,
    /// Messages that were sent and are not yet written or lost.
    waiting: Arc<AtomicU64>,
    lost: Arc<AtomicU64>,
    ended: Receiver<()>,
    /// False if none could be made: nothing then takes from the queue.
    has_thread: bool,
}

impl Stream {
    fn new(file: BorrowedFd<'_>, describe_lost: fn(u64) -> String) -> Self {
        let (queue, messages) = sync_channel(QUEUE);
        let lost = Arc::new(AtomicU64::new(0));
        let waiting = Arc::new(AtomicU64::new(0));
        let (end, ended) = sync_channel(1);
        // If there is no descriptor of our own, every message counts as lost.
        let file = file.try_clone_to_owned().map(File::from);
        let mut writer = Writer { file, describe_lost, lost: lost.clone(), in_line: false };
        let still_waiting = waiting.clone();
        let thread = thread::Builder::new().spawn(move || {
            messages.iter().for_each(|message: String| {
                writer.write(&message);
                still_waiting.fetch_sub(1, Ordering::Relaxed);
            });
            // Fails only if nobody waits any more.
            let _ = end.send(());
        });
        Self { queue, waiting, lost, ended, has_thread: thread.is_ok() }
    }

    fn send(&self, message: String) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        if self.queue.try_send(message).is_err() {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many messages were lost and not reported, or wait for their reader still.
    fn finish(self) -> u64 {
        drop(self.queue);
        let _ = self.ended.recv_timeout(PATIENCE);
        self.lost.load(Ordering::Relaxed) + self.waiting.load(Ordering::Relaxed)
    }
}

struct Writer {
    file: io::Result<File>,
    describe_lost: fn(u64) -> String,
    lost: Arc<AtomicU64>,
    /// A write failed in the middle of a line.
    in_line: bool,
}

impl Writer {
    fn write(&mut self, message: &str) {
        if !(self.tell_lost() && self.try_write(message.as_bytes())) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Says how many messages were lost. False if that cannot be written either.
    fn tell_lost(&mut self) -> bool {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        let is_told = lost == 0 || self.try_write((self.describe_lost)(lost).as_bytes());
        if !is_told {
            self.lost.fetch_add(lost, Ordering::Relaxed);
        }
        is_told
    }

    /// Writes the whole message, on a line of its own even if the line before was cut. False if it
    /// fails.
    fn try_write(&mut self, message: &[u8]) -> bool {
        let Ok(file) = &mut self.file else { return false };
        if self.in_line && file.write_all(b"\n").is_err() {
            return false;
        }
        self.in_line = false;
        let mut rest = message;
        while !rest.is_empty() {
            match file.write(rest) {
                Ok(0) => break,
                Ok(len) => rest = &rest[len..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        self.in_line = !rest.is_empty() && rest.len() < message.len();
        rest.is_empty()
    }
}
