// SPDX-License-Identifier: GPL-2.0-only
//! Measures synflood-xdp and other defences side by side in one run, see docs/bench.md.

mod arena;
mod classes;
mod contenders;
mod defaults;
mod growth;
mod honest;
mod lists;
mod plots;
mod report;
mod results;
mod scenes;
mod sidebyside;
mod trial;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, ensure};
use bench::generator::Shape;
use clap::{Parser, ValueEnum};
use lab::machine::Machine;
use results::Results;
use trial::Trial;

/// Measure synflood-xdp and other defences against the same SYN floods.
#[derive(Debug, Parser)]
struct Cli {
    /// Rounds of each defence against each flood; the median counts
    #[arg(long, default_value_t = 3)]
    rounds: usize,

    /// Seconds of flood in each round
    #[arg(long, default_value_t = 0.5)]
    seconds: f64,

    /// Only the limit and defences whose name contains this
    #[arg(long)]
    only: Vec<String>,

    /// Floods to measure [default: all]
    #[arg(long, value_enum)]
    shape: Vec<Shape>,

    /// What to measure [default: all]
    #[arg(long, value_enum)]
    part: Vec<Part>,

    /// Write the results into docs/bench.md and docs/plots
    #[arg(long, conflicts_with_all = ["only", "shape", "part"])]
    publish: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Defences side by side
    Defences,
    /// The cost of each kind of packet
    Packets,
    /// Honest clients during a flood
    Clients,
    /// Ordinary clients with the default options
    Defaults,
    /// How the cost grows
    Growth,
    /// What lists cost a SYN that is on none
    Lists,
}

fn main() -> ExitCode {
    bench::status(measure(&Cli::parse()))
}

fn measure(cli: &Cli) -> Result<()> {
    ensure!(cli.rounds > 0 && cli.seconds > 0.0, "--rounds and --seconds must be more than 0");
    let time = Duration::from_secs_f64(cli.seconds);
    let shapes = if cli.shape.is_empty() { Shape::value_variants() } else { &cli.shape };
    let is_wanted = |part| cli.part.is_empty() || cli.part.contains(&part);

    let mut results = Results { machine: Machine::of_this_run()?, ..Default::default() };
    println!("{}\n", report::machine(&results));
    if is_wanted(Part::Defences) {
        results.defences = sidebyside::measure(&cli.only, shapes, cli.rounds, time)?;
        println!("{}", report::defences(&results));
    }
    if is_wanted(Part::Packets) {
        results.packets = classes::measure(cli.rounds)?;
        println!("{}", report::packets(&results));
    }
    if is_wanted(Part::Clients) {
        results.clients = honest_clients(shapes, time)?;
        println!("{}", report::clients(&results));
    }
    if is_wanted(Part::Defaults) {
        results.defaults = defaults::measure(cli.rounds, 4 * time)?;
        println!("{}", report::defaults(&results));
    }
    if is_wanted(Part::Growth) {
        results.growth = growth::measure(&[0, 8, 12, 16, 20, 22], cli.rounds, time)?;
        println!("{}", report::growth(&results));
    }
    if is_wanted(Part::Lists) {
        results.lists = lists::measure(cli.rounds)?;
        println!("{}", report::lists(&results));
    }
    if cli.publish {
        report::publish(&results)?;
    }
    Ok(())
}

/// Floods at shares of what our defence absorbs of that flood, measured just before.
fn honest_clients(shapes: &[Shape], time: Duration) -> Result<Vec<honest::Service>> {
    let mut services = Vec::new();
    for &shape in shapes.iter().filter(|&&shape| shape != Shape::Ipv6) {
        let contenders = [&contenders::NONE, &contenders::OURS];
        let mut absorbed = [0.0; 2];
        for (contender, absorbed) in contenders.into_iter().zip(&mut absorbed) {
            let round = Trial::of(contender)?.measure(shape.flood(), 1, time, time)?;
            *absorbed = round.absorbed;
        }
        for share in [0.0, 0.25, 0.5, 1.0] {
            for (contender, its_own) in contenders.into_iter().zip(absorbed) {
                let rate = absorbed[1] * share;
                services.push(honest::measure(contender, shape, rate, share, its_own, 3 * time)?);
            }
        }
    }
    Ok(services)
}
