// SPDX-License-Identifier: GPL-2.0-only
//! Links: programs on interfaces and trace points.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;

use super::owned;
use crate::policy::AttachMode;

/// A program on an interface.
#[derive(Debug, Clone, Copy)]
pub struct AttachedProgram {
    pub mode: AttachMode,
    pub id: u32,
}

/// Attaches an XDP program in exactly this mode: [`libbpf_rs`]'s own call chooses the mode itself. The
/// program stays until the descriptor is closed, at the latest with the process.
///
/// `flags`: XDP_FLAGS_DRV_MODE or XDP_FLAGS_SKB_MODE.
pub fn xdp_link_create(program: BorrowedFd<'_>, ifindex: u32, flags: u32) -> io::Result<OwnedFd> {
    let options = libbpf_sys::bpf_link_create_opts {
        sz: size_of::<libbpf_sys::bpf_link_create_opts>() as _,
        flags,
        ..Default::default()
    };
    link_create(program, ifindex, libbpf_sys::BPF_XDP, &options)
}

/// The packets of an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    In,
    Out,
}

/// Attaches a program to the packets of an interface (tcx), next to the wire: before all others of the kind for what
/// arrives, behind them for what leaves. It stays until the descriptor is closed.
pub fn tcx_link_create(
    program: BorrowedFd<'_>,
    ifindex: u32,
    direction: Direction,
) -> io::Result<OwnedFd> {
    let (hook, flags) = match direction {
        Direction::In => (libbpf_sys::BPF_TCX_INGRESS, libbpf_sys::BPF_F_BEFORE),
        Direction::Out => (libbpf_sys::BPF_TCX_EGRESS, libbpf_sys::BPF_F_AFTER),
    };
    let options = libbpf_sys::bpf_link_create_opts {
        sz: size_of::<libbpf_sys::bpf_link_create_opts>() as _,
        flags,
        ..Default::default()
    };
    link_create(program, ifindex, hook, &options)
}

fn link_create(
    program: BorrowedFd<'_>,
    ifindex: u32,
    attach_type: libbpf_sys::bpf_attach_type,
    options: &libbpf_sys::bpf_link_create_opts,
) -> io::Result<OwnedFd> {
    // SAFETY: the program's descriptor is open for the call; options outlives it and contains its size.
    let fd = unsafe {
        libbpf_sys::bpf_link_create(program.as_raw_fd(), ifindex as i32, attach_type, options)
    };
    owned(fd)
}

/// Attaches a tracing program to what its section names. It stays until the descriptor is closed.
pub fn attach_tracing(program: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    // SAFETY: the descriptor is open for the call; the kernel knows the trace point from the program.
    let fd = unsafe { libbpf_sys::bpf_raw_tracepoint_open(std::ptr::null(), program.as_raw_fd()) };
    owned(fd)
}

/// Puts a program in the place of the one that the link has, at once; fails if that is not `before`.
pub fn link_update(
    link: BorrowedFd<'_>,
    program: BorrowedFd<'_>,
    before: BorrowedFd<'_>,
) -> io::Result<()> {
    let mut options = libbpf_sys::bpf_link_update_opts {
        sz: size_of::<libbpf_sys::bpf_link_update_opts>() as _,
        flags: libbpf_sys::BPF_F_REPLACE,
        ..Default::default()
    };
    options.old_prog_fd = before.as_raw_fd() as u32;
    // SAFETY: the descriptors are open for the call; options outlives it and contains its size.
    let error = unsafe { libbpf_sys::bpf_link_update(link.as_raw_fd(), program.as_raw_fd(), &options) };
    if error < 0 { Err(io::Error::from_raw_os_error(-error)) } else { Ok(()) }
}

/// Puts a program in the place of whatever program the link has. A link whose device has gone has none, and stays so.
pub fn link_set(link: BorrowedFd<'_>, program: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: the descriptors are open for the call, and there are no options.
    let error =
        unsafe { libbpf_sys::bpf_link_update(link.as_raw_fd(), program.as_raw_fd(), std::ptr::null()) };
    if error < 0 && error != -(Errno::ENOLINK as i32) {
        Err(io::Error::from_raw_os_error(-error))
    } else {
        Ok(())
    }
}

/// A descriptor of our own for a link. Needs CAP_SYS_ADMIN.
pub fn link_by_id(id: u32) -> io::Result<OwnedFd> {
    // SAFETY: a call without pointers.
    owned(unsafe { libbpf_sys::bpf_link_get_fd_by_id(id) })
}

/// Whether a driver supports all basic actions of XDP programs, sending included. None: it does not say
/// (before Linux 6.3).
pub fn xdp_can_transmit(ifindex: u32) -> io::Result<Option<bool>> {
    /// include/uapi/linux/netdev.h
    const NETDEV_XDP_ACT_BASIC: u64 = 1;
    let features = query(ifindex)?.feature_flags;
    Ok((features != 0).then_some(features & NETDEV_XDP_ACT_BASIC != 0))
}

/// The XDP program of an interface. Of several, the one nearest to the wire.
pub fn xdp_query(ifindex: u32) -> io::Result<Option<AttachedProgram>> {
    let found = query(ifindex)?;
    let programs = [
        (AttachMode::Offloaded, found.hw_prog_id),
        (AttachMode::Native, found.drv_prog_id),
        (AttachMode::Skb, found.skb_prog_id),
    ];
    let attached = programs.into_iter().find(|&(_, id)| id != 0);
    Ok(attached.map(|(mode, id)| AttachedProgram { mode, id }))
}

fn query(ifindex: u32) -> io::Result<libbpf_sys::bpf_xdp_query_opts> {
    let mut found = libbpf_sys::bpf_xdp_query_opts {
        sz: size_of::<libbpf_sys::bpf_xdp_query_opts>() as _,
        ..Default::default()
    };
    // SAFETY: found outlives the call and contains its size.
    let error = unsafe { libbpf_sys::bpf_xdp_query(ifindex as i32, 0, &mut found) };
    if error < 0 { Err(io::Error::from_raw_os_error(-error)) } else { Ok(found) }
}
