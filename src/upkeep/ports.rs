// SPDX-License-Identifier: GPL-2.0-only
//! Tells the program on which ports this host listens, and which of them may not be challenged.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use anyhow::Result;

use super::Watched;
use crate::firewall::{self, Verdicts};
use crate::kernel::maps::Maps;
use crate::kernel::maps::connections::{self, OfPort};
use crate::kernel::maps::ports::{self, Listening, Port, Tables};
use crate::kernel::netlink::{self, Family, Listener};
use crate::kernel::program::Program;
use crate::note::Note;
use crate::policy::{Challenge, Cookies, Policy};

const UNCHALLENGED: Port = Port {
    max_mss: 0,
    listens: false,
    listens_here: false,
    is_unchallenged: true,
    takes_kernel_cookies: false,
};

/// Connections of a port that were begun by cookie and never stood, from which on it is said.
const WORTH_A_NOTE: u64 = 20;

/// They are at least one of so many: a client that gave up waiting leaves one too.
const PART_WORTH_A_NOTE: u64 = 10;

/// This host's ports, as the program knows them.
pub struct Ports {
    tables: Tables,
    /// By the rules of the host's firewall. None: they are not known yet.
    verdicts: Option<Arc<Verdicts>>,
    /// Ports that are not challenged, and why.
    unchallenged: BTreeMap<u16, String>,
    /// The same, as it was said last.
    told: BTreeMap<u16, String>,
    /// A listener takes the kernel's cookies only.
    has_mptcp: bool,
    /// Ports whose redeemed connections are known not to stand.
    said: BTreeSet<u16>,
    reading: Watched,
    telling: Watched,
    counting: Watched,
}

impl Default for Ports {
    fn default() -> Self {
        Self {
            tables: Tables::default(),
            verdicts: None,
            unchallenged: BTreeMap::new(),
            told: BTreeMap::new(),
            has_mptcp: false,
            said: BTreeSet::new(),
            reading: Watched::new("the look at the listening ports"),
            telling: Watched::new("telling the program the listening ports"),
            counting: Watched::new("the look at the connections of the ports"),
        }
    }
}

impl Ports {
    /// Goes on with tables that another process has kept so far.
    pub fn take_over(&mut self, maps: &Maps) -> Result<()> {
        self.tables.take_over(maps)
    }

    /// Ports that are not challenged, and why.
    pub fn unchallenged(&self) -> &BTreeMap<u16, String> {
        &self.unchallenged
    }

    /// Whether the rules of the host's firewall were ever told.
    pub fn knows_rules(&self) -> bool {
        self.verdicts.is_some()
    }

    /// What the rules of the host's firewall allow, from the next look on.
    pub fn know_rules(&mut self, verdicts: Arc<Verdicts>) {
        self.verdicts = Some(verdicts);
    }

    /// Whether challenges are with cookies of the kernel's, at least of some ports.
    pub fn need_kernel_cookies(&self, policy: &Policy) -> bool {
        policy.challenge != Challenge::Off
            && !policy.dry_run
            && (policy.cookies == Cookies::Kernel || self.has_mptcp)
    }

    /// `devices`: the interfaces, by index, on which packets reach IP. What cannot be read is taken to listen
    /// everywhere: the answer to a challenge meets a listener, or fails there.
    pub fn tick(&mut self, program: &Program, devices: &BTreeSet<u32>) -> Vec<Note> {
        let looked = netlink::listeners().and_then(|listeners| self.look(program, &listeners, devices));
        let (found, unread) = self.reading.check(looked);
        let (ports, single) = found.unwrap_or_else(|| {
            let mut unknown = ports::Ports::unknown();
            self.forbid(&mut unknown);
            (unknown, BTreeSet::new())
        });
        let (_, untold) = self.telling.check(self.tables.tell(&program.maps, ports, &single));
        let counted = connections::by_port(&program.maps.bss_connected);
        let (counts, uncounted) = self.counting.check(counted);
        let lost = counts.map(|counts| self.lost(&counts)).unwrap_or_default();
        let changes = changes(&self.told, &self.unchallenged);
        self.told.clone_from(&self.unchallenged);
        [unread, untold, uncounted].into_iter().flatten().chain(changes).chain(lost).collect()
    }

    fn look(
        &mut self,
        program: &Program,
        listeners: &[Listener],
        devices: &BTreeSet<u32>,
    ) -> Result<(ports::Ports, BTreeSet<(IpAddr, u16)>)> {
        let mut found = ports::Ports::default();
        let (mut single, mut inspected) = (BTreeSet::new(), HashMap::new());
        self.unchallenged.clear();
        self.has_mptcp = false;
        let policy = &program.policy;
        self.forbid(&mut found);
        for listener in listeners {
            let address = listener.address.to_canonical();
            let is_here = listener.interface == 0 || devices.contains(&listener.interface);
            if !is_here || address.is_loopback() {
                continue;
            }
            // The table has all, so that it is right whatever the policy becomes.
            let is_meant = policy.challenges(listener.port);
            // Thousands of sockets may share a port.
            let asked = match inspected.entry((address, listener.port)) {
                Entry::Occupied(asked) => *asked.get(),
                Entry::Vacant(new) => *new.insert(ports::inspect(program, address, listener.port)?),
            };
            let about = Self::about(listener, address, asked);
            if about.listens_here {
                single.insert((address, listener.port));
            }
            for is_ipv6 in families(listener, address) {
                if let Some(why) = self.forbidden(listener.port, is_ipv6).filter(|_| is_meant) {
                    self.unchallenged.insert(listener.port, why);
                }
                found.add(is_ipv6, listener.port, about);
            }
            if is_meant && about.is_unchallenged {
                self.unchallenged
                    .insert(listener.port, "its listener has keys for signed segments".into());
            }
            self.has_mptcp |= is_meant && about.takes_kernel_cookies;
        }
        Ok((found, single))
    }

    /// Ports that the rules redirect have no listener of their own, so all are marked.
    fn forbid(&self, found: &mut ports::Ports) {
        let Some(verdicts) = &self.verdicts else {
            return found.add_to_all(UNCHALLENGED);
        };
        for (is_ipv6, family) in [(false, firewall::Family::V4), (true, firewall::Family::V6)] {
            for (range, _) in verdicts.obstacles(family) {
                range.clone().for_each(|port| found.add(is_ipv6, port, UNCHALLENGED));
            }
        }
    }

    /// Why the rules forbid to challenge a port.
    fn forbidden(&self, port: u16, is_ipv6: bool) -> Option<String> {
        let Some(verdicts) = &self.verdicts else {
            return Some("the firewall's rules are not read yet".into());
        };
        let family = if is_ipv6 { firewall::Family::V6 } else { firewall::Family::V4 };
        verdicts.challengeable(port, family).err().map(|reason| reason.to_string())
    }

    fn about(listener: &Listener, address: IpAddr, found: Option<Listening>) -> Port {
        let has_keys = found.is_some_and(|found| found.has_keys);
        let is_mptcp = listener.is_mptcp || found.is_some_and(|found| found.is_mptcp);
        Port {
            max_mss: found.map_or(0, |found| found.max_mss),
            listens: address.is_unspecified(),
            listens_here: !address.is_unspecified(),
            is_unchallenged: has_keys,
            takes_kernel_cookies: is_mptcp,
        }
    }

    /// A note for each port where connections that were begun by cookie did not come to stand.
    fn lost(&mut self, counts: &BTreeMap<u16, OfPort>) -> Vec<Note> {
        let is_lost = |of: &OfPort| {
            let lost = of.redeemed.saturating_sub(of.connected);
            lost >= WORTH_A_NOTE && lost >= of.redeemed / PART_WORTH_A_NOTE
        };
        let new: Vec<_> = counts
            .iter()
            .filter(|(port, of)| is_lost(of) && !self.said.contains(port))
            .map(|(&port, &of)| (port, of))
            .collect();
        // What cannot be read is not known to be full.
        let queues = if new.is_empty() { Vec::new() } else { netlink::queues().unwrap_or_default() };
        let full = |port| queues.iter().find(|queue| queue.port == port && queue.length > queue.limit);
        let note = |(port, of): (u16, OfPort)| {
            self.said.insert(port);
            Note::warning(match full(port) {
                Some(queue) => format!(
                    "the server of port {port} does not accept connections: {} wait, and the kernel refuses more than \
                     {}; until it does nobody gets in, so look at the server",
                    queue.length, queue.limit
                ),
                None => lost(port, of),
            })
        };
        new.into_iter().map(note).collect()
    }
}

fn lost(port: u16, OfPort { redeemed, connected }: OfPort) -> String {
    format!(
        "of {redeemed} connections to port {port} that were begun by SYN cookie, at least {} did not come to stand: \
         does a rule of the firewall refuse connections that begin with an ACK, or does the server not accept them \
         fast enough? If it is the rule, --service NAME={port},challenge=off leaves the port out",
        redeemed - connected
    )
}

/// Ports in a note, before it says how many more there are.
const MAX_PORTS: usize = 8;

/// A note for each reason that ports are not challenged from now on, and one for those that are again.
fn changes(before: &BTreeMap<u16, String>, now: &BTreeMap<u16, String>) -> Vec<Note> {
    let mut by_reason: BTreeMap<&str, Vec<u16>> = BTreeMap::new();
    for (&port, why) in now.iter().filter(|(port, why)| before.get(port) != Some(why)) {
        by_reason.entry(why).or_default().push(port);
    }
    let over: Vec<u16> = before.keys().filter(|port| !now.contains_key(port)).copied().collect();
    let begun = by_reason.into_iter().map(|(why, ports)| {
        let text = format!(
            "{} not challenged, as {why}: in a flood SYNs there pass at --unchallenged-rate",
            ports_are(&ports)
        );
        Note::info(text)
    });
    let over = (!over.is_empty())
        .then(|| Note::info(format!("{} challenged again, or nobody listens there", ports_are(&over))));
    begun.chain(over).collect()
}

/// "port 80 is", "ports 22, 80 and 3 more are"
fn ports_are(ports: &[u16]) -> String {
    let named: Vec<_> = ports.iter().take(MAX_PORTS).map(u16::to_string).collect();
    match (ports.len(), named.len()) {
        (1, _) => format!("port {} is", named.join(", ")),
        (all, some) if all > some => format!("ports {} and {} more are", named.join(", "), all - some),
        _ => format!("ports {} are", named.join(", ")),
    }
}

/// Whether IPv6, for each family whose SYNs a listener gets.
fn families(listener: &Listener, address: IpAddr) -> Vec<bool> {
    match (listener.family, address) {
        (_, IpAddr::V4(_)) => vec![false],
        (Family::V6, _) if address.is_unspecified() && !listener.v6_only => vec![false, true],
        _ => vec![true],
    }
}
