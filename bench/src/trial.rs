// SPDX-License-Identifier: GPL-2.0-only
//! A contender in its own arena, under a flood.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bench::generator::{Flood, Shape};
use serde::Serialize;

use crate::arena::Arena;
use crate::contenders::{Contender, Running};

/// The result of one round.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Round {
    /// Frames per second that the defence took in.
    pub absorbed: f64,
    /// Segments per second that reached the server's TCP.
    pub to_tcp: f64,
}

/// A running defence.
pub struct Trial<'a> {
    // First, as fields are dropped in this order: the defence ends before the arena.
    _running: Running,
    contender: &'a Contender,
    arena: Arena,
}

impl<'a> Trial<'a> {
    pub fn of(contender: &'a Contender) -> Result<Self> {
        let arena = Arena::new()?;
        let running = (contender.start)(arena.server()).with_context(|| contender.name)?;
        Ok(Self { _running: running, contender, arena })
    }

    /// Runs a flood without measuring it.
    pub fn endure(&self, flood: Flood, cpus: usize, time: Duration) -> Result<()> {
        let ((), _) = self.arena.during(flood, cpus, || {
            thread::sleep(time);
            Ok(())
        })?;
        Ok(())
    }

    /// `warm_up` is not measured: the first SYN of each source is not typical of the flood.
    pub fn measure(
        &self,
        flood: Flood,
        cpus: usize,
        warm_up: Duration,
        time: Duration,
    ) -> Result<Round> {
        let count = || (self.arena.received(), self.arena.tcp_segments(), Instant::now());
        let (round, _) = self.arena.during(flood, cpus, || {
            thread::sleep(warm_up);
            let before = count();
            thread::sleep(time);
            let after = count();
            let elapsed = (after.2 - before.2).as_secs_f64();
            let per_second = |now: u64, then: u64| (now - then) as f64 / elapsed;
            Ok(Round { absorbed: per_second(after.0, before.0), to_tcp: per_second(after.1, before.1) })
        })?;
        let lets_on = round.to_tcp > round.absorbed / 1000.0;
        ensure!(
            flood != Shape::One.flood() || !self.contender.stops_before_tcp || !lets_on,
            "{} does not stop a flood from one source: {round:?}",
            self.contender.name
        );
        Ok(round)
    }
}
