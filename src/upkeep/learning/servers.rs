// SPDX-License-Identifier: GPL-2.0-only
//! Where the answers of honest clients can come to something.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Result;

use crate::kernel::maps::{Maps, connections, ports};
use crate::kernel::netlink::{self, Queue};

/// A server with a full queue that has taken a connection within this time is at work.
const AT_WORK: Duration = Duration::from_secs(2);

/// All ports are a megabyte, and nobody writes them more often.
const AGAIN: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub struct Servers {
    /// Of ports whose queues are full: connections, and when they were last seen to be more than before.
    full: BTreeMap<u16, (u64, Option<Duration>)>,
    /// Where nobody is challenged, and when that is to be read again.
    unchallenged: (Vec<u16>, Duration),
}

impl Servers {
    /// The ports of servers that take connections, and those where nobody is challenged, whose servers may be behind a
    /// redirection. None: it is not known.
    pub fn open_ports(&mut self, maps: &Maps, now: Duration) -> Result<Option<BTreeSet<u16>>> {
        let queues = netlink::queues().unwrap_or_default();
        if queues.is_empty() {
            return Ok(None);
        }
        let is_full = |queue: &Queue| queue.length >= queue.limit.max(1);
        let mut open: BTreeSet<u16> =
            queues.iter().filter(|queue| !is_full(queue)).map(|queue| queue.port).collect();
        let full: BTreeSet<u16> =
            queues.iter().map(|queue| queue.port).filter(|port| !open.contains(port)).collect();
        if now >= self.unchallenged.1 {
            self.unchallenged = (ports::never_challenged(&maps.bss_ports)?, now + AGAIN);
        }
        open.extend(&self.unchallenged.0);
        self.full.retain(|port, _| full.contains(port));
        if !full.is_empty() {
            let counts = connections::by_port(&maps.bss_connected)?;
            let connected = |port| counts.get(&port).map_or(0, |of| of.connected);
            open.extend(full.into_iter().filter(|&port| self.is_at_work(port, connected(port), now)));
        }
        Ok(Some(open))
    }

    fn is_at_work(&mut self, port: u16, connected: u64, now: Duration) -> bool {
        let (before, last) = self.full.entry(port).or_insert((connected, None));
        if connected != *before {
            (*before, *last) = (connected, Some(now));
        }
        last.is_some_and(|last| now < last + AT_WORK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_takes_connections_with_a_full_queue_is_at_work() {
        let mut servers = Servers::default();
        let mut is_at_work =
            |connected, at| servers.is_at_work(80, connected, Duration::from_millis(at));
        assert!(!is_at_work(7, 0));
        assert!(is_at_work(8, 200));
        assert!(is_at_work(8, 2_100));
        assert!(!is_at_work(8, 2_200));
        assert!(is_at_work(9, 4_000));
    }
}
