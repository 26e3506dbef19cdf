// SPDX-License-Identifier: GPL-2.0-only
//! What the kernel knows about interfaces, routes, neighbours and TCP sockets.
//!
//! Every function asks about the network namespace of the calling thread, opens a socket of its own,
//! and returns when the answer is complete. A list that changes while it is read is read again, but not
//! for ever. Errors are sentences.

mod dump;
mod links;
mod neighbours;
mod routes;
mod rules;
mod sockets;
mod watch;

pub use links::{Link, links};
pub use neighbours::{Mac, neighbours};
pub use routes::{LocalRoute, Route, local_routes, routes};
pub use rules::has_policy_routing;
pub use sockets::{Family, Listener, Queue, for_each_peer, listeners, queues};
pub use watch::watch;
