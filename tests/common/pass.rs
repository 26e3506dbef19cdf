// SPDX-License-Identifier: GPL-2.0-only
//! An XDP program that passes everything. What XDP sends into a veth arrives at once only where the
//! other end has one too: without, it waits for the next frame that the stack sends.

use std::io;
use std::os::fd::{AsFd, FromRawFd, OwnedFd};

use synflood_xdp::{preflight, sys};

use super::netns::Netns;

/// Attaches it to an interface, until the value is dropped.
pub fn attach(namespace: &Netns, interface: &str) -> OwnedFd {
    // r0 = XDP_PASS; return r0 (include/uapi/linux/bpf.h)
    let instructions = [
        libbpf_sys::bpf_insn { code: 0xb7, imm: 2, ..Default::default() },
        libbpf_sys::bpf_insn { code: 0x95, ..Default::default() },
    ];
    // SAFETY: the strings are terminated; the instructions outlive the call and go with their number.
    let program = unsafe {
        libbpf_sys::bpf_prog_load(
            libbpf_sys::BPF_PROG_TYPE_XDP,
            c"pass".as_ptr(),
            c"GPL".as_ptr(),
            instructions.as_ptr(),
            instructions.len() as u64,
            std::ptr::null_mut(),
        )
    };
    assert!(program >= 0, "{}", io::Error::from_raw_os_error(-program));
    // SAFETY: just opened, and nobody else's.
    let program = unsafe { OwnedFd::from_raw_fd(program) };
    namespace.enter(|| {
        let interface = preflight::any_interface(interface).unwrap();
        sys::xdp_link_create(program.as_fd(), interface.index, libbpf_sys::XDP_FLAGS_DRV_MODE).unwrap()
    })
}
