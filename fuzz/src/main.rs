// SPDX-License-Identifier: GPL-2.0-only
//! Compares the shipped program with an oracle, frame by frame: first the kept frames, then new ones
//! until the time is over. Then the same with segments and the program that redeems cookies. Needs root.
//!
//! FUZZ_SECONDS (60) is the duration of each. FUZZ_SEED (new each time) repeats the same frames.

#![deny(unsafe_code)]

mod generate;
mod minimise;
mod oracle;
mod redeemer;
mod seeds;
mod segments;
mod shipped;

use std::env;
use std::fmt;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use fastrand::Rng;

use generate::Generator;
use oracle::Verdict;
use shipped::Shipped;

/// The oracle and the program disagree on a frame.
struct Disagreement {
    /// The length of the frame's first buffer.
    linear: usize,
    expected: Verdict,
    found: Verdict,
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { linear, expected, found } = self;
        write!(f, "oracle {expected}, program {found} (first buffer: {linear} bytes)")
    }
}

/// Judges a frame with its first buffer ending at each of these lengths.
fn compare(
    shipped: &Shipped,
    frame: &[u8],
    mut linear: impl Iterator<Item = usize>,
) -> Option<Disagreement> {
    let expected = oracle::judge(frame);
    linear.find_map(|linear| {
        let found = shipped.judge(frame, linear);
        (found != expected).then_some(Disagreement { linear, expected, found })
    })
}

/// All ends that the first buffer can have.
fn everywhere(frame: &[u8]) -> impl Iterator<Item = usize> + use<> {
    (shipped::MIN_LEN..=frame.len()).rev()
}

/// Minimises, saves and prints a frame with a disagreement.
fn report(shipped: &Shipped, frame: &[u8]) -> Result<()> {
    let differs = |frame: &[u8]| {
        frame.len() >= shipped::MIN_LEN && compare(shipped, frame, everywhere(frame)).is_some()
    };
    let frame = minimise::minimise(frame, differs);
    let what = compare(shipped, &frame, everywhere(&frame)).context("minimised to nothing")?;
    let path = seeds::keep(&frame, &what.to_string())?;
    eprintln!("{what}\n{}\nkept in {}", seeds::hex(&frame), path.display());
    Ok(())
}

fn setting<T: FromStr>(name: &str, default: T) -> Result<T> {
    let Ok(text) = env::var(name) else { return Ok(default) };
    text.parse().ok().with_context(|| format!("{name}={text} is not a number"))
}

fn run() -> Result<bool> {
    let time = Duration::from_secs(setting("FUZZ_SECONDS", 60)?);
    let seed = setting("FUZZ_SEED", fastrand::u64(..))?;
    println!("differential: {} s, FUZZ_SEED={seed}", time.as_secs());

    let shipped = Shipped::load();
    let seeds = seeds::all()?;
    for (name, frame) in &seeds {
        if compare(&shipped, frame, everywhere(frame)).is_some() {
            eprintln!("disagreement on {name}");
            report(&shipped, frame)?;
            return Ok(false);
        }
    }
    println!("  {} kept frames agree, wherever their first buffer ends", seeds.len());

    let mut rng = Rng::with_seed(seed);
    let generator = Generator::new(seeds.into_iter().map(|(_, frame)| frame).collect());
    let start = Instant::now();
    let mut frames = 0_u64;
    while start.elapsed() < time {
        let frame = generator.frame(&mut rng);
        let split = rng.usize(shipped::MIN_LEN..=frame.len());
        if compare(&shipped, &frame, [frame.len(), split].into_iter()).is_some() {
            eprintln!("disagreement on frame {frames} of FUZZ_SEED={seed}");
            report(&shipped, &frame)?;
            return Ok(false);
        }
        frames += 1;
    }
    let rate = frames as f64 / start.elapsed().as_secs_f64();
    println!("  {frames} new frames agree, each in one buffer and in two: {rate:.0} frames/s");
    shipped.check_counters();
    redeemer::run(time, &generator, &mut rng)
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
