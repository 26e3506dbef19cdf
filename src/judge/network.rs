// SPDX-License-Identifier: GPL-2.0-only
//! Whether a source has to wait for a token of its network, as in `bpf/networks.bpf.h`.

use super::case::Case;
use super::{Bucket, Entry, Reason, Step};
use crate::policy::networks::STEPS;

/// NETWORK_OLD_S of the program.
const OLD_S: u64 = 60;

/// A network of a source, while it is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitedNetwork {
    /// The word of its bucket: when it is full.
    pub full_at: u64,
    /// The same of those that connected before.
    pub old_full_at: u64,
    /// CLOCK_MONOTONIC ns.
    pub limited_since: u64,
}

/// Those of a source, in the order of the policy's steps. None: it is not limited.
pub type LimitedNetworks = [Option<LimitedNetwork>; STEPS.len()];

impl Case<'_> {
    pub(super) fn ask_networks(&mut self) -> Option<Reason> {
        let service = self.facts.policy.services.at(self.syn.port);
        let limits: Vec<_> = self.facts.policy.network_limits(self.syn.source, service).collect();
        for (step, network) in STEPS.iter().zip(self.facts.networks) {
            let limit = limits.iter().find(|(other, _)| other == step);
            let Some((network, &(_, limit))) = network.zip(limit) else { continue };
            let of_all = Bucket::new(network.full_at, limit, self.facts.now);
            let is_old = of_all.is_empty()
                && self.state.entry.is_some_and(|entry| entry.connected_before(&network));
            let of_old = Bucket::new(network.old_full_at, limit, self.facts.now);
            let bucket = if is_old { of_old } else { of_all };
            self.note(Step::Network { prefix: step.prefix_of(self.syn.source), limit, bucket, is_old });
            if bucket.is_empty() {
                return Some(Reason::DropNetworkLimit);
            }
        }
        None
    }
}

impl Entry {
    /// Whether it connected well before the network was limited.
    fn connected_before(&self, network: &LimitedNetwork) -> bool {
        let limited_since = network.limited_since / 1_000_000_000 + 1;
        self.first_connected != 0 && u64::from(self.first_connected) + OLD_S <= limited_since
    }
}
