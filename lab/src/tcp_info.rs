// SPDX-License-Identifier: GPL-2.0-only
//! What the kernel knows about one end of a connection.

use std::net::TcpStream;
use std::os::fd::AsRawFd;

/// The option TCP_INFO of a connection.
///
/// # Panics
///
/// If the kernel refuses.
pub fn tcp_info(stream: &TcpStream) -> libc::tcp_info {
    // SAFETY: a struct of integers.
    let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
    let mut len = size_of_val(&info) as u32;
    // SAFETY: both outlive the call, and `len` is the size of the first.
    let got = unsafe {
        libc::getsockopt(
            stream.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            (&raw mut info).cast(),
            &mut len,
        )
    };
    assert_eq!(got, 0, "{}", std::io::Error::last_os_error());
    info
}
