// SPDX-License-Identifier: GPL-2.0-only

use std::io;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};

/// Changes come in groups: a new interface brings its addresses, and these bring routes.
const SETTLE: Duration = Duration::from_millis(100);

/// From one notification to the next. A flood from addresses on the link makes a neighbour, and later an
/// unreachable one, of each.
const PAUSE: Duration = Duration::from_secs(1);

const GROUPS: [u32; 8] = [
    libc::RTNLGRP_LINK,
    libc::RTNLGRP_NEIGH,
    libc::RTNLGRP_IPV4_IFADDR,
    libc::RTNLGRP_IPV6_IFADDR,
    libc::RTNLGRP_IPV4_ROUTE,
    libc::RTNLGRP_IPV6_ROUTE,
    libc::RTNLGRP_IPV4_RULE,
    libc::RTNLGRP_IPV6_RULE,
];

/// Calls `notify` from a thread of its own whenever an interface, an address, a route, a neighbour or a
/// routing rule has come, changed or gone: 0.1 s later, but not within 1 s of the call before.
///
/// The thread ends with the process.
pub fn watch(notify: impl Fn() + Send + 'static) -> Result<()> {
    const CANNOT: &str = "cannot listen for new addresses and routes of this host";
    let events = open().context(CANNOT)?;
    let listen = move || {
        while heard(&events, 0) {
            thread::sleep(SETTLE);
            while heard(&events, libc::MSG_DONTWAIT) {}
            notify();
            thread::sleep(PAUSE - SETTLE);
        }
    };
    thread::Builder::new().spawn(listen).context(CANNOT)?;
    Ok(())
}

fn open() -> io::Result<Socket> {
    let mut events = Socket::new(NETLINK_ROUTE)?;
    events.bind(&SocketAddr::new(0, 0))?;
    GROUPS.into_iter().try_for_each(|group| events.add_membership(group))?;
    Ok(events)
}

/// Any event counts, whatever it says. A lost one (ENOBUFS) is an event too.
fn heard(events: &Socket, flags: i32) -> bool {
    let mut event = [0; 1];
    match events.recv(&mut &mut event[..], flags) {
        Ok(_) => true,
        Err(error) => matches!(error.raw_os_error(), Some(libc::ENOBUFS | libc::EINTR)),
    }
}
