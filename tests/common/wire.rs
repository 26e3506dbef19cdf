// SPDX-License-Identifier: GPL-2.0-only
//! Puts frames on an interface as they are.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use super::netns::Netns;

/// Sends each frame once, from `interface` of that namespace.
pub fn send(namespace: &Netns, interface: &str, frames: &[Vec<u8>]) {
    namespace.enter(|| {
        // SAFETY: no pointers; the descriptor is checked and owned at once.
        let socket = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW, 0) };
        assert!(socket >= 0, "{}", io::Error::last_os_error());
        // SAFETY: just opened, and nobody else's.
        let socket = unsafe { OwnedFd::from_raw_fd(socket) };
        let name = CString::new(interface).unwrap();
        // SAFETY: a terminated string; 0 is an error.
        let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
        assert_ne!(index, 0, "{interface}");
        // SAFETY: a struct of integers.
        let mut to: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
        (to.sll_family, to.sll_ifindex) = (libc::AF_PACKET as u16, index as i32);
        for frame in frames {
            // SAFETY: both pointers outlive the call and go with their sizes.
            let sent = unsafe {
                libc::sendto(
                    socket.as_raw_fd(),
                    frame.as_ptr().cast(),
                    frame.len(),
                    0,
                    (&raw const to).cast(),
                    size_of_val(&to) as u32,
                )
            };
            assert_eq!(sent, frame.len() as isize, "{}", io::Error::last_os_error());
        }
    });
}
