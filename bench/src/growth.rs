// SPDX-License-Identifier: GPL-2.0-only
//! How the cost grows with sources, the size of the table, the family and CPUs.

use std::thread;
use std::time::Duration;

use anyhow::Result;
use bench::generator::Flood;
use bench::median;
use serde::Serialize;

use crate::contenders::{Contender, EACH_ONCE, LIMIT, OURS_EACH_ONCE, synflood};
use crate::trial::Trial;

/// One point of a plot.
#[derive(Debug, Clone, Serialize)]
pub struct Point {
    pub series: &'static str,
    /// The number of sources, of places in the table, or of CPUs.
    pub x: u64,
    /// Median frames per second of synflood-xdp. `limit` is that of a bare XDP_DROP in the same rounds.
    pub absorbed: f64,
    pub limit: f64,
}

macro_rules! table_of {
    ($size:literal) => {
        (
            $size,
            Contender {
                start: |server| {
                    synflood(server, &[EACH_ONCE, &["--max-sources", stringify!($size)]].concat())
                },
                ..OURS_EACH_ONCE
            },
        )
    };
}

pub fn measure(source_bits: &[u32], rounds: usize, time: Duration) -> Result<Vec<Point>> {
    let flood = |ipv6, bits| Flood { ipv6, sources: 1_u64 << bits, rate: None, count: None };
    let (_, roomy) = table_of!(8388608);
    let point = |series, x, contender: &Contender, flood: Flood, cpus| -> Result<Point> {
        let limit = Trial::of(&LIMIT)?;
        let ours = Trial::of(contender)?;
        // About 200,000 new sources enter per second. Wait until all are known.
        let entering = Duration::from_secs_f64(flood.sources as f64 / 150_000.0);
        ours.endure(flood, cpus, time + entering)?;
        let mut absorbed = [const { Vec::new() }; 2];
        for _ in 0..rounds {
            for (trial, absorbed) in [&ours, &limit].into_iter().zip(&mut absorbed) {
                absorbed.push(trial.measure(flood, cpus, time / 2, time)?.absorbed);
            }
        }
        let [absorbed, limit] = absorbed.map(median);
        Ok(Point { series, x, absorbed, limit })
    };
    let mut points = Vec::new();
    for &bits in source_bits {
        for (series, ipv6) in [("sources, IPv4", false), ("sources, IPv6", true)] {
            points.push(point(series, 1 << bits, &roomy, flood(ipv6, bits), 1)?);
        }
    }
    for (size, contender) in
        [table_of!(65536), table_of!(262144), table_of!(1048576), table_of!(4194304)]
    {
        points.push(point("table size", size, &contender, flood(false, 14), 1)?);
    }
    for cpus in 1..=thread::available_parallelism()?.get() {
        points.push(point("CPUs", cpus as u64, &OURS_EACH_ONCE, flood(false, 16), cpus)?);
    }
    Ok(points)
}
