// SPDX-License-Identifier: GPL-2.0-only
//! Safe wrappers around what other crates do not wrap.

#![allow(unsafe_code)] // with `skel`, one of the two modules that may

mod ethtool;
mod links;
mod maps;
mod memory;
mod programs;

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use nix::sys::signal::{SigHandler, Signal, signal};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

pub use ethtool::{interface_driver, interface_mtu, interface_strips_vlan_tags};
pub use links::{
    AttachedProgram, Direction, attach_tracing, link_by_id, link_set, link_update, tcx_link_create,
    xdp_can_transmit, xdp_link_create, xdp_query,
};
pub use maps::{first_value, map_by_id, map_delete_batch, map_for_each, map_info, map_update_batch};
pub use memory::MappedWords;
pub use programs::{TestResult, TestRun, bind_map, program_id, program_maps, test_run};

/// Takes the new descriptor that a call of libbpf returned, or its error.
fn owned(fd: i32) -> io::Result<OwnedFd> {
    if fd < 0 {
        return Err(io::Error::from_raw_os_error(-fd));
    }
    // SAFETY: the call returned a new descriptor, which nobody else knows.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

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

/// A descriptor of our own for one that the service manager passed to this process (sd_listen_fds(3)).
pub fn take_passed(fd: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: the caller has it from the environment that the service manager made; the new descriptor is one
    // that nobody else knows.
    let copy = unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 0) };
    if copy < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: as above. The passed one is for this process alone, and not used any more.
    unsafe {
        libc::close(fd);
        Ok(OwnedFd::from_raw_fd(copy))
    }
}
