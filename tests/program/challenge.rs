// SPDX-License-Identifier: GPL-2.0-only
//! SYNs over a budget: which are answered, how, and why others are not. In a namespace with a listener.

mod answer;
mod hops;
mod md5;
mod own;
mod ration;
mod reasons;
mod server;
mod sockets;
mod synack;
