// SPDX-License-Identifier: GPL-2.0-only
//! A listener that wants signed segments.

use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::AsRawFd;

/// A key for segments from that address (TCP_MD5SIG, linux/tcp.h).
pub fn set_md5_key(listener: &TcpListener, peer: Ipv4Addr) {
    #[repr(C)]
    struct Md5Sig {
        address: libc::sockaddr_storage,
        flags: u8,
        prefix_len: u8,
        key_len: u16,
        ifindex: i32,
        key: [u8; 80],
    }
    // SAFETY: a struct of integers.
    let mut signature: Md5Sig = unsafe { std::mem::zeroed() };
    let address = libc::sockaddr_in {
        sin_family: libc::AF_INET as u16,
        sin_port: 0,
        sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(peer.octets()) },
        sin_zero: [0; 8],
    };
    // SAFETY: a sockaddr_storage has room for every address, and both are only integers.
    unsafe { std::ptr::write((&raw mut signature.address).cast(), address) };
    (signature.key_len, signature.key[0]) = (1, 7);
    // SAFETY: the option outlives the call, and its size is right.
    let set = unsafe {
        libc::setsockopt(
            listener.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_MD5SIG,
            (&raw const signature).cast(),
            size_of_val(&signature) as u32,
        )
    };
    assert_eq!(set, 0, "{}", std::io::Error::last_os_error());
}
