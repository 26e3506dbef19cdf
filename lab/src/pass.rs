// SPDX-License-Identifier: GPL-2.0-only
//! An XDP program that passes everything. XDP can send a frame into a veth. The frame arrives at once
//! only if the other end has an XDP program too. Otherwise it waits for the next frame from the stack.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, FromRawFd, OwnedFd};

use crate::netns::Netns;
use crate::xdp;

/// Attaches it to an interface in driver mode, until the value is dropped.
///
/// # Panics
///
/// If the interface does not exist, or has an XDP program already.
pub fn attach(namespace: &Netns, interface: &str) -> OwnedFd {
    xdp::attach(namespace, interface, load(c"pass").as_fd()).unwrap()
}

/// Loads it under this name of at most 15 bytes.
///
/// # Panics
///
/// If the kernel refuses it, for example without root.
pub fn load(name: &CStr) -> OwnedFd {
    // r0 = XDP_PASS; return r0 (include/uapi/linux/bpf.h)
    let instructions = [
        libbpf_sys::bpf_insn { code: 0xb7, imm: 2, ..Default::default() },
        libbpf_sys::bpf_insn { code: 0x95, ..Default::default() },
    ];
    // Frames of several buffers came with 5.18. Without them large frames are refused.
    let load = |flags| {
        let mut options = libbpf_sys::bpf_prog_load_opts {
            sz: size_of::<libbpf_sys::bpf_prog_load_opts>() as u64,
            prog_flags: flags,
            ..Default::default()
        };
        // SAFETY: the strings are terminated; instructions and options outlive the call, and their
        // number and size are right.
        unsafe {
            libbpf_sys::bpf_prog_load(
                libbpf_sys::BPF_PROG_TYPE_XDP,
                name.as_ptr(),
                c"GPL".as_ptr(),
                instructions.as_ptr(),
                instructions.len() as u64,
                &raw mut options,
            )
        }
    };
    let program = match load(libbpf_sys::BPF_F_XDP_HAS_FRAGS) {
        refused if refused < 0 => load(0),
        program => program,
    };
    assert!(program >= 0, "{}", io::Error::from_raw_os_error(-program));
    // SAFETY: just opened, and nothing else owns it.
    unsafe { OwnedFd::from_raw_fd(program) }
}
