// SPDX-License-Identifier: GPL-2.0-only
//! The life of an instance, and what must hold during it.

use std::sync::atomic::Ordering;
use std::time::Instant;

use lab::defence::{Defence, Ended};
use lab::wait_for;
use nix::sys::signal::Signal;

use crate::Soak;
use crate::flood::{Flood, Probe};
use crate::kernel::Held;

/// The limit of every instance. The honest client stays below it.
const BURST: u64 = 5;
const RATE: u64 = 2;

/// One of the server's interfaces, and the flood to it.
pub struct Line {
    pub interface: &'static str,
    pub flood: Flood,
}

pub struct Life<'a> {
    soak: &'a Soak,
    line: &'a Line,
    pub defence: Defence,
    /// What it held when it had just begun to protect.
    pub held: Held,
    probe: Probe,
    since: Instant,
}

impl<'a> Life<'a> {
    /// Starts it with these options, in addition to those of all instances.
    pub fn start(soak: &'a Soak, line: &'a Line, more: &[&str]) -> Self {
        soak.check();
        let defence = Defence::start(&soak.pair, &options(soak, line, more));
        let held = soak.kernel.note(defence.pid());
        assert!(
            ![&held.programs, &held.links, &held.maps].iter().any(|ids| ids.is_empty()),
            "{held:?}"
        );
        let number = soak.lives.fetch_add(1, Ordering::Relaxed) + 1;
        let probe = Probe(number.try_into().expect("a probe for each instance"));
        let since = Instant::now();
        line.flood.set_probe(probe);
        Self { soak, line, defence, held, probe, since }
    }

    /// Asserts that the burst of each probe source reached the server, and no more than burst + rate ×
    /// time.
    pub fn check_bucket(&self) {
        let sources = [self.probe.source4().to_string(), self.probe.source6().to_string()];
        for source in &sources {
            let arrived = wait_for("a burst to arrive", || {
                self.soak.check();
                let arrived = self.soak.pair.arrived(source);
                (arrived >= BURST).then_some(arrived)
            });
            let time = self.since.elapsed();
            let most = BURST + (time.as_secs_f64() * RATE as f64) as u64;
            assert!(arrived <= most, "{arrived} SYNs of {source} arrived in {time:?}, {most} were due");
        }
    }

    pub fn end(self, signal: Signal) -> Ended {
        let (soak, interface) = (self.soak, self.line.interface);
        let ended = self.defence.signal(signal);
        assert_eq!(ended.status.code(), Some(0), "{signal}: {}", ended.stderr);
        assert_eq!(soak.pair.server.xdp(interface), None, "{signal}");
        ended
    }

    /// Ends it by SIGKILL, so that nothing is left to detach it.
    pub fn kill(self) {
        let (soak, interface) = (self.soak, self.line.interface);
        assert_eq!(self.defence.signal(Signal::SIGKILL).status.code(), None);
        wait_until_open(soak, interface);
    }

    /// Waits until it ends by itself.
    pub fn wait(self) -> Ended {
        self.defence.wait()
    }
}

pub fn wait_until_open(soak: &Soak, interface: &str) {
    wait_for("the interface to be open", || soak.pair.server.xdp(interface).is_none().then_some(()));
}

/// Without a pass rate, unless `more` has one, so that only its own bucket limits a probe. Nobody is
/// challenged then: a probe's answers would not reach it, and the honest client stays within its limit.
pub fn options<'a>(soak: &'a Soak, line: &Line, more: &[&'a str]) -> Vec<&'a str> {
    let limit = ["--burst", "5", "--rate", "2", "--max-sources", soak.kernel.max_sources()];
    let all: &[&str] =
        if more.contains(&"--pass-rate") { &[] } else { &["--pass-rate", "0", "--challenge", "off"] };
    [&["--iface", line.interface, "--interval", "0.1"], &limit[..], all, more].concat()
}
