// SPDX-License-Identifier: GPL-2.0-only
//! A service manager, as far as a service can tell: it takes the messages of sd_notify(3), and keeps descriptors
//! between two processes of the service as systemd does (FDSTORE=1).

use std::collections::BTreeMap;
use std::io::IoSliceMut;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

use command_fds::{CommandFdExt, FdMapping};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};

/// The first descriptor that a manager passes (SD_LISTEN_FDS_START).
const FIRST_PASSED: i32 = 3;

/// The manager. It lets go of what it keeps when it is dropped.
#[derive(Debug)]
pub struct Manager {
    socket: PathBuf,
    kept: Arc<Mutex<BTreeMap<String, OwnedFd>>>,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Manager {
    /// Listens on a socket of this name in the directory for temporary files.
    pub fn new(name: &str) -> Self {
        let socket = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
        let _ = std::fs::remove_file(&socket);
        let messages = UnixDatagram::bind(&socket).unwrap();
        let manager = Self { socket, kept: Arc::default(), heard: Arc::default() };
        let (kept, heard) = (manager.kept.clone(), manager.heard.clone());
        thread::spawn(move || {
            loop {
                let (text, descriptors) = receive(&messages);
                take(&mut kept.lock().unwrap(), &text, descriptors);
                heard.lock().unwrap().extend(text.lines().map(str::to_owned));
            }
        });
        manager
    }

    /// The command as the manager would run it: with its socket, and the descriptors that it keeps.
    pub fn starts(&self, command: &Command) -> Command {
        let kept = self.kept.lock().unwrap();
        let mut child = Command::new("sh");
        // The variable must name the process that reads it.
        child.args(["-c", "LISTEN_PID=$$ exec \"$@\"", "sh"]).arg(command.get_program());
        child.args(command.get_args()).env("NOTIFY_SOCKET", &self.socket);
        child.env("LISTEN_FDS", kept.len().to_string());
        child.env("LISTEN_FDNAMES", kept.keys().cloned().collect::<Vec<_>>().join(":"));
        let passed = (FIRST_PASSED..).zip(kept.values());
        let mappings =
            passed.map(|(child_fd, fd)| FdMapping { parent_fd: fd.try_clone().unwrap(), child_fd });
        child.fd_mappings(mappings.collect()).unwrap();
        child
    }

    /// The names of the descriptors that it keeps.
    pub fn kept(&self) -> Vec<String> {
        self.kept.lock().unwrap().keys().cloned().collect()
    }

    /// Has it keep these descriptors too.
    pub fn keep(&self, descriptors: &BTreeMap<String, BorrowedFd<'_>>) {
        let owned =
            |(name, fd): (&String, &BorrowedFd<'_>)| (name.clone(), fd.try_clone_to_owned().unwrap());
        self.kept.lock().unwrap().extend(descriptors.iter().map(owned));
    }

    /// Everything that it was told, like `READY=1`.
    pub fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    /// Lets go of the descriptors with such names.
    pub fn lose(&self, is_lost: impl Fn(&str) -> bool) {
        self.kept.lock().unwrap().retain(|name, _| !is_lost(name));
    }

    /// Lets go of all descriptors, as for a service that is stopped.
    pub fn let_go(&self) {
        self.kept.lock().unwrap().clear();
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        self.let_go();
        let _ = std::fs::remove_file(&self.socket);
    }
}

/// A message, and the descriptors that came with it.
fn receive(messages: &UnixDatagram) -> (String, Vec<OwnedFd>) {
    let mut text = [0; 4096];
    let mut room = nix::cmsg_space!([i32; 8]);
    let mut buffers = [IoSliceMut::new(&mut text)];
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let message = recvmsg::<()>(messages.as_raw_fd(), &mut buffers, Some(&mut room), flags).unwrap();
    let passed = message.cmsgs().unwrap().filter_map(|control| match control {
        ControlMessageOwned::ScmRights(passed) => Some(passed),
        _ => None,
    });
    // SAFETY: the kernel has just made these for this process.
    let owned = passed.flatten().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }).collect();
    let len = message.bytes;
    (String::from_utf8_lossy(&text[..len]).into_owned(), owned)
}

/// What systemd does with descriptors, see FDSTORE=1, FDSTOREREMOVE=1 and FDPOLL=0 in sd_notify(3).
fn take(kept: &mut BTreeMap<String, OwnedFd>, text: &str, descriptors: Vec<OwnedFd>) {
    let is_said = |word: &str| text.lines().any(|line| line == word);
    let Some(name) = text.lines().find_map(|line| line.strip_prefix("FDNAME=")) else { return };
    if is_said("FDSTOREREMOVE=1") {
        kept.remove(name);
    } else if is_said("FDSTORE=1") {
        let is_lost = |fd: &OwnedFd| !is_said("FDPOLL=0") && has_error(fd);
        kept.extend(descriptors.into_iter().filter(|fd| !is_lost(fd)).map(|fd| (name.to_owned(), fd)));
    }
}

fn has_error(fd: &OwnedFd) -> bool {
    let mut polled = [PollFd::new(fd.as_fd(), PollFlags::empty())];
    poll(&mut polled, PollTimeout::ZERO).unwrap() > 0
}
