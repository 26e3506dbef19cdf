// SPDX-License-Identifier: GPL-2.0-only
//! What sources would have needed, so that a limit would never have met them.

use std::time::Duration;

use ipnet::IpNet;

use super::Rate;

/// The rates for which a dry run finds that out, slowest first. docs/ARCHITECTURE.md says why these. Whoever changes
/// them adds 1 to TABLES_VERSION (`bpf/intf.h`).
pub const ADVISED_RATES: [Rate; 5] = [
    Rate { interval_ns: 10_000_000_000 },
    Rate { interval_ns: 1_000_000_000 },
    Rate { interval_ns: 200_000_000 },
    Rate { interval_ns: 50_000_000 },
    Rate { interval_ns: 10_000_000 },
];

/// What a source would have needed at the ports of one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// The source.
    pub network: IpNet,
    /// The number of the service; 0: ports of none.
    pub service: usize,
    /// The least burst that would never have refused it, for each of [`ADVISED_RATES`].
    pub bursts: [u64; ADVISED_RATES.len()],
}

/// What all sources of a dry run would have needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needs {
    /// For how long connections have been looked at.
    pub elapsed: Duration,
    /// Sources for which there was no room: each time that one was forgotten.
    pub forgotten: u64,
    /// In no order, a source once for each of its services.
    pub sources: Vec<Need>,
}
