// SPDX-License-Identifier: GPL-2.0-only
//! What `kernel::netlink` reads, against what `ip`, `ss` and real sockets make in network namespaces.
//! Needs root.

mod interfaces;
mod listeners;
mod peers;
mod routes;
mod watch;
