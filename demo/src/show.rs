// SPDX-License-Identifier: GPL-2.0-only
//! The show: a flood without protection, the same flood with it, and a comparison.

use std::fmt::Display;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use lab::defence::Defence;
use lab::figures::half_open;
use nix::sys::signal::Signal;

use crate::act::{Act, Expected, ONE_ADDRESS, RANDOM_ADDRESSES};
use crate::figures::{Sample, Syns};
use crate::flood;
use crate::network::{Network, SERVER};
use crate::requests::{self, Pages, REQUESTS};
use crate::stage::{Stage, say};
use crate::table::{Results, comparison, milliseconds};
use crate::try_out;

/// SYNs per second. A busy machine sends fewer than the pause allows, but fewer than this prove
/// nothing.
const LEAST_FLOOD: u64 = 1_000;
/// Runs both acts. Returns how many expectations were not met.
pub fn perform(network: Network, binary: &str) -> Result<usize> {
    let mut show = Show { network, binary, stage: Stage::new(), headings: 0 };
    show.peace()?;
    show.act(&ONE_ADDRESS)?;
    show.act(&RANDOM_ADDRESSES)?;
    if show.stage.failures() == 0 {
        show.stage.heading("To protect this machine, until Ctrl-C")?;
        let sudo = try_out::sudo();
        show.stage.quote(&format!("{sudo}{binary} --iface <your interface> --burst 5 --rate 1"))?;
    }
    Ok(show.stage.failures())
}

struct Show<'a> {
    network: Network,
    binary: &'a str,
    stage: Stage,
    headings: usize,
}

/// The protection, and how many bytes of its messages were shown.
struct Protection {
    defence: Defence,
    shown: usize,
}

impl Show<'_> {
    fn heading(&mut self, text: &str) -> Result<()> {
        self.headings += 1;
        self.stage.heading(&format!("{}. {text}", self.headings))
    }

    fn peace(&mut self) -> Result<()> {
        self.heading("A web server and its client")?;
        let cookies = self.network.server.run("sysctl", &["-n", "net.ipv4.tcp_syncookies"]);
        say(&format!(
            "Network namespaces are set up: a client, an attacker and a server on one bridge.\nnginx listens \
             at {SERVER}. All settings are defaults: net.ipv4.tcp_syncookies is {}.",
            cookies.trim()
        ))?;
        let pages = self.request(&ONE_ADDRESS)?;
        self.stage.expect(pages.served == REQUESTS, "some pages are not served even without a flood")
    }

    fn act(&mut self, act: &Act) -> Result<()> {
        self.heading(&format!("A SYN flood from {}, no protection", act.from))?;
        say(act.flood)?;
        let _flood = flood::start(&self.network, act)?;
        let rates = self.watch(act, 4, None)?;
        let is_thick = rates.sent >= LEAST_FLOOD;
        self.stage.expect(is_thick, "the flood is too weak to show anything")?;
        let pages = self.request(act)?;
        let without = Results { rates, half_open: half_open(&self.network.server), pages };

        self.heading("The same flood, with synflood-xdp on the server's interface")?;
        say(act.policy)?;
        let mut protection = self.protect(act)?;
        self.watch(act, 4, Some(&mut protection))?;
        let pages = self.request(act)?;
        // Measured again, because at first the server still repeats older answers.
        let rates = self.watch(act, 3, Some(&mut protection))?;
        let with = Results { rates, half_open: half_open(&self.network.server), pages };
        self.dump(act)?;
        self.end(act, protection)?;
        self.compare(act, &without, &with)
    }

    /// Prints a line each second. Returns the averages.
    fn watch(
        &mut self,
        act: &Act,
        seconds: u32,
        mut protection: Option<&mut Protection>,
    ) -> Result<Syns> {
        let first = Sample::take(&self.network, act.counters);
        let mut previous = first;
        for second in 0..seconds {
            thread::sleep(Duration::from_secs(1)); // the time for counting
            let sample = Sample::take(&self.network, act.counters);
            let rates = sample.rates_since(&previous);
            previous = sample;
            if let Some(protection) = protection.as_deref_mut() {
                self.tell_news(protection)?;
            }
            if second == 0 {
                self.stage.quote(&row(["SYNs sent/s", "received/s", "SYN-ACKs/s", "half-open"]))?;
            }
            let half_open = half_open(&self.network.server) as u64;
            let figures = [rates.sent, rates.received, rates.answered, half_open];
            self.stage.quote(&row(figures.map(|figure| figure.to_string())))?;
        }
        Ok(previous.rates_since(&first))
    }

    fn request(&self, act: &Act) -> Result<Pages> {
        let pages = requests::request(&self.network, act.hosts);
        say(&format!(
            "{} {REQUESTS} pages at once: {} served, the slowest in {}.",
            act.clients,
            pages.served,
            milliseconds(pages.slowest)
        ))?;
        Ok(pages)
    }

    fn synflood(&self, options: &[&str]) -> Command {
        self.network.server.command(self.binary, options)
    }

    fn protect(&self, act: &Act) -> Result<Protection> {
        let options = [&["--iface", "eth0"], act.options].concat();
        self.stage.quote(&format!("# synflood-xdp {}", options.join(" ")))?;
        let command = self.synflood(&[&options[..], &["--quiet"]].concat());
        let mut protection = Protection { defence: Defence::start_command(command)?, shown: 0 };
        self.tell_news(&mut protection)?;
        Ok(protection)
    }

    /// Shows its messages since the last call.
    fn tell_news(&self, protection: &mut Protection) -> Result<()> {
        let said = protection.defence.stderr();
        self.stage.quote(&said[protection.shown..])?;
        protection.shown = said.len();
        Ok(())
    }

    fn dump(&mut self, act: &Act) -> Result<()> {
        say(act.question)?;
        self.stage.quote(&format!("# synflood-xdp {}", act.dump.join(" ")))?;
        let output = self.synflood(act.dump).stderr(Stdio::inherit()).output()?;
        let dump = String::from_utf8_lossy(&output.stdout);
        self.stage.quote(&dump)?;
        let word = act.expected.in_dump;
        self.stage.expect(dump.contains(word), &format!("--dump does not show {word}"))
    }

    fn end(&mut self, act: &Act, mut protection: Protection) -> Result<()> {
        say("synflood-xdp ends and says what it did:")?;
        self.tell_news(&mut protection)?;
        let ended = protection.defence.signal(Signal::SIGTERM);
        self.stage.quote(&ended.stderr[protection.shown..])?;
        self.stage.quote(&ended.stdout)?;
        self.stage.expect(ended.status.success(), "synflood-xdp ended with an error")?;
        let is_attached = self.network.server.xdp("eth0").is_some();
        self.stage.expect(!is_attached, "synflood-xdp is still attached after its end")?;
        let word = act.expected.in_summary;
        self.stage.expect(ended.stdout.contains(word), &format!("the summary does not show {word}"))
    }

    fn compare(&mut self, act: &Act, without: &Results, with: &Results) -> Result<()> {
        self.stage.heading(&format!("A flood from {}, without and with synflood-xdp", act.from))?;
        self.stage.quote(&comparison(without, with))?;
        let Expected { received_by, answered_by, .. } = act.expected;
        let (before, now) = (without.rates, with.rates);
        for (is_met, failure) in [
            (with.pages.served == REQUESTS, "with protection not every page was served"),
            (now.sent >= LEAST_FLOOD, "with protection on, the flood was too weak to show anything"),
            (now.received * received_by <= before.received, "the flood still reaches the server's TCP"),
            (now.answered * answered_by <= before.answered, "the server still answers the flood"),
        ] {
            self.stage.expect(is_met, failure)?;
        }
        say("")?;
        if without.pages.served == with.pages.served {
            say("SYN cookies served the clients without protection too, but the kernel answered")?;
            say("every SYN of the flood.")?;
        }
        say(act.explanation)
    }
}

/// A row in columns.
fn row<T: Display>(columns: [T; 4]) -> String {
    columns.map(|column| format!("{column:>12}")).join("  ")
}
