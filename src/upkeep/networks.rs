// SPDX-License-Identifier: GPL-2.0-only
//! Tells which networks begin and end to be limited. They relax by themselves; when none is limited any more, SYNs are
//! spared the question.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Result;
use ipnet::IpNet;

use super::Watched;
use crate::kernel::maps::networks::{self, Network};
use crate::kernel::program::Program;
use crate::note::{Event, NetworkLimited, NetworkRelaxed, Note, seconds};
use crate::policy::{self, network_name};

/// Networks that are told in a second; the others in later ones.
const MAX_TOLD: usize = 20;

pub struct Networks {
    /// Of those that were told, by network and service.
    told: BTreeMap<(IpNet, u32), Told>,
    watching: Watched,
}

struct Told {
    since: Instant,
    /// As it was last seen.
    last: Network,
}

impl Default for Networks {
    fn default() -> Self {
        Self { told: BTreeMap::new(), watching: Watched::new("the look at networks") }
    }
}

impl Networks {
    /// Call it once a second.
    pub fn tick(&mut self, program: &Program) -> Vec<Note> {
        let looked = self.look(program);
        let (events, failure) = self.watching.check(looked);
        events.unwrap_or_default().into_iter().map(Note::Event).chain(failure).collect()
    }

    fn look(&mut self, program: &Program) -> Result<Vec<Event>> {
        let maps = &program.maps;
        let limited = networks::limited(&maps.data_networks, &maps.networks, &program.policy)?;
        // Without limits for networks none is limited, but one may be again as soon as there are.
        let is_on = program.policy.networks == policy::Networks::On;
        if is_on && limited.is_empty() && networks::may_be_limited(&maps.data_networks)? {
            networks::ask_no_more(&maps.data_networks)?;
        }
        Ok(self.changes(limited))
    }

    /// The ends, the narrowest first, before the beginnings.
    fn changes(&mut self, limited: Vec<Network>) -> Vec<Event> {
        let mut limited: BTreeMap<_, _> = limited.into_iter().map(|of| (key(&of), of)).collect();
        let mut ended = Vec::new();
        self.told.retain(|key, told| match limited.remove(key) {
            Some(now) => {
                told.last = now;
                true
            }
            None => {
                ended.push((told.last.step, relaxed(told)));
                false
            }
        });
        ended.sort_by_key(|(step, _)| *step);
        let mut begun: Vec<_> = limited.into_values().collect();
        begun.sort_by_key(|network| network.step);
        begun.truncate(MAX_TOLD);
        let mut events: Vec<_> = ended.into_iter().map(|(_, event)| event).collect();
        for network in begun {
            events.push(Event::NetworkLimited(NetworkLimited {
                network: network_name(&network.network),
                service: network.service.clone(),
                step: network.step,
                connected: network.connected,
            }));
            let since = Instant::now().checked_sub(network.limited_for.unwrap_or(Duration::ZERO));
            let since = since.unwrap_or_else(Instant::now);
            self.told.insert(key(&network), Told { since, last: network });
        }
        events
    }
}

fn key(network: &Network) -> (IpNet, u32) {
    (network.network, network.service_number)
}

fn relaxed(told: &Told) -> Event {
    Event::NetworkRelaxed(NetworkRelaxed {
        network: network_name(&told.last.network),
        service: told.last.service.clone(),
        limited_s: seconds(told.since.elapsed()),
        refused: told.last.refused,
    })
}
