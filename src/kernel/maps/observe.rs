// SPDX-License-Identifier: GPL-2.0-only
//! Frames that an observer looks at: what it asks for, for as long as it renews its lease, and what it gets.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use ipnet::IpNet;
use libbpf_rs::{MapCore, MapFlags, MapHandle};

use super::lists::Lock;
use super::ring::Ring;
use crate::kernel::skel::{as_bytes, from_bytes, types};
use crate::kernel::{clock, encode};

/// How long a lease holds that is not renewed.
const LEASE: Duration = Duration::from_secs(3);

/// The maps that programs and observers share.
#[derive(Debug)]
pub struct Tables {
    /// struct observation.
    pub wanted: MapHandle,
    /// struct sampling.
    pub sampling: MapHandle,
    pub looked_for: MapHandle,
    pub frames: MapHandle,
}

/// What an observer wants to see.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub ifindex: u32,
    /// A bit for each reason.
    pub reasons: u64,
    pub port: Option<u16>,
    /// Of the peer.
    pub network: Option<IpNet>,
    pub only_syns: bool,
    /// Also the SYN-ACKs that the program sends.
    pub shows_answers: bool,
    /// Frames in any second.
    pub rate: u32,
    /// Bytes of a frame; 0: the headers.
    pub snaplen: u16,
    /// More than the reasons decides: of them alone the program's counters tell how many frames there were.
    pub is_selective: bool,
}

/// The right to observe, which one process has at a time. Dropping it ends the observation.
#[derive(Debug)]
pub struct Lease<'a> {
    tables: &'a Tables,
    observation: types::observation,
}

/// A frame, as far as it was copied.
#[derive(Debug, Clone)]
pub struct Frame {
    /// CLOCK_MONOTONIC.
    pub at: Duration,
    /// A number of enum reason; 0: nobody judged it.
    pub reason: u8,
    /// The number of the rule that the SYN matches, from 1.
    pub rule: Option<u8>,
    pub is_out: bool,
    /// Bytes on the wire.
    pub frame_len: u32,
    pub bytes: Vec<u8>,
}

impl<'a> Lease<'a> {
    /// Fails if somebody else observes.
    pub fn take(tables: &'a Tables, wanted: &Wanted) -> Result<Self> {
        let mut lease = Self { tables, observation: encode(wanted) };
        let _lock = Lock::wait()?;
        if let Some(pid) = lease.other()? {
            bail!(
                "process {pid} observes there already: end it first (if it was killed, its time is over in {} s)",
                LEASE.as_secs()
            );
        }
        // The time first: the program ends what is not in its time.
        lease.write(0)?;
        lease.write(wanted.reasons)?;
        Ok(lease)
    }

    /// Call it once a second. Fails if somebody else observes by now.
    pub fn renew(&mut self) -> Result<()> {
        let _lock = Lock::wait()?;
        if let Some(pid) = self.other()? {
            bail!("process {pid} observes now, as this one did not go on in time");
        }
        self.write(self.observation.reasons)
    }

    /// The other process whose lease holds.
    fn other(&self) -> Result<Option<u32>> {
        let now: types::observation = super::variables("who observes", &self.tables.wanted)?;
        let holds = now.reasons != 0 && now.until > clock::now_ns()?;
        let is_there = Path::new(&format!("/proc/{}", now.pid)).exists();
        Ok(Some(now.pid).filter(|&pid| holds && is_there && pid != std::process::id()))
    }

    fn write(&mut self, reasons: u64) -> Result<()> {
        self.observation.reasons = reasons;
        self.observation.until = clock::now_ns()? + LEASE.as_nanos() as u64;
        let bytes = as_bytes(&self.observation);
        self.tables
            .wanted
            .update(&0_u32.to_ne_bytes(), bytes, MapFlags::ANY)
            .context("cannot tell the program what to show")
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        // Somebody else may have it by now. If this fails, it ends by itself.
        if let Ok(None) = self.other() {
            let _ = self.write(0);
        }
    }
}

fn encode(wanted: &Wanted) -> types::observation {
    let mut observation = types::observation {
        limit: limit(wanted.rate),
        ifindex: wanted.ifindex,
        pid: std::process::id(),
        port: wanted.port.unwrap_or(0),
        snaplen: wanted.snaplen,
        only_syns: wanted.only_syns.into(),
        shows_answers: wanted.shows_answers.into(),
        reasons: wanted.reasons,
        is_selective: wanted.is_selective.into(),
        ..Default::default()
    };
    if let Some(network) = &wanted.network {
        let key = encode::list_key(network);
        observation.family = key.family;
        observation.net = key.addr;
        observation.mask = encode::mask((key.prefix_len - u32::BITS) as u8);
    }
    observation
}

/// A bucket that grants at most `rate` in any second: a tenth of them at once, so that a handshake is shown whole, and
/// the others one after the other.
fn limit(rate: u32) -> types::limit {
    let burst = (rate / 10).max(1);
    let interval_ns = 1_000_000_000_u64.div_ceil(u64::from(rate - (burst - 1)));
    types::limit { interval_ns, capacity_ns: interval_ns * u64::from(burst) }
}

impl Tables {
    /// How many frames were looked for until now, shown or not. `counted`: those which the program's counters
    /// have, by reason.
    pub fn looked_for(&self, counters: Option<&MapHandle>, counted: &[u32]) -> Result<u64> {
        let what = "cannot count what is not shown";
        let counted = counted
            .iter()
            .filter_map(|&reason| counters.map(|counters| sum_of_cpus(counters, reason).context(what)));
        let by_reason: u64 = counted.sum::<Result<_>>()?;
        Ok(by_reason + sum_of_cpus(&self.looked_for, 0).context(what)?)
    }
}

fn sum_of_cpus(map: &impl MapCore, index: u32) -> Result<u64> {
    Ok(super::sums_of_cpus(map, index)?.iter().sum())
}

/// The frames that come, without those that nobody has read before. `tables` must live as long.
pub fn frames(tables: &Tables) -> Result<Ring<Frame>> {
    let frames = Ring::open(&tables.frames, "the frames that the program shows", frame)?;
    frames.take()?;
    Ok(frames)
}

/// None: it is not one of this version.
fn frame(bytes: &[u8]) -> Option<Frame> {
    let (about, rest) = bytes.split_at_checked(size_of::<types::observed>())?;
    let about: types::observed = from_bytes(about)?;
    Some(Frame {
        at: Duration::from_nanos(about.at),
        reason: about.reason,
        rule: (about.rule != 0).then_some(about.rule),
        is_out: about.is_out != 0,
        frame_len: about.frame_len,
        bytes: rest.get(..usize::from(about.len))?.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::limit;

    /// By a bucket that is full, and asked all the time.
    #[test]
    fn never_more_than_the_rate_in_a_second() {
        for rate in [1, 2, 9, 10, 11, 999, 1000, 100_000] {
            let limit = limit(rate);
            let at_once = limit.capacity_ns / limit.interval_ns;
            let later = 999_999_999 / limit.interval_ns;
            let most = at_once + later;
            assert!(most <= u64::from(rate), "{rate}: {most}");
            assert!(most * 100 >= u64::from(rate) * 99, "{rate}: {most}");
        }
    }
}
