// SPDX-License-Identifier: GPL-2.0-only
//! The tasks of a run once per second. Nothing here prints or ends a run: a finding becomes a [`Note`],
//! and a failed task is tried again.

pub mod filter;
pub mod firewall;
pub mod host;
pub mod links;
pub mod ports;
pub mod rates;
pub mod redeemers;
pub mod routes;
pub mod sysctls;

use anyhow::Result;

use crate::kernel::program::Program;
use crate::note::Note;

pub use filter::Filter;
pub use firewall::Firewall;
pub use host::Host;
pub use links::Links;
pub use ports::Ports;
pub use rates::Rates;
pub use redeemers::Redeemers;
pub use sysctls::Sysctls;

/// Everything that a run looks after.
pub struct Upkeep {
    pub program: Program,
    pub host: Host,
    pub ports: Ports,
    /// None: nobody is challenged.
    pub firewall: Option<Firewall>,
    pub redeemers: Redeemers,
    pub filter: Filter,
    pub rates: Rates,
    /// None: the kernel's settings are left alone.
    pub sysctls: Option<Sysctls>,
    pub links: Links,
}

impl Upkeep {
    /// Call it once per second.
    pub fn tick(&mut self) -> Vec<Note> {
        let host = self.look_at_host(false);
        let rates = self.rates.tick(&self.program);
        let refuses =
            self.rates.flood().is_some() && self.ports.need_kernel_cookies(&self.program.policy);
        let mut told = Vec::new();
        if refuses && self.sysctls.as_ref().is_some_and(Sysctls::is_idle) {
            // Before the kernel makes a cookie for each SYN that passes.
            told = self.host.expect_kernel_cookies(&self.program);
        }
        let sysctls = self.sysctls.as_mut().map(|sysctls| sysctls.tick(refuses)).unwrap_or_default();
        let filter = self.filter.tick(&self.program);
        [host, rates, told, sysctls, filter, self.links.tick()].concat()
    }

    /// Tells the program what it must know of this host. Call it before the first frame, and whenever addresses
    /// or routes may have changed.
    pub fn look_at_host(&mut self, may_have_changed: bool) -> Vec<Note> {
        let host = self.host.tick(&self.program, may_have_changed);
        let firewall = self.look_at_firewall(may_have_changed);
        let devices = self.host.devices();
        let ports = self.ports.tick(&self.program, devices);
        let redeemers = self.redeemers.tick(&self.program, devices);
        [host, firewall, ports, redeemers].concat()
    }

    fn look_at_firewall(&mut self, may_have_changed: bool) -> Vec<Note> {
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

/// A task that may fail again and again. There is a note when a failure begins, when it changes, and
/// when it is over.
#[derive(Debug)]
pub struct Watched {
    what: &'static str,
    failing: Option<String>,
}

impl Watched {
    /// `what` names the action in notes, like "the look at the counters".
    pub fn new(what: &'static str) -> Self {
        Self { what, failing: None }
    }

    /// Takes an outcome apart: its value, and the note that it calls for.
    pub fn check<T>(&mut self, outcome: Result<T>) -> (Option<T>, Option<Note>) {
        match outcome {
            Ok(value) => {
                let is_over = self.failing.take().is_some();
                (Some(value), is_over.then(|| Note::info(format!("{} works again", self.what))))
            }
            Err(error) => {
                let text = format!("{error:#}");
                let is_new = self.failing.as_ref() != Some(&text);
                let note = is_new
                    .then(|| Note::warning(format!("{} fails and is tried again: {text}", self.what)));
                self.failing = Some(text);
                (None, note)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::Watched;
    use crate::note::Note;

    #[test]
    fn a_failure_is_said_once_and_so_is_its_end() {
        let mut watched = Watched::new("reading");
        let mut check = |outcome: Result<u8, &'static str>| {
            watched.check(outcome.map_err(|error| anyhow!(error))).1
        };
        assert_eq!(check(Ok(1)), None);
        let first = check(Err("no room")).unwrap();
        assert_eq!(first, Note::warning("reading fails and is tried again: no room"));
        assert_eq!(check(Err("no room")), None);
        assert!(check(Err("no disk")).is_some(), "another failure");
        assert_eq!(check(Ok(1)), Some(Note::info("reading works again")));
        assert_eq!(check(Ok(1)), None);
    }
}
