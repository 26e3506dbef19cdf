// SPDX-License-Identifier: GPL-2.0-only
//! XDP programs of any kind on interfaces.

use std::os::fd::{BorrowedFd, OwnedFd};

use anyhow::Result;

use crate::netns::Netns;

pub use synflood_xdp::preflight::any_interface;
pub use synflood_xdp::sys::interface_driver;

/// Attaches a program in the driver of a namespace's interface, by a link: until the value is dropped.
/// The link keeps the program and its maps alive.
pub fn attach(namespace: &Netns, interface: &str, program: BorrowedFd<'_>) -> Result<OwnedFd> {
    namespace.enter(|| {
        let interface = any_interface(interface)?;
        let flags = libbpf_sys::XDP_FLAGS_DRV_MODE;
        Ok(synflood_xdp::sys::xdp_link_create(program, interface.index, flags)?)
    })
}
