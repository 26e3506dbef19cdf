// SPDX-License-Identifier: GPL-2.0-only
//! The show: no flood, and each flood without and with protection.

use std::thread;
use std::time::Duration;

use anyhow::Result;
use bench::generator::Meter;
use lab::defence::{Defence, Ended};
use nix::sys::signal::Signal;

use crate::act::{ACTS, Act};
use crate::measure::{Felt, measure};
use crate::network::{Network, SERVER_CPU};
use crate::results::{self, Played, Results};
use crate::stage::{Look, Stage, say};
use crate::{bars, clients, flood, try_out};

/// SYNs per second. A busy machine sends fewer than others, but fewer than this prove nothing.
const LEAST_FLOOD: f64 = 10_000.0;

/// How often a phase is measured if other work on this machine keeps the flood below that.
const ATTEMPTS: usize = 3;

/// No more than this share of the pages may fail with protection or without a flood: on a busy machine
/// a few do.
const FAILED: f64 = 0.05;

/// A flood that leaves this share of the pages has harmed nobody.
const HARMLESS: f64 = 0.9;

/// With protection, these segments per second may reach the server's TCP: the default `--pass-rate`,
/// what a page takes, and this share of the flood, for what a machine counts late.
const PASS_RATE: f64 = 1000.0;
const SEGMENTS_OF_A_PAGE: f64 = 10.0;
const SHARE: f64 = 0.05;

/// Until a flood has filled the listener's queue, and until the server is over what it found there.
const SETTLING: Duration = Duration::from_secs(1);

/// Runs all acts. Returns what was felt, or nothing if an expectation was not met.
pub fn perform(network: &Network, binary: &str) -> Result<Option<Results>> {
    let mut show = Show { network, binary, stage: Stage::new() };
    show.stage.heading("A web server under SYN floods, without and with synflood-xdp")?;
    say(&results::method(&network.server)?)?;
    let calm = show.peace()?;
    let mut acts = Vec::new();
    for act in &ACTS {
        acts.push(show.act(act, &calm)?);
    }
    if show.stage.failures() > 0 {
        return Ok(None);
    }
    show.stage.heading("To protect this machine, until Ctrl-C")?;
    show.stage.quote(&format!("{}{binary} --iface <your interface>", try_out::sudo()))?;
    Ok(Some(Results { calm, acts }))
}

struct Show<'a> {
    network: &'a Network,
    binary: &'a str,
    stage: Stage,
}

impl Show<'_> {
    fn peace(&mut self) -> Result<Felt> {
        self.stage.heading("No flood")?;
        self.stage.line(&bars::heading(), Look::Plain)?;
        let calm = self.measure("calm", Look::Plain, None, clients::pages_wanted())?;
        let is_served = !fails(&calm) && calm.pages > clients::pages_wanted() / 2.0;
        self.stage.expect(is_served, "too few pages are served even without a flood")?;
        Ok(calm)
    }

    fn act(&mut self, act: &'static Act, calm: &Felt) -> Result<Played> {
        self.stage.heading(&format!("A flood from {}; {}", act.name, act.meaning))?;
        self.stage.line(&bars::line("calm", calm, calm.pages), Look::Plain)?;
        let (played, ended) = flood::during(self.network, act, |flood| {
            thread::sleep(SETTLING);
            let without = self.measure("without", Look::Harm, Some(flood), calm.pages)?;
            let protection = self.protect()?;
            thread::sleep(SETTLING);
            let with = self.measure("with", Look::Help, Some(flood), calm.pages)?;
            Ok((Played { act, without, with }, protection.signal(Signal::SIGTERM)))
        })?;
        say(&format!("Sent from {}.\n{}", played.title(), played.reached_tcp()))?;
        if played.without.pages > HARMLESS * calm.pages {
            say("This machine's kernel bears this flood without us, too.")?;
        }
        self.judge(&played, &ended)?;
        Ok(played)
    }

    /// Shows the bar grow, and then the whole line.
    fn measure(&self, label: &str, look: Look, flood: Option<&Meter>, most: f64) -> Result<Felt> {
        let tell = |pages| self.stage.show_for_now(&bars::bar(label, pages, most), look);
        let mut felt = measure(self.network, flood, tell)?;
        for _ in 1..ATTEMPTS {
            if flood.is_none() || felt.sent >= LEAST_FLOOD {
                break;
            }
            felt = measure(self.network, flood, tell)?;
        }
        self.stage.line(&bars::line(label, &felt, most), look)?;
        Ok(felt)
    }

    fn protect(&self) -> Result<Defence> {
        let cpu = SERVER_CPU.to_string();
        let args = ["-c", &cpu, self.binary, "--iface", "eth0", "--quiet"];
        Defence::start_command(self.network.server.command("taskset", &args))
    }

    fn judge(&mut self, played: &Played, ended: &Ended) -> Result<()> {
        let Played { without, with, .. } = played;
        let passable = PASS_RATE + SEGMENTS_OF_A_PAGE * with.pages + SHARE * with.sent;
        let is_attached = self.network.server.xdp("eth0").is_some();
        for (is_met, failure) in [
            (without.sent.min(with.sent) >= LEAST_FLOOD, "the flood is too weak to show anything"),
            (!fails(with), "pages fail with protection"),
            (with.to_tcp <= passable, "with protection the flood still reaches TCP"),
            (ended.status.success(), "synflood-xdp ended with an error"),
            (!is_attached, "synflood-xdp is still attached after its end"),
        ] {
            self.stage.expect(is_met, failure)?;
        }
        Ok(())
    }
}

fn fails(felt: &Felt) -> bool {
    felt.failed as f64 > felt.asked as f64 * FAILED
}
