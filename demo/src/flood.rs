// SPDX-License-Identifier: GPL-2.0-only

use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use lab::figures::half_open;
use lab::{Process, wait_for};

use crate::act::Act;
use crate::figures::Sample;
use crate::network::{Network, SERVER};

/// The time between two SYNs: at most 10,000 per second.
const PAUSE: &str = "u100";

/// SYNs for at least two minutes. After them the flood ends by itself, if nothing else has ended it.
const LIMIT: &str = "1200000";

/// The number of SYNs after which a flood has begun.
const BEGUN_SYNS: u64 = 100;

/// Starts an act's flood. It ends when the returned value is dropped.
pub fn start(network: &Network, act: &Act) -> Result<Process> {
    let before = Sample::take(network, act.counters);
    let options = ["-q", "-S", "-p", "80", "-i", PAUSE, "-c", LIMIT, SERVER];
    let mut hping3 = network.attacker.command("hping3", &[act.hping3, &options].concat());
    hping3.stdin(Stdio::null()).stdout(Stdio::null());
    let mut flood = Process(hping3.spawn().context("cannot start hping3")?);
    let is_on = wait_for("the flood to fill the server's queue", || {
        let has_ended = flood.0.try_wait().is_ok_and(|ended| ended.is_some());
        let sent = Sample::take(network, act.counters).sent_since(&before);
        let has_begun = sent >= BEGUN_SYNS && half_open(&network.server) as u64 >= BEGUN_SYNS;
        (has_ended || has_begun).then_some(!has_ended)
    });
    ensure!(is_on, "hping3 ended instead of flooding");
    Ok(flood)
}
