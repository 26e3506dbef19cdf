// SPDX-License-Identifier: GPL-2.0-only
//! Whether the judge of firewall rules is right. Needs no root.

mod measured;
mod own;
