// SPDX-License-Identifier: GPL-2.0-only
//! What a run remembers for its end.

use std::collections::VecDeque;

use crate::kernel::maps::sources::{self, Source};
use crate::note::Note;
use crate::policy::Policy;
use crate::show::model::{Attack, HonestRefused};
use crate::upkeep::Upkeep;
use crate::upkeep::floods::Past;

/// Changes and sources that are shown.
const SHOWN: usize = 5;

/// The last changes by somebody, or by the run.
#[derive(Debug, Default)]
pub struct Changes {
    last: VecDeque<String>,
    earlier: u64,
}

impl Changes {
    pub fn add(&mut self, note: &Note) {
        if let Note::Change { text } = note {
            self.last.push_back(text.clone());
            if self.last.len() > SHOWN {
                self.last.pop_front();
                self.earlier += 1;
            }
        }
    }
}

/// Sources that cannot be read are not told: the figures are worth more.
pub fn attack(upkeep: &Upkeep, changes: Changes) -> Attack {
    let policy = &upkeep.program.policy;
    let maps = &upkeep.program.maps;
    let Past { count, lasted, last } = upkeep.floods.all(&upkeep.program);
    let refused = sources::honest_and_refused(&maps.sources, &maps.refusals, policy, SHOWN);
    let refused = refused.unwrap_or_default();
    Attack {
        floods: count,
        lasted,
        flood_is_on: upkeep.flood().is_some(),
        last_flood: last,
        honest_refused: refused.iter().map(|source| honest_refused(source, policy)).collect(),
        changes: changes.last.into(),
        earlier_changes: changes.earlier,
    }
}

fn honest_refused(source: &Source<'_>, policy: &Policy) -> HonestRefused {
    let service = policy.services.iter().map(|(_, service)| service);
    let limits =
        policy.limits_of(service.into_iter().find(|each| Some(each.name.as_str()) == source.service));
    let burst = limits.connections.unwrap_or(limits.syns).burst;
    HonestRefused {
        source: source.name(),
        service: source.service.map(Into::into),
        dropped: source.dropped,
        connected: source.connected,
        burst_enough: burst + source.dropped,
    }
}
