// SPDX-License-Identifier: GPL-2.0-only
//! Sends and receives raw frames on an interface.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::net::if_::if_nametoindex;

use crate::netns::Netns;

/// Sends each frame once, from `interface` of that namespace.
///
/// # Panics
///
/// If there is no such interface, or it is down or its queue is full.
pub fn send(namespace: &Netns, interface: &str, frames: &[Vec<u8>]) {
    let wire = Wire::open(namespace, interface).unwrap();
    frames.iter().for_each(|frame| wire.send(frame).unwrap());
}

/// One end of a wire. It sends and receives whole frames of every kind.
#[derive(Debug)]
pub struct Wire(OwnedFd);

/// For the options of its socket.
impl AsFd for Wire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Wire {
    /// Opens this interface of that namespace.
    pub fn open(namespace: &Netns, interface: &str) -> io::Result<Self> {
        namespace.enter(|| {
            let protocol = (libc::ETH_P_ALL as u16).to_be();
            // SAFETY: no pointers; the descriptor is checked and owned below.
            let socket = unsafe {
                libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, i32::from(protocol))
            };
            if socket < 0 {
                return Err(io::Error::last_os_error());
            }
            // SAFETY: just opened, and nothing else owns it.
            let socket = unsafe { OwnedFd::from_raw_fd(socket) };
            let index = if_nametoindex(interface)?;
            // SAFETY: a struct of integers.
            let mut to: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
            (to.sll_family, to.sll_protocol) = (libc::AF_PACKET as u16, protocol);
            to.sll_ifindex = index as i32;
            // SAFETY: the address outlives the call, and its size is right.
            let bound = unsafe {
                libc::bind(socket.as_raw_fd(), (&raw const to).cast(), size_of_val(&to) as u32)
            };
            if bound < 0 { Err(io::Error::last_os_error()) } else { Ok(Self(socket)) }
        })
    }

    /// Sends a frame, from its Ethernet header to its last byte.
    pub fn send(&self, frame: &[u8]) -> io::Result<()> {
        // SAFETY: the frame outlives the call, and its size is right.
        let sent = unsafe { libc::send(self.0.as_raw_fd(), frame.as_ptr().cast(), frame.len(), 0) };
        if sent < 0 {
            return Err(io::Error::last_os_error());
        }
        assert_eq!(sent, frame.len() as isize);
        Ok(())
    }

    /// The next wanted frame since [`Wire::open`] or since the last call. None if none comes in time.
    pub fn receive(&self, time: Duration, is_wanted: impl Fn(&[u8]) -> bool) -> Option<Vec<u8>> {
        let deadline = Instant::now() + time;
        let mut frame = [0; 2048];
        while Instant::now() < deadline {
            // SAFETY: the buffer outlives the call, and its size is right.
            let len = unsafe {
                libc::recv(
                    self.0.as_raw_fd(),
                    frame.as_mut_ptr().cast(),
                    frame.len(),
                    libc::MSG_DONTWAIT,
                )
            };
            match len {
                0.. if is_wanted(&frame[..len as usize]) => {
                    return Some(frame[..len as usize].to_vec());
                }
                0.. => {}
                _ => std::thread::sleep(Duration::from_millis(1)),
            }
        }
        None
    }
}
