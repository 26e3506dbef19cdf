// SPDX-License-Identifier: GPL-2.0-only
//! What happens at running instances now.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::running::Found;
use super::syns;
use crate::kernel::clock;
use crate::kernel::instance::Running;
use crate::kernel::maps::counters::Counters;
use crate::kernel::maps::ports;
use crate::kernel::maps::rates::{self, Bucket};
use crate::show::model::{Rates, SharedBucket};

/// Long enough for a meaningful rate, and short enough to wait.
const RATE_TIME: Duration = Duration::from_millis(200);

/// An instance at one moment.
pub struct Look {
    pub counters: Counters,
    pub rates: Rates,
}

/// At each instance, in their order.
pub fn look(instances: &[Found]) -> Result<Vec<Look>> {
    let counters = |found: &Found| {
        Ok((Counters::read(&found.running.counters, &found.running.reasons)?, Instant::now()))
    };
    let before: Vec<(Counters, Instant)> = instances.iter().map(counters).collect::<Result<_>>()?;
    thread::sleep(RATE_TIME);
    let now: Vec<(Counters, Instant)> = instances.iter().map(counters).collect::<Result<_>>()?;
    let look = |(before, now): ((Counters, Instant), (Counters, Instant))| Look {
        rates: Rates::between(syns(&before.0), syns(&now.0), now.1 - before.1),
        counters: now.0,
    };
    Ok(before.into_iter().zip(now).map(look).collect())
}

/// What all sources share.
pub struct Shared {
    /// For how long a flood has been on. None: there is none.
    pub flood: Option<Duration>,
    /// The rates that have a limit.
    pub rates_left: BTreeMap<&'static str, SharedBucket>,
}

pub fn shared(running: &Running) -> Result<Shared> {
    let rates = rates::Rates::read(&running.rates, &running.policy, clock::now_ns()?)?;
    let shown = |bucket: Bucket| SharedBucket {
        left: bucket.tokens,
        burst: bucket.burst,
        last_refusal: bucket.last_refusal,
        refusing: bucket.refusing,
    };
    let named = [
        ("pass_rate", rates.pass),
        ("unchallenged_rate", rates.unchallenged),
        ("unchallenged_rate_forwarded", rates.forwarded),
        ("challenge_rate", rates.challenges),
    ];
    let limited = named.into_iter().filter_map(|(name, bucket)| Some((name, shown(bucket?))));
    Ok(Shared { flood: rates.flood, rates_left: limited.collect() })
}

/// Ports that somebody listens on, and that cannot be challenged though they are meant to be.
pub fn unchallenged(running: &Running) -> Result<Vec<u16>> {
    let is_meant = |port: &u16| running.policy.challenges(*port);
    Ok(ports::unchallenged(&running.ports)?.into_iter().filter(is_meant).collect())
}
