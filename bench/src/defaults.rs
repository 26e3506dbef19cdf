// SPDX-License-Identifier: GPL-2.0-only
//! Whether the default options harm ordinary clients, without a flood and during one.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use bench::generator::{Flood, Shape};
use bench::median;
use lab::client::{Served, Waits};
use serde::Serialize;

use crate::arena::{Arena, Hosts};
use crate::contenders::{Contender, NONE, OURS};
use crate::scenes::{self, SCENES};

/// SYNs per second that any machine bears, with and without a defence.
const RATE: Option<f64> = Some(100_000.0);
const TOP_SPEED: Option<f64> = None;

/// The floods, with their rates. None: no flood.
const FLOODS: &[Option<(Shape, Option<f64>)>] = &[
    None,
    Some((Shape::One, RATE)),
    Some((Shape::Many, RATE)),
    Some((Shape::Random, RATE)),
    Some((Shape::Random, TOP_SPEED)),
];

/// A scene's requests of all rounds.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    pub scene: &'static str,
    pub defence: &'static str,
    /// The flood, in words.
    pub shape: String,
    /// SYNs per second of the flood, as sent.
    pub flood: f64,
    pub requests: usize,
    pub failed: usize,
    /// Times of the served requests until the answer, in ms.
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub longest_ms: f64,
    /// `p99_ms` as a multiple of that without a flood and without a defence.
    pub of_calm: f64,
}

/// What one contender did against one flood.
#[derive(Clone)]
struct Played {
    /// SYNs per second that were sent, in each round.
    sent: Vec<f64>,
    /// The requests of each scene, in all rounds.
    scenes: Vec<Vec<Option<Served>>>,
}

pub fn measure(rounds: usize, time: Duration) -> Result<Vec<Row>> {
    let contenders = [&NONE, &OURS];
    let pairs = FLOODS.iter().flat_map(|&flood| contenders.map(|contender| (flood, contender)));
    let pairs: Vec<_> = pairs.collect();
    let nothing = Played { sent: Vec::new(), scenes: vec![Vec::new(); SCENES.len()] };
    let mut all = vec![nothing; pairs.len()];
    // Interleaved, so that a disturbance of the machine affects all of them.
    for _ in 0..rounds {
        for (&(flood, contender), played) in pairs.iter().zip(&mut all) {
            let flood = flood.map(|(shape, rate)| Flood { rate, ..shape.flood() });
            let (scenes, sent) = play(contender, flood, time).context(contender.name)?;
            played.sent.push(sent);
            for (whole, part) in played.scenes.iter_mut().zip(scenes) {
                whole.extend(part);
            }
        }
    }
    let mut rows = Vec::new();
    for (index, scene) in SCENES.iter().enumerate() {
        let mut calm = None;
        for (&(flood, contender), played) in pairs.iter().zip(&all) {
            let requests = &played.scenes[index];
            let waits = Waits::of(requests.iter().flatten().map(|served| served.answer));
            let p99_ms = waits.percentile(0.99);
            rows.push(Row {
                scene: scene.name,
                defence: contender.name,
                shape: describe(flood),
                flood: median(played.sent.iter().copied()),
                requests: requests.len(),
                failed: requests.len() - waits.count(),
                p50_ms: waits.percentile(0.5),
                p99_ms,
                longest_ms: waits.percentile(1.0),
                // The first pair is the one without a flood and without a defence.
                of_calm: p99_ms / *calm.get_or_insert(p99_ms),
            });
        }
    }
    Ok(rows)
}

fn describe(flood: Option<(Shape, Option<f64>)>) -> String {
    let Some((shape, rate)) = flood else { return "no".into() };
    format!("{shape:?}{}", if rate.is_none() { ", max" } else { "" }).to_lowercase()
}

/// All scenes, once. Returns also how many SYNs per second the flood sent.
fn play(
    contender: &Contender,
    flood: Option<Flood>,
    time: Duration,
) -> Result<(Vec<Vec<Option<Served>>>, f64)> {
    let arena = Arena::with_web_server(scenes::ADDRESSES, Hosts::Answer)?;
    let _running = (contender.start)(arena.server())?;
    let work = || {
        // Until the flood has reached its rate and has warmed up what it touches first.
        thread::sleep(Duration::from_millis(500));
        Ok(arena.on_the_clients_side(|| scenes::play(time)))
    };
    flood.map_or_else(|| Ok((work()?, 0.0)), |flood| arena.during(flood, 1, work))
}
