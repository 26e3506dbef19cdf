// SPDX-License-Identifier: GPL-2.0-only
//! What a run says of itself, for whoever asks about it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use libbpf_rs::{MapCore, MapFlags};

use crate::kernel::clock;
use crate::kernel::skel::{as_bytes, types};

/// A run, and its last look at its configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunInfo {
    pub pid: u32,
    /// Of its binary.
    pub version: String,
    /// The counters count from there on, CLOCK_MONOTONIC ns: over reloads, and over processes that took over.
    pub since: u64,
    pub started: SystemTime,
    /// The last reload that was done.
    pub reloaded: Option<SystemTime>,
    pub fault: Option<Fault>,
    /// Since when a flood has been on, CLOCK_MONOTONIC ns.
    pub flood_since: Option<u64>,
    /// What it is of, in words; empty: that is not known.
    pub flood_of: String,
    /// What the learner is at, in words; empty: it has not been said yet.
    pub learner: String,
}

/// The configuration cannot be read; what it was before is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub since: SystemTime,
    pub text: String,
}

impl RunInfo {
    /// Of this process, at its start.
    pub fn of_this_process() -> Result<Self> {
        Ok(Self {
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").into(),
            since: clock::now_ns()?,
            started: SystemTime::now(),
            reloaded: None,
            fault: None,
            flood_since: None,
            flood_of: String::new(),
            learner: String::new(),
        })
    }

    /// For how long the counters have been counting.
    pub fn age(&self) -> Result<Duration> {
        Ok(Duration::from_nanos(clock::now_ns()?.saturating_sub(self.since)))
    }

    /// For how long a flood has been on. None: none is.
    pub fn flood_lasts(&self) -> Option<Duration> {
        Some(Duration::from_nanos(clock::now_ns().ok()?.saturating_sub(self.flood_since?)))
    }

    pub fn write(&self, map: &impl MapCore) -> Result<()> {
        let mut info = types::run_info {
            since: self.since,
            started: seconds(self.started),
            reloaded: self.reloaded.map_or(0, seconds),
            fault_since: self.fault.as_ref().map_or(0, |fault| seconds(fault.since)),
            flood_since: self.flood_since.unwrap_or_default(),
            pid: self.pid,
            ..Default::default()
        };
        write_text(&mut info.version, &self.version);
        write_text(&mut info.flood, &self.flood_of);
        write_text(&mut info.learner, &self.learner);
        write_text(&mut info.fault, self.fault.as_ref().map_or("", |fault| &fault.text));
        map.update(&0_u32.to_ne_bytes(), as_bytes(&info), MapFlags::ANY)
            .context("cannot write down what `status` shows")
    }

    /// None: no run has written it yet.
    pub fn read(map: &impl MapCore) -> Result<Option<Self>> {
        let info: types::run_info = super::variables("what the run says of itself", map)?;
        let fault = (info.fault_since != 0)
            .then(|| Fault { since: time(info.fault_since), text: read_text(&info.fault) });
        Ok((info.pid != 0).then(|| Self {
            pid: info.pid,
            version: read_text(&info.version),
            since: info.since,
            started: time(info.started),
            reloaded: (info.reloaded != 0).then(|| time(info.reloaded)),
            fault,
            flood_since: (info.flood_since != 0).then_some(info.flood_since),
            flood_of: read_text(&info.flood),
            learner: read_text(&info.learner),
        }))
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn time(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

/// As much as there is room for, whole characters only, with a zero behind it.
fn write_text(room: &mut [u8], text: &str) {
    let len = text.floor_char_boundary(room.len() - 1);
    room[..len].copy_from_slice(&text.as_bytes()[..len]);
}

fn read_text(room: &[u8]) -> String {
    let text = room.split(|&byte| byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{read_text, write_text};

    #[test]
    fn texts_are_cut_between_characters() {
        for (text, kept) in [
            ("short", "short"),
            ("just 15 letters", "just 15 letters"),
            ("15 letters + ü…", "15 letters + ü"),
        ] {
            let mut room = [0; 16];
            write_text(&mut room, text);
            assert_eq!(read_text(&room), kept);
        }
    }
}
