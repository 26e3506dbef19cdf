// SPDX-License-Identifier: GPL-2.0-only
//! Signed segments (RFC 2385).

use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsRawFd;

use socket2::{SockAddr, Socket};

/// linux/tcp.h: TCP_MD5SIG
const TCP_MD5SIG: i32 = 14;

/// Bytes of struct tcp_md5sig: the peer's address, eight bytes about it, the key.
const SOCKADDR_STORAGE: usize = 128;
const MAX_KEY: usize = 80;

/// Makes an IPv6 socket expect signed segments of this peer.
///
/// # Panics
///
/// If the kernel refuses.
pub fn set_md5_key(socket: &Socket, peer: Ipv4Addr) {
    const KEY: &[u8] = b"key";
    let peer = SockAddr::from(SocketAddr::from((peer.to_ipv6_mapped(), 0)));
    let mut option = [0_u8; SOCKADDR_STORAGE + 8 + MAX_KEY];
    // SAFETY: so many bytes of the address are initialized.
    let address =
        unsafe { std::slice::from_raw_parts(peer.as_ptr().cast::<u8>(), peer.len() as usize) };
    option[..address.len()].copy_from_slice(address);
    // After flags and prefix length.
    option[SOCKADDR_STORAGE + 2] = KEY.len() as u8;
    option[SOCKADDR_STORAGE + 8..][..KEY.len()].copy_from_slice(KEY);
    // SAFETY: the option outlives the call, and its size is right.
    let set = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            TCP_MD5SIG,
            option.as_ptr().cast(),
            option.len() as u32,
        )
    };
    assert_eq!(set, 0, "{}", std::io::Error::last_os_error());
}
