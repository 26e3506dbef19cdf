// SPDX-License-Identifier: GPL-2.0-only
//! What threads of this process may do. The kernel keeps capabilities for each thread alone.

use std::collections::HashSet;
use std::panic::resume_unwind;
use std::thread;

use anyhow::{Context, Result};
use caps::{CapSet, Capability};

/// What a run needs of the kernel: to load programs and read maps, to attach them and change settings, and to
/// trace connections. `iptables-save` opens a raw socket.
pub const OF_A_RUN: [Capability; 4] =
    [Capability::CAP_BPF, Capability::CAP_NET_ADMIN, Capability::CAP_PERFMON, Capability::CAP_NET_RAW];

/// What the thread that gives the metrics needs: kernels before 5.19 let nobody else read maps, not even by a descriptor.
pub const OF_METRICS: [Capability; 1] = [Capability::CAP_BPF];

/// What the tools that print the firewall's rules need.
pub const OF_FIREWALL_TOOLS: [Capability; 2] = [Capability::CAP_NET_ADMIN, Capability::CAP_NET_RAW];

/// Does this in a thread that has none but these: threads that it makes never have more. A thread that is made before
/// [`keep_only`] would keep all.
pub fn with_only<T: Send>(wanted: &[Capability], act: impl FnOnce() -> T + Send) -> Result<T> {
    let limited = || {
        // What cannot be given up does no harm: the thread that calls this says so of itself.
        let _ = keep_only(wanted);
        act()
    };
    thread::scope(|scope| {
        let thread = thread::Builder::new().spawn_scoped(scope, limited);
        let thread = thread.context("there can be no further thread")?;
        Ok(thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
    })
}

/// From now on this thread, and the processes that it starts, have none but these of the capabilities that it
/// has.
pub fn keep_only(wanted: &[Capability]) -> Result<()> {
    let wanted: HashSet<_> = wanted.iter().copied().collect();
    // Before the capability that it takes is given up.
    for capability in caps::read(None, CapSet::Bounding)?.difference(&wanted) {
        if caps::has_cap(None, CapSet::Effective, Capability::CAP_SETPCAP)? {
            caps::drop(None, CapSet::Bounding, *capability)?;
        }
    }
    for set in [CapSet::Ambient, CapSet::Inheritable, CapSet::Effective, CapSet::Permitted] {
        let held = caps::read(None, set)?;
        caps::set(None, set, &held.intersection(&wanted).copied().collect())?;
    }
    Ok(())
}
