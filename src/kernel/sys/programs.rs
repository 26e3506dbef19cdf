// SPDX-License-Identifier: GPL-2.0-only
//! Programs by their descriptors.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

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

/// Makes a map one of a program's own, though its code does not use it: whoever finds the program finds the map.
pub fn bind_map(program: BorrowedFd<'_>, map: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: both descriptors are open for the call, and no options are given.
    let error = unsafe {
        libbpf_sys::bpf_prog_bind_map(program.as_raw_fd(), map.as_raw_fd(), std::ptr::null())
    };
    if error < 0 { Err(io::Error::from_raw_os_error(-error)) } else { Ok(()) }
}

/// The kernel's number of a program.
pub fn program_id(program: BorrowedFd<'_>) -> io::Result<u32> {
    program_info(program, &mut []).map(|info| info.id)
}

/// The numbers of the maps that a program uses.
pub fn program_maps(program: BorrowedFd<'_>) -> io::Result<Vec<u32>> {
    let count = program_info(program, &mut [])?.nr_map_ids;
    let mut ids = vec![0; count as usize];
    program_info(program, &mut ids)?;
    Ok(ids)
}

fn program_info(program: BorrowedFd<'_>, ids: &mut [u32]) -> io::Result<libbpf_sys::bpf_prog_info> {
    let mut info = libbpf_sys::bpf_prog_info {
        nr_map_ids: ids.len() as u32,
        map_ids: ids.as_mut_ptr() as u64,
        ..Default::default()
    };
    let mut len = size_of::<libbpf_sys::bpf_prog_info>() as u32;
    // SAFETY: info has the length given and outlives the call, and so do the numbers, which have room for as
    // many as info says.
    let error =
        unsafe { libbpf_sys::bpf_prog_get_info_by_fd(program.as_raw_fd(), &mut info, &mut len) };
    if error < 0 { Err(io::Error::from_raw_os_error(-error)) } else { Ok(info) }
}
