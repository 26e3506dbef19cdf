// SPDX-License-Identifier: GPL-2.0-only
//! The learner against what real tools send (tests/learn/captures), and what honest stacks send (`lab::stacks`). Nothing
//! here needs a network or root. No rule knows a tool: each is learned from one half of a capture, and tried on the
//! other.

mod attackers;
mod command;
mod detection;
mod generators;
mod newcomers;
mod samples;
