// SPDX-License-Identifier: GPL-2.0-only
//! Keeps the SYNs of honest clients: in a map, where the next run finds them, and in the service's state directory,
//! where they are after a reboot.

use std::time::Duration;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::kernel::maps::lists::Lock;
use crate::kernel::maps::{Maps, answered};
use crate::learn::answered::{Entry, Time};
use crate::learn::{Answered, Family, Learner, Syn};
use crate::upkeep::state_file::StateFile;

/// Between two times that they are written into the map, and to the disk.
const EACH: Duration = Duration::from_secs(2);
const EACH_TO_DISK: Duration = Duration::from_mins(5);

const NAME: &str = "honest-syns.json";

pub struct Sample {
    seed: u64,
    file: Option<StateFile>,
    changes: u32,
    written: Duration,
    written_to_disk: Duration,
}

/// An entry in the file.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    source: [u8; 16],
    is_ipv6: bool,
    is_of_war: bool,
    is_seeded: bool,
    syn: Vec<u8>,
}

impl Sample {
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            file: StateFile::find(NAME),
            changes: 0,
            written: Duration::ZERO,
            written_to_disk: Duration::ZERO,
        }
    }

    /// Reads what another run has left: in the map, or on the disk.
    pub fn begin(&mut self, maps: &Maps, learner: &mut Learner, now: Duration) -> Result<()> {
        (self.written, self.written_to_disk) = (now, now);
        self.changes = answered::changes(maps)?;
        let mut entries = answered::read(maps)?;
        if let Some(file) = self.file.as_ref().filter(|_| entries.is_empty()) {
            let lines: Vec<Line> = file.read()?.unwrap_or_default();
            entries = lines.into_iter().filter_map(Line::entry).collect();
        }
        *learner.answered_mut() = Answered::from_entries(entries, self.seed);
        Ok(())
    }

    /// Takes what an operator has given, and writes what has changed.
    pub fn look(&mut self, maps: &Maps, learner: &mut Learner, now: Duration) -> Result<()> {
        let changes = answered::changes(maps)?;
        if changes != self.changes {
            self.changes = changes;
            let seen = learner.answered().entries().to_vec();
            let given = answered::read(maps)?.into_iter().filter(|entry| entry.is_seeded);
            let all = given.chain(seen.into_iter().filter(|entry| !entry.is_seeded));
            *learner.answered_mut() = Answered::from_entries(all, self.seed);
        } else if now >= self.written + EACH {
            self.written = now;
            let lock = Lock::wait()?;
            // What somebody has given meanwhile is taken at the next look.
            if answered::changes(maps)? == changes {
                answered::write(maps, learner.answered().entries(), &lock)?;
            }
        }
        if now >= self.written_to_disk + EACH_TO_DISK {
            self.written_to_disk = now;
            self.write_to_disk(learner)?;
        }
        Ok(())
    }

    /// The last time. Who comes next begins with less if it fails, and learns anew.
    pub fn finish(&self, maps: &Maps, learner: &Learner) {
        if let Ok(Some(lock)) = Lock::try_now() {
            let _ = answered::write(maps, learner.answered().entries(), &lock);
        }
        let _ = self.write_to_disk(learner);
    }

    fn write_to_disk(&self, learner: &Learner) -> Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let lines: Vec<Line> = learner.answered().entries().iter().map(Line::of).collect();
        file.write(&lines)
    }
}

impl Line {
    fn of(entry: &Entry) -> Self {
        Self {
            source: entry.source,
            is_ipv6: entry.syn.family == Family::Ipv6,
            is_of_war: entry.time == Time::War,
            is_seeded: entry.is_seeded,
            syn: entry.syn.bytes.to_vec(),
        }
    }

    /// None: it was not written like this.
    fn entry(self) -> Option<Entry> {
        let family = if self.is_ipv6 { Family::Ipv6 } else { Family::Ipv4 };
        Some(Entry {
            syn: Syn { family, bytes: self.syn.try_into().ok()? },
            source: self.source,
            time: if self.is_of_war { Time::War } else { Time::Peace },
            is_seeded: self.is_seeded,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::learn::SYN_LEN;

    #[test]
    fn they_survive_a_reboot() {
        let folder = tempfile::tempdir().unwrap();
        let file = StateFile::at(folder.path().join(NAME));
        assert!(file.read::<Vec<Line>>().unwrap().is_none(), "before the first time");
        let entry = |number: u8, family, time| {
            let source: IpAddr = format!("192.0.2.{number}").parse().unwrap();
            Entry::seen(Syn { family, bytes: [number; SYN_LEN] }, source, time)
        };
        let seeded = Entry { is_seeded: true, ..entry(3, Family::Ipv4, Time::Peace) };
        let entries = [entry(1, Family::Ipv4, Time::War), entry(2, Family::Ipv6, Time::Peace), seeded];
        file.write(&entries.iter().map(Line::of).collect::<Vec<_>>()).unwrap();
        let read: Vec<Line> = file.read().unwrap().unwrap();
        assert_eq!(read.into_iter().filter_map(Line::entry).collect::<Vec<_>>(), entries);
    }
}
