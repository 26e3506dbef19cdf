// SPDX-License-Identifier: GPL-2.0-only
//! Measures synflood-xdp beside other defences, side by side in one run: see docs/bench.md.

mod arena;
mod contenders;
mod generator;
#[path = "../../tests/common/netns.rs"]
#[allow(dead_code)] // the tests' own; this uses its part
mod netns;
mod skels;

use std::fs;
use std::iter;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use arena::{Arena, Round};
use clap::Parser;
use clap::ValueEnum;
use contenders::Contender;
use generator::Shape;

/// Measure synflood-xdp beside other defences against the same SYN floods.
#[derive(Debug, Parser)]
struct Cli {
    /// Times that each defence meets each flood; the median counts
    #[arg(long, default_value_t = 5)]
    rounds: usize,

    /// Seconds of flood in each round
    #[arg(long, default_value_t = 0.5)]
    seconds: f64,

    /// Only defences whose name contains this, beside the limit
    #[arg(long)]
    only: Vec<String>,

    /// Floods to meet [default: all]
    #[arg(long, value_enum)]
    shape: Vec<Shape>,
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    ensure!(cli.rounds > 0 && cli.seconds > 0.0, "give at least one round of some time");
    let time = Duration::from_secs_f64(cli.seconds);
    let is_chosen = |contender: &&Contender| {
        cli.only.is_empty() || cli.only.iter().any(|part| contender.name.contains(part.as_str()))
    };
    let (limit, others) = contenders::ALL.split_first().context("no contenders")?;
    // All others are shown as a share of the limit.
    let contenders: Vec<_> = iter::once(limit).chain(others.iter().filter(is_chosen)).collect();
    let shapes = if cli.shape.is_empty() { Shape::value_variants() } else { &cli.shape };

    print_machine()?;
    println!(
        "{:<20} {:>7} {:>18} {:>8} {:>10}",
        "DEFENCE", "FLOOD", "MPPS (SPREAD)", "OF DROP", "TO TCP/S"
    );
    for &shape in shapes {
        let mut rounds = vec![Vec::new(); contenders.len()];
        // Interleaved: what disturbs the machine disturbs all of them.
        for _ in 0..cli.rounds {
            for (contender, rounds) in contenders.iter().zip(&mut rounds) {
                rounds.push(Arena::new()?.measure(contender, shape, time)?);
            }
        }
        let limit = median(&rounds[0], |round| round.absorbed);
        for (contender, rounds) in contenders.iter().zip(&rounds) {
            print_row(contender.name, shape, rounds, limit);
        }
    }
    Ok(())
}

/// Figures mean nothing without it.
fn print_machine() -> Result<()> {
    let kernel = nix::sys::utsname::uname()?;
    let cpuinfo = fs::read_to_string("/proc/cpuinfo")?;
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name\t: "));
    println!(
        "Linux {}, {} CPUs, {}; generator and defence share one CPU",
        kernel.release().to_string_lossy(),
        thread::available_parallelism()?,
        model.unwrap_or("of an unnamed model")
    );
    Ok(())
}

fn print_row(name: &str, shape: Shape, rounds: &[Round], limit: f64) {
    let absorbed = median(rounds, |round| round.absorbed);
    let (least, most) = rounds.iter().fold((f64::MAX, 0.0_f64), |(least, most), round| {
        (least.min(round.absorbed), most.max(round.absorbed))
    });
    let shown = format!("{:.2} ({:.2}-{:.2})", absorbed / 1e6, least / 1e6, most / 1e6);
    println!(
        "{name:<20} {:>7} {shown:>18} {:>8.2} {:>10.0}",
        format!("{shape:?}").to_lowercase(),
        absorbed / limit,
        median(rounds, |round| round.to_tcp),
    );
}

fn median(rounds: &[Round], value: impl Fn(&Round) -> f64) -> f64 {
    let mut values: Vec<f64> = rounds.iter().map(value).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
