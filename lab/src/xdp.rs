// SPDX-License-Identifier: GPL-2.0-only
//! XDP programs of any kind on interfaces.

use std::io::ErrorKind;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

use anyhow::Result;

use crate::netns::Netns;
use crate::wait::wait_at_most;

pub use synflood_xdp::kernel::interface::Interface;

/// How long a link may stay whose last descriptor was closed: a process that another thread starts has a copy of it
/// until it runs its own program.
const LINGERS: Duration = Duration::from_secs(5);

/// Attaches a program to a namespace's interface in driver mode. The returned link keeps it attached,
/// and keeps the program and its maps alive.
pub fn attach(namespace: &Netns, interface: &str, program: BorrowedFd<'_>) -> Result<OwnedFd> {
    namespace.enter(|| {
        let interface = Interface::by_name(interface)?;
        let flags = libbpf_sys::XDP_FLAGS_DRV_MODE;
        let create = || synflood_xdp::kernel::sys::xdp_link_create(program, interface.index, flags);
        let once_free = || match create() {
            Err(error) if error.kind() == ErrorKind::ResourceBusy => None,
            outcome => Some(outcome),
        };
        Ok(wait_at_most(LINGERS, once_free).unwrap_or_else(create)?)
    })
}
