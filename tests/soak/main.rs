// SPDX-License-Identifier: GPL-2.0-only
//! A stress test over a longer time: `make soak`. In phases, instances are started, stopped and killed,
//! and lose their interface. A flood, dumps and an honest client run all the time. Needs root.
//!
//! SOAK_SECONDS (120) is the approximate duration. SOAK_SEED (new each time) repeats the choices of a
//! run.

mod background;
mod dumps;
mod flood;
mod honest;
mod kernel;
mod life;
mod phases;

use std::env;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::{Duration, Instant};

use fastrand::Rng;
use lab::frames::SERVER_MAC;
use lab::netns::connect;
use lab::pair::Pair;

use background::Background;
use flood::{Flood, Probe};
use honest::Honest;
use kernel::Kernel;
use life::Line;

struct Soak {
    pair: Arc<Pair>,
    kernel: Kernel,
    /// The honest client uses the first.
    lines: [Line; 2],
    honest: Honest,
    dumps: Background<dumps::Tally>,
    /// The number of instances started.
    lives: AtomicU32,
}

impl Soak {
    fn start(rng: &mut Rng) -> Self {
        let pair = Arc::new(lab::pair!());
        pair.set("net.ipv4.tcp_syncookies=2");
        connect(&pair.client, "eth1", &pair.server, "eth1");
        route(&pair);
        count_only_probes(&pair);
        let lines = ["eth0", "eth1"].map(|interface| Line {
            interface,
            flood: Flood::start(pair.clone(), interface, rng.fork()),
        });
        Self {
            kernel: Kernel::new(),
            lines,
            honest: Honest::start(pair.clone()),
            dumps: dumps::start(pair.clone()),
            lives: AtomicU32::new(0),
            pair,
        }
    }

    /// The interface for phases that use only one.
    fn flooded(&self) -> &Line {
        &self.lines[0]
    }

    /// Fails if anything in the background has failed.
    fn check(&self) {
        self.honest.check();
        self.dumps.check();
        self.lines.iter().for_each(|line| line.flood.check());
    }

    fn finish(self) {
        let frames: u64 = self.lines.map(|line| line.flood.finish()).iter().sum();
        let dumps = self.dumps.finish();
        let honest = self.honest.finish();
        println!(
            "soak: {frames} frames sent; {} instances, {} dumps of one and {} of none; {} connections of the \
             honest client, the slowest took {:.0?}",
            self.lives.into_inner(),
            dumps.shown,
            dumps.none,
            honest.connections,
            honest.slowest,
        );
    }
}

/// Lets the server answer the flood, as on the Internet. These answers end at the client.
fn route(pair: &Pair) {
    let mac = SERVER_MAC.map(|octet| format!("{octet:02x}")).join(":");
    for interface in ["eth0", "eth1"] {
        pair.server.run("ip", &["link", "set", interface, "address", &mac]);
    }
    pair.server.run("ip", &["route", "replace", "default", "via", "10.0.0.1"]);
    pair.server.run("ip", &["-6", "route", "replace", "default", "via", "fd00:5::1"]);
}

/// Other sources would fill the server's sets.
fn count_only_probes(pair: &Pair) {
    for (family, probes) in [("ip", Probe::NETWORK4), ("ip6", Probe::NETWORK6)] {
        let rule = format!("insert rule inet arrived first {family} saddr != {probes} accept");
        pair.server.run("nft", &[&rule]);
    }
}

fn setting<T: FromStr>(name: &str, default: T) -> T {
    let Ok(text) = env::var(name) else { return default };
    text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number"))
}

type Phase = fn(&Soak, Duration, &mut Rng) -> String;

/// Each phase with its share of the time in percent.
const PHASES: [(&str, u32, Phase); 6] = [
    ("steady", 15, phases::steady),
    ("answered", 10, phases::answered),
    ("refused", 4, phases::refused),
    ("deleted", 5, phases::deleted),
    ("killed", 8, phases::killed),
    ("restarted", 58, phases::restarted),
];

#[test]
#[ignore = "takes two minutes: make soak"]
fn nothing_leaks_and_no_honest_client_is_locked_out() {
    let time = Duration::from_secs(setting("SOAK_SECONDS", 120));
    let seed = setting("SOAK_SEED", fastrand::u64(..));
    println!("\nsoak: {} s, SOAK_SEED={seed}", time.as_secs());
    let mut rng = Rng::with_seed(seed);
    let soak = Soak::start(&mut rng);
    for (name, share, phase) in PHASES {
        let start = Instant::now();
        let done = phase(&soak, time * share / 100, &mut rng);
        soak.kernel.assert_nothing_left();
        println!(
            "  {name:<9} {:>4.0} s  {done}; nothing left in the kernel",
            start.elapsed().as_secs_f64()
        );
    }
    soak.finish();
}
