// SPDX-License-Identifier: GPL-2.0-only
//! What a dry run advises: limits that the sources seen would never have met.

mod crowd;
mod text;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crowd::Crowd;

use super::units::seconds;
use crate::note::Counts;
use crate::policy::{
    ADVISED_RATES, Challenge, Limit, Need, Needs, Policy, Ports, Rate, Service, network_name,
};

/// So long is traffic to be looked at.
pub const ENOUGH: Duration = Duration::from_secs(600);

/// Shares of the sources, in hundredths of a per cent. The last is all of them.
const SHARES: [u64; 4] = [9_900, 9_990, 9_999, ALL];
const ALL: u64 = 10_000;

/// Half of the sources.
const MEDIAN: u64 = 5_000;

/// A source that needs so many times as much as those of the next lower share is an outlier: a bot's thousands of
/// connections are no measure for visitors.
const OUTLYING: u64 = 10;

/// With fewer, one share cannot be told from all of them, and one of them may be a flood.
const ENOUGH_SOURCES: u64 = 100;

/// What a browser alone opens at once, and a few more.
const LEAST_BURST: u64 = 10;

/// A burst is settled if the bucket could refill so often while traffic was looked at. What takes longer is still
/// growing: a source that never pauses needs more, the longer one looks.
const REFILLS: u64 = 4;

/// Sources that are named.
const MAX_NAMED: usize = 10;

/// What limits to set.
#[derive(Debug, PartialEq, Serialize)]
pub struct Advice {
    /// For how long connections were looked at.
    #[serde(rename = "elapsed_s", serialize_with = "seconds")]
    pub elapsed: Duration,
    pub forgotten_sources: u64,
    /// First the ports of no service. Only those with sources.
    pub services: Vec<OfService>,
    /// The command line to use. null: too little was seen.
    pub command: Option<String>,
    /// Why there is none, and what to do. null: there is one.
    pub why_no_command: Option<String>,
    /// What became of all SYNs, or would have without the dry run.
    #[serde(skip)]
    counts: Counts,
}

/// What the sources of one service would have needed.
#[derive(Debug, PartialEq, Serialize)]
pub struct OfService {
    /// null: ports of no service.
    pub service: Option<String>,
    pub ports: Ports,
    pub sources: u64,
    /// Slowest first.
    pub rates: Vec<OfRate>,
    /// null: too little was seen.
    pub advised: Option<Advised>,
    /// SYNs beyond the limit are dropped: none is challenged.
    pub is_unchallenged: bool,
    /// There are other services.
    #[serde(skip)]
    is_one_of_several: bool,
}

/// What burst goes with a rate.
#[derive(Debug, PartialEq, Serialize)]
pub struct OfRate {
    pub rate: Rate,
    /// Traffic was looked at for long enough for the burst that leaves out no more than outliers.
    pub is_settled: bool,
    pub bursts: Vec<OfShare>,
}

/// The least burst that a share of the sources would never have met.
#[derive(Debug, PartialEq, Serialize)]
pub struct OfShare {
    pub percent: f64,
    pub burst: u64,
    /// Those that would have met it.
    pub sources_above: u64,
}

/// The limit to use.
#[derive(Debug, PartialEq, Serialize)]
pub struct Advised {
    #[serde(flatten)]
    pub limit: Limit,
    /// Of the sources that would never have met it.
    pub percent: f64,
    pub sources_above: u64,
    /// At most ten of these, worst first.
    pub above: Vec<Above>,
    /// Those that may be limited as a whole, with most sources first. null: networks have no limits.
    pub crowded_networks: Option<Vec<Crowd>>,
}

/// A source that would have met the limit.
#[derive(Debug, PartialEq, Serialize)]
pub struct Above {
    pub source: String,
    /// What it would have needed.
    pub burst: u64,
}

impl Advice {
    /// `interfaces`: those of the command line to use.
    pub fn on(needs: &Needs, counts: Counts, policy: &Policy, interfaces: &[String]) -> Self {
        let mut of_services = BTreeMap::<usize, Vec<&Need>>::new();
        for need in &needs.sources {
            of_services.entry(need.service).or_default().push(need);
        }
        let advised: Vec<_> = of_services
            .into_iter()
            .map(|(number, needs_of)| (number, OfService::on(number, &needs_of, needs.elapsed, policy)))
            .collect();
        let is_any = advised.iter().any(|(_, of_service)| of_service.advised.is_some());
        let command = is_any.then(|| command(&advised, policy, interfaces));
        let services: Vec<_> = advised.into_iter().map(|(_, of_service)| of_service).collect();
        Self {
            elapsed: needs.elapsed,
            forgotten_sources: needs.forgotten,
            why_no_command: command.is_none().then(|| text::why_no_command(needs.elapsed, &services)),
            services,
            command,
            counts,
        }
    }
}

impl OfService {
    /// `needs`: at least one.
    fn on(number: usize, needs: &[&Need], elapsed: Duration, policy: &Policy) -> Self {
        let service = policy.services.get(number);
        let ports = service.map_or(&policy.ports, |service| &service.ports);
        let is_challenged = service.is_none_or(|service| service.challenge);
        let shares = supported(needs.len() as u64);
        let rates: Vec<_> =
            (0..ADVISED_RATES.len()).map(|at| OfRate::on(at, needs, &shares, elapsed)).collect();
        let at = rates.iter().position(|rate| rate.is_settled).unwrap_or(rates.len() - 1);
        let is_enough = elapsed >= ENOUGH && needs.len() as u64 >= ENOUGH_SOURCES;
        Self {
            service: service.map(|service| service.name.clone()),
            ports: ports.clone(),
            sources: needs.len() as u64,
            advised: is_enough.then(|| Advised::on(at, needs, &shares, policy)),
            rates,
            is_unchallenged: policy.challenge == Challenge::Off || !is_challenged,
            is_one_of_several: !policy.services.is_empty(),
        }
    }
}

impl OfRate {
    fn on(at: usize, needs: &[&Need], shares: &[u64], elapsed: Duration) -> Self {
        let rate = ADVISED_RATES[at];
        let mut bursts: Vec<u64> = needs.iter().map(|need| need.bursts[at]).collect();
        bursts.sort_unstable();
        let refill = u128::from(rate.interval_ns) * u128::from(usual(&bursts, shares));
        let of_share = |&share: &u64| {
            let burst = covering(&bursts, share);
            let sources_above = bursts.iter().rev().take_while(|&&other| other > burst).count() as u64;
            OfShare { percent: percent(share), burst, sources_above }
        };
        Self {
            rate,
            is_settled: refill * u128::from(REFILLS) <= elapsed.as_nanos(),
            bursts: shares.iter().map(of_share).collect(),
        }
    }
}

impl Advised {
    fn on(at: usize, needs: &[&Need], shares: &[u64], policy: &Policy) -> Self {
        let mut worst: Vec<_> = needs.iter().map(|need| (need.bursts[at], need.network)).collect();
        worst.sort_unstable_by_key(|&(burst, network)| (Reverse(burst), network));
        let bursts: Vec<u64> = worst.iter().rev().map(|&(burst, _)| burst).collect();
        let burst = usual(&bursts, shares).max(LEAST_BURST);
        worst.retain(|&(other, _)| other > burst);
        let above = |&(burst, network): &(u64, _)| Above { source: network_name(&network), burst };
        let (all, sources_above) = (needs.len() as u64, worst.len() as u64);
        Self {
            limit: Limit { burst, rate: ADVISED_RATES[at] },
            percent: percent((all - sources_above) * ALL / all),
            sources_above,
            above: worst.iter().take(MAX_NAMED).map(above).collect(),
            crowded_networks: crowd::of(needs, policy),
        }
    }
}

/// The least of these bursts, in their order, that leaves out no more than the last share of the sources does, and
/// outliers: from half of the sources on, share by share.
fn usual(sorted: &[u64], shares: &[u64]) -> u64 {
    let mut burst = covering(sorted, MEDIAN);
    for &share in shares.iter().filter(|&&share| share < ALL || shares.len() == 1) {
        let next = covering(sorted, share);
        let most = burst.saturating_mul(OUTLYING);
        if next > most {
            return sorted.iter().copied().rfind(|&other| other <= most).unwrap_or(burst);
        }
        burst = next;
    }
    burst
}

/// The shares that so many sources tell apart from all: at least one of them is above.
fn supported(sources: u64) -> Vec<u64> {
    let is_told_apart = |share: &u64| *share == ALL || sources * (ALL - share) >= ALL;
    SHARES.into_iter().filter(is_told_apart).collect()
}

/// The least of these bursts, in their order, that covers a share of them.
fn covering(sorted: &[u64], share: u64) -> u64 {
    let covered = (sorted.len() as u64 * share).div_ceil(ALL) as usize;
    sorted.get(covered.saturating_sub(1)).copied().unwrap_or_default()
}

fn percent(share: u64) -> f64 {
    share as f64 / 100.0
}

/// Where too little was seen the limit stays as it is.
fn command(advised: &[(usize, OfService)], policy: &Policy, interfaces: &[String]) -> String {
    let limit_of = |wanted: usize| {
        let found = advised.iter().find(|(number, _)| *number == wanted);
        found.and_then(|(_, of_service)| of_service.advised.as_ref()).map(|advised| advised.limit)
    };
    let mut words = vec!["synflood-xdp".into()];
    words.extend(interfaces.iter().map(|name| format!("--iface {name}")));
    if let Some(Limit { burst, rate }) = limit_of(0).or(policy.connection_limit) {
        words.push(format!("--burst {burst} --rate {rate}"));
    }
    for (number, service) in policy.services.iter() {
        let limit = limit_of(number).or(service.limit);
        words.push(format!("--service {}", Service { limit, ..service.clone() }));
    }
    words.join(" ")
}

#[cfg(test)]
mod tests;
