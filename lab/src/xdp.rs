// SPDX-License-Identifier: GPL-2.0-only
//! XDP programs of any kind on interfaces.

use std::os::fd::{BorrowedFd, OwnedFd};

use anyhow::Result;

use crate::netns::Netns;

pub use synflood_xdp::kernel::interface::Interface;

/// Attaches a program to a namespace's interface in driver mode. The returned link keeps it attached,
/// and keeps the program and its maps alive.
pub fn attach(namespace: &Netns, interface: &str, program: BorrowedFd<'_>) -> Result<OwnedFd> {
    namespace.enter(|| {
        let interface = Interface::by_name(interface)?;
        let flags = libbpf_sys::XDP_FLAGS_DRV_MODE;
        Ok(synflood_xdp::kernel::sys::xdp_link_create(program, interface.index, flags)?)
    })
}
