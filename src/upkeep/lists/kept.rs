// SPDX-License-Identifier: GPL-2.0-only
//! Live entries of a service, kept in its state directory: after a reboot they are back, with what is left of their
//! time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::kernel::clock;
use crate::kernel::maps::lists::live::Entry;
use crate::policy::Listed;
use crate::upkeep::state_file::StateFile;

const NAME: &str = "live-entries.json";

/// The file, and what is in it.
#[derive(Debug, Clone)]
pub struct Kept(StateFile);

/// An entry in the file. Times are seconds since 1970, which mean the same after a reboot.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    network: IpNet,
    verdict: Listed,
    /// None: for ever.
    until: Option<u64>,
    added: u64,
    note: String,
}

impl Kept {
    /// None: there is no state directory.
    pub fn find() -> Option<Self> {
        StateFile::find(NAME).map(Self)
    }

    /// The entries that still count. `now` in ns of CLOCK_MONOTONIC.
    pub fn read(&self, now: u64) -> Result<Vec<Entry>> {
        let lines: Vec<Line> = self.0.read()?.unwrap_or_default();
        let time = seconds(SystemTime::now());
        Ok(lines.into_iter().filter_map(|line| line.entry(time, now)).collect())
    }

    /// Writes all of them.
    pub fn write(&self, entries: &[Entry]) -> Result<()> {
        let (now, time) = (clock::now_ns()?, seconds(SystemTime::now()));
        let lines: Vec<Line> = entries.iter().map(|entry| Line::of(entry, time, now)).collect();
        self.0.write(&lines)
    }
}

impl Line {
    fn of(entry: &Entry, time: u64, now: u64) -> Self {
        // Rounded up: an entry that is not over yet stays one.
        let left = |until: u64| Duration::from_nanos(until.saturating_sub(now) + 999_999_999).as_secs();
        Self {
            network: entry.network,
            verdict: entry.listed,
            until: entry.until.map(|until| time + left(until)),
            added: entry.added,
            note: entry.note.clone(),
        }
    }

    /// None: it is over.
    fn entry(self, time: u64, now: u64) -> Option<Entry> {
        let until = match self.until {
            None => None,
            Some(until) => {
                Some(now + until.checked_sub(time).filter(|&left| left > 0)? * 1_000_000_000)
            }
        };
        Some(Entry {
            network: self.network,
            listed: self.verdict,
            until,
            added: self.added,
            note: self.note,
            syns: 0,
        })
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::{Entry, Line};
    use crate::policy::Listed;

    fn entry(until: Option<u64>) -> Entry {
        Entry {
            network: "192.0.2.0/24".parse().unwrap(),
            listed: Listed::Denied,
            until,
            added: 7,
            note: "scans".into(),
            syns: 0,
        }
    }

    /// The clock of the kernel begins anew at a reboot.
    #[test]
    fn what_is_left_of_its_time_survives_a_reboot() {
        const S: u64 = 1_000_000_000;
        let before = Line::of(&entry(Some(1_000 * S)), 50_000, 400 * S);
        let after = before.entry(50_100, 3 * S).unwrap();
        assert_eq!(after, entry(Some(503 * S)), "600 s were left, and 100 s passed");
        let before = Line::of(&entry(Some(1_000 * S)), 50_000, 400 * S);
        assert_eq!(before.entry(50_600, 3 * S), None);
        assert_eq!(Line::of(&entry(None), 50_000, 400 * S).entry(90_000, 3 * S), Some(entry(None)));
    }
}
