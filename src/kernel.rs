// SPDX-License-Identifier: GPL-2.0-only
//! All access to the kernel: the BPF program and its maps, interfaces, settings. It prints nothing, and
//! knows neither options nor screens.

pub mod attach;
pub mod clock;
pub mod encode;
pub mod handover;
pub mod hooks;
pub mod instance;
pub mod interface;
pub mod legacy;
pub mod maps;
pub mod netlink;
pub mod nftables;
pub mod observer;
pub mod predecessor;
pub mod privileges;
pub mod program;
pub mod secret;
pub mod skel;
pub mod sys;
pub mod sysctl;
pub mod topology;
