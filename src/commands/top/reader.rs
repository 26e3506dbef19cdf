// SPDX-License-Identifier: GPL-2.0-only
//! Reads an instance for its model.

use std::time::{Duration, Instant};

use anyhow::Result;
use chrono::Local;
use libbpf_rs::MapCore;

use crate::commands::running::{self, Found};
use crate::commands::{present, rule as rules};
use crate::kernel::clock;
use crate::kernel::instance;
use crate::kernel::interface::Interface;
use crate::kernel::maps::counters::Counters;
use crate::kernel::maps::lists::deciding::deciding;
use crate::kernel::maps::lists::{Entry, live};
use crate::kernel::maps::run_info::RunInfo;
use crate::kernel::maps::{connections, sources};
use crate::policy::ListedBy;
use crate::show::lists;
use crate::show::top::model::{Model, Second};
use crate::show::top::rank::{Ranked, Who};
use crate::show::top::sources::{Key, ListedNetwork, Seen, Sources, Totals};
use crate::show::top::syns::Syns;
use crate::show::units::age;

/// Between two readings of the table of sources.
const TABLE_EVERY: Duration = Duration::from_secs(3);

/// The first two are as far apart, so that there is soon something to see.
const FIRST_TABLE: Duration = Duration::from_secs(1);

/// A larger table is read so seldom that this takes no more than this part of a CPU.
const PART: u32 = 25;

/// An instance, wherever its program goes: a reload and a process that takes over put another one in its place.
pub struct Reader {
    pub model: Model,
    interface: String,
    found: Found,
    sources: Sources,
    next_table: Instant,
    /// What the model began with.
    counters: Option<u32>,
    has_process: bool,
}

impl Reader {
    /// `found` is on one interface at least.
    pub fn new(found: Found) -> Self {
        Self {
            model: Model::new(found.interfaces.clone(), found.running.policy.clone()),
            interface: found.interfaces.first().map(|each| each.name.clone()).unwrap_or_default(),
            counters: number_of(&found),
            found,
            sources: Sources::default(),
            next_table: Instant::now(),
            has_process: true,
        }
    }

    /// The counters, and from time to time the table of sources. Whether that was read.
    pub fn read(&mut self) -> Result<bool> {
        if !self.follow()? {
            return Ok(false);
        }
        let is_due = Instant::now() >= self.next_table;
        if is_due {
            self.read_table()?;
        }
        let second = self.second()?;
        self.model.see(second);
        Ok(is_due)
    }

    /// The same, and the table though it is not due.
    pub fn read_all(&mut self) -> Result<()> {
        self.next_table = Instant::now();
        self.read().map(drop)
    }

    /// Goes to the program that is on the interface now. False: there is none that can be read.
    fn follow(&mut self) -> Result<bool> {
        let interface = Interface::by_name(&self.interface);
        let number = interface.as_ref().ok().and_then(instance::program_on);
        if number == Some(self.found.program_id) {
            self.model.gone = None;
            return Ok(true);
        }
        let found = interface.and_then(|interface| running::on(&interface));
        match found {
            Ok(Some(found)) => self.change_to(found),
            Ok(None) => {
                let name = &self.interface;
                self.model.gone.get_or_insert(format!(
                    "{name} is NOT PROTECTED since {}: waiting for the next instance",
                    Local::now().format("%H:%M:%S")
                ));
            }
            Err(error) => self.model.gone = Some(format!("{error:#}: waiting")),
        }
        Ok(self.model.gone.is_none())
    }

    fn change_to(&mut self, found: Found) {
        if number_of(&found) == self.counters {
            self.model.interfaces = found.interfaces.clone();
            self.model.policy = found.running.policy.clone();
            self.model.gone = None;
            self.found = found;
        } else {
            *self = Self { interface: self.interface.clone(), ..Self::new(found) };
        }
    }

    fn second(&self) -> Result<Second> {
        let running = &self.found.running;
        let info = RunInfo::read(&running.run_info)?;
        let counters = Counters::read(&running.counters, &running.reasons)?;
        let now = clock::now_ns()?;
        let shared = present::shared(&running.rates, &running.policy)?;
        let told = info.as_ref().filter(|_| self.has_process).and_then(RunInfo::flood_lasts);
        let ports = connections::by_port(&running.connections)?;
        Ok(Second {
            at: Duration::from_nanos(now),
            clock: Local::now().format("%H:%M:%S").to_string(),
            counts: counters.counts(),
            since: match &info {
                Some(info) => info.age()?,
                None => running.age,
            },
            reasons: counters.reasons,
            flood: shared.flood.max(told),
            flood_of: info
                .as_ref()
                .filter(|_| told.is_some())
                .map(|info| info.flood_of.clone())
                .unwrap_or_default(),
            fault: info.and_then(|info| info.fault).map(|fault| fault.text),
            has_process: self.has_process,
            queues: present::queues(&running.policy)?,
            ports: ports.into_iter().map(|(port, of)| (port, of.connected)).collect(),
            unchallenged: present::unchallenged(running)?,
            rules: rules::all(&**running)?,
            networks: present::limited_networks(running)?,
        })
    }

    fn read_table(&mut self) -> Result<()> {
        let (begun, before) = (Instant::now(), clock::of_this_thread()?);
        let running = &self.found.running;
        let info = RunInfo::read(&running.run_info)?;
        self.has_process = info.is_some_and(|info| instance::holds(info.pid, self.found.program_id));
        let at = Duration::from_nanos(clock::now_ns()?);
        let totals = totals(&Counters::read(&running.counters, &running.reasons)?);
        let tracker = &mut self.sources;
        self.model.table.take().into_iter().for_each(|table| tracker.reuse(table));
        sources::for_each(&running.sources, &running.refusals, &running.policy, |source| {
            tracker.see(Seen {
                key: Key::new(source.address, source.service_number),
                all: Syns {
                    passed: source.passed,
                    challenged: source.challenged,
                    dropped: source.dropped,
                    connected: source.connected,
                },
                has_no_token: source.has_no_connection(),
            });
        })?;
        let networks = self.networks(clock::now_ns()?)?;
        let table = self.sources.finish(at, totals, &networks);
        let every = if table.is_some() { TABLE_EVERY } else { FIRST_TABLE };
        self.next_table = begun + every.max((clock::of_this_thread()? - before) * PART);
        self.model.table = table;
        Ok(())
    }

    /// What the commands list. What options and files list may be millions.
    fn networks(&self, now: u64) -> Result<Vec<ListedNetwork>> {
        let mut entries = live::read(self.found.running.lists())?;
        entries.retain(|entry| !entry.is_over(now));
        let shown = |entry: live::Entry| ListedNetwork {
            network: entry.network,
            listed: entry.listed,
            syns: entry.syns,
            rule: rule(&entry.counting(now)),
        };
        Ok(entries.into_iter().map(shown).collect())
    }

    /// Asks the lists about the sources that are shown.
    pub fn look_up(&self, ranked: &mut Ranked) -> Result<()> {
        let now = clock::now_ns()?;
        let running = &self.found.running;
        for row in ranked.rows.iter_mut().filter(|row| matches!(row.who, Who::Source(_))) {
            if let Some(network) = row.who.network(&running.policy) {
                row.rule = deciding(running.lists(), &network, now)?.as_ref().map(rule);
            }
        }
        Ok(())
    }
}

/// The kernel's number of the counters: they go on over a reload, and over a process that takes over.
fn number_of(found: &Found) -> Option<u32> {
    found.running.counters.info().ok().map(|info| info.info.id)
}

/// What is in the totals, but no source's in the table.
fn totals(counters: &Counters) -> Totals {
    let of = |reason: &str| counters.reasons.get(reason).copied().unwrap_or_default();
    Totals {
        syns: counters.counts().into(),
        exempt: of("pass_allowed") + of("pass_unprotected_port"),
        denied: of("drop_denied"),
    }
}

/// "denied for 59m by command: top", "allowed by /etc/synflood-xdp/office:12"
fn rule(entry: &Entry) -> String {
    let verdict = entry.listed;
    let time = entry.left.map_or(String::new(), |left| format!(" for {}", age(left)));
    let note = if entry.note.is_empty() { String::new() } else { format!(": {}", entry.note) };
    match &entry.origin {
        ListedBy::Live => format!("{verdict}{time} by command{note}"),
        origin => format!("{verdict} by {}", lists::origin(origin)),
    }
}
