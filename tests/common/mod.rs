// SPDX-License-Identifier: GPL-2.0-only
#![allow(dead_code)] // each test binary uses its own part

pub mod cpu;
pub mod defence;
pub mod frames;
pub mod lab;
pub mod netns;
pub mod pass;
pub mod program;
pub mod tcp_info;
pub mod wire;
