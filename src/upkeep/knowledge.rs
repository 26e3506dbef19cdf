// SPDX-License-Identifier: GPL-2.0-only
//! What the program must know of this host: addresses, routes, listeners, and the rules of its firewall.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result};

use super::{Firewall, Host, Ports};
use crate::kernel::interface::Interface;
use crate::kernel::maps::Maps;
use crate::kernel::program::Program;
use crate::note::Note;
use crate::policy::{Challenge, Policy};

/// For the first look at the firewall's rules. Until they are known no port is challenged.
const PATIENCE: Duration = Duration::from_secs(1);

/// Keeps the program's tables of this host up to date.
#[derive(Default)]
pub struct Knowledge {
    pub host: Host,
    pub ports: Ports,
    /// None: nobody is challenged.
    firewall: Option<Firewall>,
    /// The interfaces, by name, whose rules the firewall is asked for.
    interfaces: Vec<String>,
}

impl Knowledge {
    /// From now on these interfaces are protected. Begins to look at the firewall, where the policy needs it, and
    /// stops where not. The look takes its time; nobody waits for it. Fails if there can be no further thread.
    pub fn protect(&mut self, policy: &Policy, interfaces: &[Interface]) -> Result<()> {
        self.host.protect(interfaces.iter().map(|each| each.index).collect());
        let names: Vec<_> = interfaces.iter().map(|each| each.name.clone()).collect();
        if policy.challenge == Challenge::Off {
            self.firewall = None;
        } else if self.firewall.is_none() || self.interfaces != names {
            let firewall = Firewall::start(names.clone());
            self.firewall = Some(firewall.context("cannot look at the firewall's rules beside")?);
        }
        self.interfaces = names;
        Ok(())
    }

    /// Waits a moment for the first look at the firewall, if there was none yet.
    pub fn wait_for_firewall(&mut self) {
        if self.ports.knows_rules() {
            return;
        }
        if let Some(verdicts) = self.firewall.as_mut().and_then(|firewall| firewall.first(PATIENCE)) {
            self.ports.know_rules(verdicts);
        }
    }

    /// Goes on with tables that another process has kept so far.
    pub fn take_over(&mut self, maps: &Maps) -> Result<()> {
        self.host.take_over(maps)?;
        self.ports.take_over(maps)
    }

    /// Tells the program what there is to know now. Call it before the first frame, and whenever addresses or
    /// routes may have changed.
    pub fn tell(&mut self, program: &Program, may_have_changed: bool) -> Vec<Note> {
        // By a process that was to take over, and has not.
        let is_overwritten = self.host.is_overwritten(&program.maps);
        let outcome = if is_overwritten { self.take_over(&program.maps) } else { Ok(()) };
        let reread = outcome.err().map(|error| Note::warning(format!("{error:#}")));
        let host = self.host.tick(program, may_have_changed);
        let firewall = self.ask_firewall(may_have_changed);
        let ports = self.ports.tick(program, self.host.devices());
        [host, firewall, ports].concat().into_iter().chain(reread).collect()
    }

    /// The interfaces, by index, on which packets reach IP that came in by a protected one.
    pub fn devices(&self) -> &BTreeSet<u32> {
        self.host.devices()
    }

    fn ask_firewall(&mut self, may_have_changed: bool) -> Vec<Note> {
        let Some(firewall) = &mut self.firewall else { return Vec::new() };
        if may_have_changed {
            firewall.poke();
        }
        if let Some(verdicts) = firewall.latest() {
            self.ports.know_rules(verdicts);
        }
        firewall.notes()
    }
}
