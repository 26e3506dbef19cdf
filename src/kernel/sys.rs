// SPDX-License-Identifier: GPL-2.0-only
//! Safe wrappers around what other crates do not wrap.

#![allow(unsafe_code)] // with `skel`, one of the two modules that may

mod bpf;
mod ethtool;
mod memory;

use std::io;
use std::os::fd::AsRawFd;

use nix::sys::signal::{SigHandler, Signal, signal};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

pub use bpf::{
    AttachedProgram, TestResult, TestRun, attach_tracing, map_for_each, tcx_link_create, test_run,
    xdp_can_transmit, xdp_link_create, xdp_query,
};
pub use ethtool::{interface_driver, interface_mtu, interface_strips_vlan_tags};
pub use memory::MappedWords;

/// A number of this network namespace that no other one ever has.
pub fn netns_cookie() -> io::Result<u64> {
    /// include/uapi/asm-generic/socket.h
    const SO_NETNS_COOKIE: libc::c_int = 71;
    let any = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    let mut cookie = 0_u64;
    let mut len = size_of::<u64>() as libc::socklen_t;
    // SAFETY: the descriptor is open; cookie and len outlive the call, and len is the size of cookie.
    let error = unsafe {
        libc::getsockopt(
            any.as_raw_fd(),
            libc::SOL_SOCKET,
            SO_NETNS_COOKIE,
            std::ptr::from_mut(&mut cookie).cast(),
            &mut len,
        )
    };
    if error == 0 { Ok(cookie) } else { Err(io::Error::last_os_error()) }
}

/// From now on these signals do nothing to this process.
pub fn ignore(signals: &[Signal]) -> io::Result<()> {
    for &each in signals {
        // SAFETY: it installs no handler, so none can do what a signal handler must not do.
        unsafe { signal(each, SigHandler::SigIgn) }?;
    }
    Ok(())
}
