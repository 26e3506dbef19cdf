// SPDX-License-Identifier: GPL-2.0-only
//! The tasks of a run once per second. Nothing here prints or ends a run: a finding becomes a [`Note`],
//! and a failed task is tried again.

pub mod beside;
pub mod blocked;
pub mod buckets;
pub mod dry_run;
pub mod events;
pub mod filter;
pub mod firewall;
pub mod floods;
pub mod host;
pub mod knowledge;
pub mod learning;
pub mod links;
pub mod lists;
pub mod networks;
pub mod ports;
pub mod rates;
pub mod redeemers;
pub mod routes;
mod state_file;
pub mod sysctls;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;

use crate::kernel::hooks::{Before, Hooks, Succession};
use crate::kernel::maps::rescale;
use crate::kernel::program::Program;
use crate::note::Note;

pub use beside::Beside;
pub use blocked::Blocked;
pub use buckets::Buckets;
pub use dry_run::DryRun;
pub use events::Events;
pub use filter::Filter;
pub use firewall::Firewall;
pub use floods::Floods;
pub use host::Host;
pub use knowledge::Knowledge;
pub use learning::Learning;
pub use links::Links;
pub use lists::Lists;
pub use networks::Networks;
pub use ports::Ports;
pub use rates::Rates;
pub use redeemers::Redeemers;
pub use sysctls::Sysctls;

/// Everything that a run looks after.
pub struct Upkeep {
    pub program: Program,
    pub hooks: Hooks,
    pub knowledge: Knowledge,
    pub redeemers: Redeemers,
    pub filter: Filter,
    pub rates: Rates,
    pub events: Events,
    pub floods: Floods,
    pub blocked: Blocked,
    pub learning: Learning,
    pub networks: Networks,
    /// None: the kernel's settings are left alone.
    pub sysctls: Option<Sysctls>,
    pub links: Links,
    pub buckets: Buckets,
    pub lists: Lists,
}

impl Upkeep {
    /// For a program that runs.
    pub fn new(
        program: Program,
        hooks: Hooks,
        knowledge: Knowledge,
        filter: Filter,
        lists: Lists,
        sysctls: Option<Sysctls>,
    ) -> Self {
        Self {
            program,
            hooks,
            knowledge,
            redeemers: Redeemers::default(),
            filter,
            rates: Rates::default(),
            events: Events::default(),
            floods: Floods::default(),
            blocked: Blocked::default(),
            learning: Learning::default(),
            networks: Networks::default(),
            sysctls,
            links: Links::default(),
            buckets: Buckets::default(),
            lists,
        }
    }

    /// Puts another program in the place of the one that runs: on all its links, and on those of `new`, or on none.
    pub fn succeed(&mut self, next: Program, new: Hooks) -> Result<Vec<Note>> {
        let mut filter = Filter::new(&next)?;
        let before =
            Before { programs: self.program.programs_on_links()?, policy: Some(&self.program.policy) };
        let swapped = self.hooks.succeed(&before, &next, new);
        // Another process may have been faster: then the buckets are its own.
        if swapped.is_err() && self.hooks.succession(&self.program).ok() == Some(Succession::None) {
            // If this fails, the next second tries again.
            let _ = rescale::settle(&self.program);
        }
        let mut notes: Vec<_> = swapped?.into_iter().collect();
        // One that the next program goes on with has missed no source.
        if !next.shares_filter_with(&self.program) {
            notes.extend(filter.start(&next));
        }
        (self.program, self.filter) = (next, filter);
        Ok(notes)
    }

    /// Call it once per second. If another process has taken over, it looks at nothing else.
    pub fn tick(&mut self) -> Vec<Note> {
        let links = self.look_at_links();
        if self.links.successor().is_some() {
            return links;
        }
        let host = self.look_at_host(false);
        let rates = self.rates.tick(&self.program);
        let is_flooded = self.rates.flood().is_some();
        let (arrived, unread) = self.events.take(&self.program);
        let floods = self.floods.tick(&self.program, is_flooded, &arrived.samples);
        let blocked = self.blocked.tick(&self.program, &arrived.refused);
        let networks = self.networks.tick(&self.program);
        let learned = self.learning.tick(&self.program);
        let refuses = is_flooded && self.knowledge.ports.need_kernel_cookies(&self.program.policy);
        let mut told = Vec::new();
        if refuses && self.sysctls.as_ref().is_some_and(Sysctls::is_idle) {
            // Before the kernel makes a cookie for each SYN that passes.
            told = self.knowledge.host.expect_kernel_cookies(&self.program);
        }
        let sysctls = self.sysctls.as_mut().map(|sysctls| sysctls.tick(refuses)).unwrap_or_default();
        let filter = self.filter.tick(&self.program);
        let buckets = self.buckets.tick(&self.program);
        let lists = self.lists.tick(&self.program);
        [
            links, host, rates, unread, floods, blocked, networks, learned, told, sysctls, filter,
            buckets, lists,
        ]
        .concat()
    }

    /// For how long a flood has been on. None: none is.
    pub fn flood(&self) -> Option<Duration> {
        self.rates.flood().max(self.floods.since().map(|since| since.elapsed()))
    }

    /// Tells the program what it must know of this host, and has it take answers where they come in. Call it
    /// whenever addresses or routes may have changed.
    pub fn look_at_host(&mut self, may_have_changed: bool) -> Vec<Note> {
        let mut notes = self.knowledge.tell(&self.program, may_have_changed);
        notes.extend(self.take_answers());
        notes
    }

    /// Has the program take answers where they come in, as far as it is known.
    pub fn take_answers(&mut self) -> Vec<Note> {
        self.redeemers.tick(&self.program, &mut self.hooks, self.knowledge.devices())
    }

    /// Notes which interfaces have gone, and sees whether another process has taken over.
    pub fn look_at_links(&mut self) -> Vec<Note> {
        self.links.tick(&self.program, &mut self.hooks)
    }
}

/// How the tasks of this process go, whoever does them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Faults {
    /// Tasks that fail now.
    pub failing: u64,
    /// How often one has begun to fail, or to fail in another way.
    pub begun: u64,
}

static FAILING: AtomicU64 = AtomicU64::new(0);
static BEGUN: AtomicU64 = AtomicU64::new(0);

impl Faults {
    pub fn of_this_process() -> Self {
        Self { failing: FAILING.load(Ordering::Relaxed), begun: BEGUN.load(Ordering::Relaxed) }
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
                let is_over = self.stop_failing();
                (Some(value), is_over.then(|| Note::info(format!("{} works again", self.what))))
            }
            Err(error) => {
                let text = format!("{error:#}");
                let is_new = self.failing.as_ref() != Some(&text);
                let note = is_new
                    .then(|| Note::warning(format!("{} fails and is tried again: {text}", self.what)));
                if is_new {
                    BEGUN.fetch_add(1, Ordering::Relaxed);
                }
                if self.failing.replace(text).is_none() {
                    FAILING.fetch_add(1, Ordering::Relaxed);
                }
                (None, note)
            }
        }
    }

    /// Whether it was failing.
    fn stop_failing(&mut self) -> bool {
        let is_over = self.failing.take().is_some();
        if is_over {
            FAILING.fetch_sub(1, Ordering::Relaxed);
        }
        is_over
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.stop_failing();
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
