// SPDX-License-Identifier: GPL-2.0-only
//! Honest clients of a real web server while a flood goes on.

use std::net::Ipv4Addr;
use std::ops::Range;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use bench::generator::{Flood, Shape};
use lab::client::{Served, Waits, request};
use lab::cpu;
use serde::Serialize;

use crate::arena::{Arena, Hosts, PATIENCE, SERVER};
use crate::contenders::Contender;

/// The last bytes of the clients' hundred addresses.
const CLIENTS: Range<u8> = 101..201;

/// The time between two requests, of whichever clients.
const INTERVAL: Duration = Duration::from_millis(4);

/// The clients' results.
#[derive(Debug, Clone, Serialize)]
pub struct Service {
    pub defence: &'static str,
    pub shape: Shape,
    /// SYNs per second of the flood, as sent.
    pub flood: f64,
    /// The flood as a share of what our defence absorbs.
    pub share: f64,
    /// CPU time for a million SYNs of the flood, in s, including the generator. Measured without
    /// clients.
    pub cpu_s: f64,
    pub requests: usize,
    pub served: usize,
    /// Connect times of the served requests, in ms.
    pub p50_ms: f64,
    pub p99_ms: f64,
}

/// Measures the clients' requests during a flood of `rate` SYNs per second. `share` is this rate as a
/// share of what our defence absorbs; 0 means no flood. `absorbed` is what this contender absorbs.
pub fn measure(
    contender: &Contender,
    shape: Shape,
    rate: f64,
    share: f64,
    absorbed: f64,
    time: Duration,
) -> Result<Service> {
    let arena = Arena::with_web_server(CLIENTS, Hosts::Absent)?;
    let _running = (contender.start)(arena.server())?;
    let is_calm = share == 0.0;
    let flood = Flood { rate: (share < 1.0).then_some(rate), ..shape.flood() };
    let (all, flood) = arena.during(flood, usize::from(!is_calm), || {
        // Until the flood has reached its rate and has warmed up what it touches first.
        thread::sleep(Duration::from_millis(500));
        Ok(arena.on_the_clients_side(|| requests(time)))
    })?;
    let waits = Waits::of(all.iter().flatten().map(|served| served.connect));
    Ok(Service {
        defence: contender.name,
        shape,
        flood,
        share,
        cpu_s: 1e6 / absorbed,
        requests: all.len(),
        served: waits.count(),
        p50_ms: waits.percentile(0.5),
        p99_ms: waits.percentile(0.99),
    })
}

/// One request after the other, each from the next client, on a CPU without the flood. None: not
/// served.
fn requests(time: Duration) -> Vec<Option<Served>> {
    // Fails on a machine with one CPU.
    let _ = cpu::stay_on(1);
    let start = Instant::now();
    let count = time.div_duration_f64(INTERVAL) as usize;
    let clients = CLIENTS.cycle().take(count).enumerate();
    clients
        .map(|(number, client)| {
            let due = start + INTERVAL * number as u32;
            thread::sleep(due.saturating_duration_since(Instant::now()));
            request(Ipv4Addr::new(10, 0, 0, client), SERVER, PATIENCE).ok()
        })
        .collect()
}
