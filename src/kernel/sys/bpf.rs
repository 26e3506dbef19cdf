// SPDX-License-Identifier: GPL-2.0-only
//! Calls of bpf(2).

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;

use libbpf_rs::{MapCore, MapType};
use nix::errno::Errno;

use crate::policy::AttachMode;

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
    if fd < 0 {
        return Err(io::Error::from_raw_os_error(-fd));
    }
    // SAFETY: the call returned a new descriptor, which nobody else knows.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Attaches a program to the packets that arrive at an interface, before all others of the kind (tcx). It stays
/// until the descriptor is closed.
pub fn tcx_link_create(program: BorrowedFd<'_>, ifindex: u32) -> io::Result<OwnedFd> {
    let options = libbpf_sys::bpf_link_create_opts {
        sz: size_of::<libbpf_sys::bpf_link_create_opts>() as _,
        flags: libbpf_sys::BPF_F_BEFORE,
        ..Default::default()
    };
    link_create(program, ifindex, libbpf_sys::BPF_TCX_INGRESS, &options)
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

/// Reads a map in batches, and gives the key and value of each entry to `visit`.
///
/// libbpf-rs's own batches take a short one for the last. Entries that come or go meanwhile may be seen
/// or not; all others are seen once.
///
/// Fails for other types than hash, array and trie: their keys or values may take more room than their
/// sizes say.
pub fn map_for_each(map: &impl MapCore, mut visit: impl FnMut(&[u8], &[u8])) -> io::Result<()> {
    if !matches!(map.map_type(), MapType::Hash | MapType::LruHash | MapType::Array | MapType::LpmTrie) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "no map of this type is read in batches",
        ));
    }
    let (key_size, value_size) = (map.key_size() as usize, map.value_size() as usize);
    // The kernel's cursor is a number for a hash map, and a key for a trie.
    let cursor_size = key_size.max(size_of::<u32>());
    let mut capacity: u32 = 4096;
    let mut cursor: Option<Vec<u8>> = None;
    loop {
        let mut keys = vec![0; key_size * capacity as usize];
        let mut values = vec![0; value_size * capacity as usize];
        loop {
            let mut next = vec![0; cursor_size];
            let mut count = capacity;
            let from = cursor.as_mut().map_or(std::ptr::null_mut(), |cursor| cursor.as_mut_ptr());
            // SAFETY: keys and values have room for `capacity` elements of the map's own sizes, and
            // both cursors for a key and for a u32. All outlive the call.
            let error = unsafe {
                libbpf_sys::bpf_map_lookup_batch(
                    map.as_fd().as_raw_fd(),
                    from.cast(),
                    next.as_mut_ptr().cast(),
                    keys.as_mut_ptr().cast(),
                    values.as_mut_ptr().cast(),
                    &mut count,
                    std::ptr::null(),
                )
            };
            match Errno::from_raw(-error) {
                // A bucket of the hash table with more entries than fit in the batch.
                Errno::ENOSPC => break,
                Errno::ENOENT | Errno::UnknownErrno => {}
                other => return Err(other.into()),
            }
            let keys = keys.chunks_exact(key_size);
            for (key, value) in keys.zip(values.chunks_exact(value_size)).take(count as usize) {
                visit(key, value);
            }
            if error != 0 {
                return Ok(());
            }
            cursor = Some(next);
        }
        capacity *= 2;
    }
}

/// Attaches a tracing program to what its section names. It stays until the descriptor is closed.
pub fn attach_tracing(program: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    // SAFETY: the descriptor is open for the call; the kernel knows the trace point from the program.
    let fd = unsafe { libbpf_sys::bpf_raw_tracepoint_open(std::ptr::null(), program.as_raw_fd()) };
    if fd < 0 {
        return Err(io::Error::from_raw_os_error(-fd));
    }
    // SAFETY: the call returned a new descriptor, which nobody else knows.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// A test run of a program: what goes in, and where that which comes out is written.
#[derive(Debug, Default)]
pub struct TestRun<'a> {
    pub frame: &'a [u8],
    pub frame_out: &'a mut [u8],
    /// The program's context: struct xdp_md, or what a program of type syscall is given.
    pub context: &'a [u8],
    pub context_out: &'a mut [u8],
    /// How often to run it; 0: once.
    pub repeat: u32,
}

/// What a test run gave.
#[derive(Debug, Clone, Copy)]
pub struct TestResult {
    pub value: u32,
    /// Bytes of the frame that came out.
    pub frame_len: usize,
    /// The mean time of one run.
    pub duration: Duration,
}

/// Runs a program (BPF_PROG_TEST_RUN).
pub fn test_run(program: BorrowedFd<'_>, run: TestRun<'_>) -> io::Result<TestResult> {
    let pointer =
        |bytes: &[u8]| if bytes.is_empty() { std::ptr::null() } else { bytes.as_ptr().cast() };
    let pointer_out = |bytes: &mut [u8]| {
        if bytes.is_empty() { std::ptr::null_mut() } else { bytes.as_mut_ptr().cast() }
    };
    let mut options = libbpf_sys::bpf_test_run_opts {
        sz: size_of::<libbpf_sys::bpf_test_run_opts>() as _,
        data_in: pointer(run.frame),
        data_size_in: run.frame.len() as u32,
        data_size_out: run.frame_out.len() as u32,
        data_out: pointer_out(run.frame_out),
        ctx_in: pointer(run.context),
        ctx_size_in: run.context.len() as u32,
        ctx_size_out: run.context_out.len() as u32,
        ctx_out: pointer_out(run.context_out),
        repeat: run.repeat as i32,
        ..Default::default()
    };
    // SAFETY: the descriptor is open; the buffers outlive the call and have the sizes given.
    let error = unsafe { libbpf_sys::bpf_prog_test_run_opts(program.as_raw_fd(), &mut options) };
    if error < 0 {
        return Err(io::Error::from_raw_os_error(-error));
    }
    Ok(TestResult {
        value: options.retval,
        frame_len: options.data_size_out as usize,
        duration: Duration::from_nanos(options.duration.into()),
    })
}
