// SPDX-License-Identifier: GPL-2.0-only
//! The service manager that started this process, if one did: what it is told (sd_notify(3)), and the descriptors
//! that it keeps while no process of the service lives (its file descriptor store).

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;
use std::{env, process, thread};

use anyhow::{Context, Result, ensure};
use sd_notify::NotifyState;

use crate::kernel::sys;

/// Messages that wait for a manager that does not listen, before more of them are lost.
const MAX_WAITING: usize = 64;

/// For the last message.
const PATIENCE: Duration = Duration::from_secs(1);

/// Talks to the service manager. Where there is none, nothing happens.
#[derive(Debug)]
pub struct Manager {
    is_there: bool,
    /// Messages are sent by a thread: a manager that does not listen must not stop the run. With each one whom to tell
    /// that it was sent. None: there is nobody to talk to.
    speaker: Option<SyncSender<(String, Option<SyncSender<()>>)>>,
    /// The names of the descriptors that it keeps.
    kept: BTreeSet<String>,
    /// How many it keeps at most. None: it does not tell (before systemd 254).
    room: Option<usize>,
}

impl Manager {
    pub fn find() -> Result<Self> {
        let is_there = env::var_os("NOTIFY_SOCKET").is_some();
        let speaker = is_there.then(speaker).transpose()?;
        let room = env::var("FDSTORE").ok().and_then(|room| room.parse().ok());
        Ok(Self { is_there, speaker, kept: BTreeSet::new(), room })
    }

    /// It waits for this process to be ready, and keeps descriptors.
    pub fn is_there(&self) -> bool {
        self.is_there
    }

    /// The descriptors that a process before this one left. Call it once.
    pub fn handed_over(&mut self) -> Result<Vec<OwnedFd>> {
        let Ok(left) = sd_notify::listen_fds_with_names() else { return Ok(Vec::new()) };
        let mut descriptors = Vec::new();
        for (fd, name) in left {
            descriptors.push(sys::take_passed(fd).context("cannot take what the last process left")?);
            self.kept.insert(name);
        }
        Ok(descriptors)
    }

    /// Has it keep these descriptors, too.
    pub fn keep(&mut self, wanted: &BTreeMap<String, BorrowedFd<'_>>) -> Result<()> {
        if !self.is_there {
            return Ok(());
        }
        for (name, fd) in
            wanted.iter().filter(|(name, _)| !self.kept.contains(*name)).collect::<Vec<_>>()
        {
            // It polls what it keeps, and drops what reports an error, as maps do.
            let words =
                [NotifyState::FdStore, NotifyState::FdName(name), NotifyState::Custom("FDPOLL=0")];
            sd_notify::notify_with_fds(&words, &[*fd])
                .context("cannot hand over to the service manager")?;
            self.kept.insert(name.clone());
        }
        Ok(())
    }

    /// The names of what it keeps.
    pub fn kept(&self) -> BTreeSet<String> {
        self.kept.clone()
    }

    /// Has it let go of what has another name than these.
    pub fn let_go_of_all_but(&mut self, names: &BTreeSet<String>) -> Result<()> {
        for name in self.kept.difference(names) {
            sd_notify::notify(&[NotifyState::FdStoreRemove, NotifyState::FdName(name)])
                .context("cannot tell the service manager to let go")?;
        }
        self.kept.retain(|name| names.contains(name));
        Ok(())
    }

    /// Has it keep these descriptors and no others. Fails where it has not the room: what is beyond it is not kept.
    pub fn keep_only(&mut self, wanted: &BTreeMap<String, BorrowedFd<'_>>) -> Result<()> {
        self.keep(wanted)?;
        self.let_go_of_all_but(&wanted.keys().cloned().collect())?;
        let (count, room) = (self.kept.len(), self.room.unwrap_or(usize::MAX));
        ensure!(
            count <= room,
            "the service manager keeps {room} of {count} descriptors, so that a restart may leave interfaces \
             unprotected for a moment: set FileDescriptorStoreMax={} in the unit",
            count.next_power_of_two()
        );
        Ok(())
    }

    /// The service does its work.
    pub fn ready(&self, status: &str) {
        self.tell(&[
            NotifyState::Ready,
            NotifyState::MainPid(process::id()),
            NotifyState::Status(status),
        ]);
    }

    /// The service reads its configuration again, and is ready when that is done.
    pub fn reloading(&self) {
        if let Ok(now) = NotifyState::monotonic_usec_now() {
            self.tell(&[NotifyState::Reloading, now]);
        }
    }

    pub fn stopping(&self) {
        let (sent, is_sent) = sync_channel(1);
        self.send(&[NotifyState::Stopping], Some(sent));
        // The process may end before the thread has come so far. Whatever keeps it is no reason to stay.
        let _ = is_sent.recv_timeout(PATIENCE);
    }

    /// A line for `systemctl status`.
    pub fn status(&self, text: &str) {
        self.tell(&[NotifyState::Status(text)]);
    }

    /// The process is alive. The manager ends one that says so too seldom.
    pub fn alive(&self) {
        self.tell(&[NotifyState::Watchdog]);
    }

    /// It waits so much longer for this process to be ready.
    pub fn wait_longer(&self, time: Duration) {
        self.tell(&[NotifyState::ExtendTimeoutUsec(time.as_micros() as u32)]);
    }

    fn tell(&self, words: &[NotifyState<'_>]) {
        self.send(words, None);
    }

    /// Without a manager it does nothing. One that does not listen is no reason to wait, or to end.
    fn send(&self, words: &[NotifyState<'_>], sent: Option<SyncSender<()>>) {
        let words: Vec<_> = words.iter().map(NotifyState::to_string).collect();
        if let Some(speaker) = &self.speaker {
            let _ = speaker.try_send((words.join("\n"), sent));
        }
    }
}

/// Makes the thread that sends messages.
fn speaker() -> Result<SyncSender<(String, Option<SyncSender<()>>)>> {
    let (speaker, messages) = sync_channel::<(String, Option<SyncSender<()>>)>(MAX_WAITING);
    let speak = move || {
        for (words, sent) in messages {
            let _ = sd_notify::notify(&[NotifyState::Custom(&words)]);
            sent.map(|sent| sent.send(()));
        }
    };
    thread::Builder::new()
        .name("manager".into())
        .spawn(speak)
        .context("there can be no thread that talks to the service manager")?;
    Ok(speaker)
}
