// SPDX-License-Identifier: GPL-2.0-only
//! SYNs drawn from captures of any size.

use std::fs;
use std::io::{self, BufReader, Read};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use fastrand::Rng;

use super::capture;
use crate::learn::Syn;
use crate::learn::answered::{Entry, Known};
use crate::policy::faults::harmless;
use crate::show::learned::File;

/// Standard input.
const DASH: &str = "-";

/// SYNs at most, of 66 bytes. Ten times as many would tell next to nothing more.
const MAX_SYNS: usize = 1 << 16;

/// What one side's captures hold.
pub struct Sample {
    pub files: Vec<File>,
    /// Each SYN of all files has the same chance to be here, with its source.
    pub seen: Vec<(IpAddr, Syn)>,
}

impl Sample {
    pub fn syns(&self) -> Vec<Syn> {
        self.seen.iter().map(|(_, syn)| *syn).collect()
    }

    /// Its SYNs as those of honest clients.
    pub fn known(&self) -> Vec<Known> {
        self.seen.iter().map(|(source, syn)| Entry::seeded(*syn, *source).known()).collect()
    }
}

/// The same files give the same sample.
pub fn read(paths: &[PathBuf]) -> Result<Sample> {
    let mut reservoir = Reservoir { kept: Vec::new(), seen: 0, rng: Rng::with_seed(0) };
    let files = paths.iter().map(|path| file(path, &mut reservoir)).collect::<Result<_>>()?;
    Ok(Sample { files, seen: reservoir.kept })
}

fn file(path: &Path, reservoir: &mut Reservoir) -> Result<File> {
    let (name, input) = open(path)?;
    let before = reservoir.seen;
    let contents = capture::read(input, &mut |packet| {
        if let Some(seen) = Syn::of_packet(packet) {
            reservoir.offer(seen);
        }
    })
    .with_context(|| format!("cannot read {name}"))?;
    let syns = reservoir.seen - before;
    ensure!(
        syns > 0,
        "no SYN is in {name} (packets: {}{}): capture with tcpdump -s 128 -w FILE 'tcp[13] & 0x12 == 2 or ip6 proto 6'",
        contents.packets,
        contents.broken.map(|why| format!("; {why}")).unwrap_or_default()
    );
    Ok(File { name, syns, broken: contents.broken })
}

fn open(path: &Path) -> Result<(String, Box<dyn Read>)> {
    if path == Path::new(DASH) {
        return Ok(("standard input".into(), Box::new(io::stdin().lock())));
    }
    let name = harmless(&path.display().to_string());
    let file = fs::File::open(path).with_context(|| format!("cannot read {name}"))?;
    Ok((name, Box::new(BufReader::new(file))))
}

/// Algorithm R.
struct Reservoir {
    kept: Vec<(IpAddr, Syn)>,
    seen: u64,
    rng: Rng,
}

impl Reservoir {
    fn offer(&mut self, seen: (IpAddr, Syn)) {
        self.seen += 1;
        if self.kept.len() < MAX_SYNS {
            self.kept.push(seen);
            return;
        }
        let place = usize::try_from(self.rng.u64(..self.seen)).unwrap_or(usize::MAX);
        if let Some(place) = self.kept.get_mut(place) {
            *place = seen;
        }
    }
}
