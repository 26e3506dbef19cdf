// SPDX-License-Identifier: GPL-2.0-only
//! `status`: how running instances are.

use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};

use super::present::{self, Bounded, Look, Shared};
use super::running::{self, Found};
use super::{print, rule};
use crate::advice::preflight;
use crate::cli::Show;
use crate::kernel::clock;
use crate::kernel::instance::Running;
use crate::kernel::maps::answered;
use crate::kernel::maps::lists::totals::{Totals, totals};
use crate::show;
use crate::show::status::{Fault, Networks, OfInstance, Statuses};

/// The status for a monitor: of all instances, the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Fine,
    /// The interfaces are protected, but somebody should look.
    Fault,
}

pub fn show(words: &Show) -> Result<Verdict> {
    preflight::check_can_look("status")?;
    let instances = running::find(&words.iface, "status")?;
    let looks = present::look(&instances)?;
    let read = |(found, look)| read(found, look);
    let statuses =
        Statuses { instances: instances.into_iter().zip(looks).map(read).collect::<Result<_>>()? };
    print(&statuses, words.json, |out, statuses| show::status::write(out, statuses))
        .context("cannot write the status")?;
    let is_fine = statuses.instances.iter().all(|of| of.fault.is_none() && of.pid.is_some());
    Ok(if is_fine { Verdict::Fine } else { Verdict::Fault })
}

fn read(found: Found, look: Look) -> Result<OfInstance> {
    let Found { program_id, interfaces, running } = found;
    let info = running.info.as_ref();
    let Shared { flood, rates_left } = present::shared(&running.rates, &running.policy)?;
    // A process that has gone cannot say that it is over.
    let told = info.filter(|_| running.pid.is_some()).and_then(|info| info.flood_lasts());
    Ok(OfInstance {
        program_id,
        interfaces,
        pid: running.pid,
        version: info.map(|info| info.version.clone()),
        since: running.age,
        process_since: info.map(|info| age(info.started)),
        rates: look.rates,
        flood: flood.max(told),
        flood_of: info
            .filter(|_| told.is_some())
            .map(|info| info.flood_of.clone())
            .filter(|of| !of.is_empty()),
        rates_left,
        unchallenged: present::unchallenged(&running)?,
        tables: present::fill(Bounded::from(&*running))?,
        networks: networks(&running)?,
        limited_networks: present::limited_networks(&running)?,
        learner: info
            .filter(|_| running.pid.is_some())
            .map(|info| info.learner.clone())
            .filter(|learner| !learner.is_empty()),
        honest_syns: answered::read(&*running)?.len(),
        rules: rule::all(&*running)?,
        reloaded: info.and_then(|info| info.reloaded).map(age),
        fault: info
            .and_then(|info| info.fault.as_ref())
            .map(|fault| Fault { since: age(fault.since), text: fault.text.clone() }),
        policy: running.policy,
    })
}

fn age(time: SystemTime) -> Duration {
    SystemTime::now().duration_since(time).unwrap_or_default()
}

fn networks(running: &Running) -> Result<Networks> {
    let Totals { live, run } = totals(running.lists(), clock::now_ns()?)?;
    Ok(Networks {
        allowed: live.allowed.networks + run.allowed.networks,
        denied: live.denied.networks + run.denied.networks,
        live: live.allowed.networks + live.denied.networks,
    })
}
