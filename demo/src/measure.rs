// SPDX-License-Identifier: GPL-2.0-only
//! What clients and the server feel.

use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use bench::generator::Meter;
use lab::cpu::Times;
use lab::figures::nstat;

use crate::clients::{PATIENCE, Pages, request_pages};
use crate::network::{Network, SERVER_CPU};

/// How long clients request pages.
const TIME: Duration = Duration::from_secs(3);

/// Between two looks at what has been served.
const TICK: Duration = Duration::from_millis(200);

/// What was felt in one phase.
#[derive(Debug, Clone, Copy)]
pub struct Felt {
    /// Pages per second.
    pub pages: f64,
    pub asked: usize,
    pub failed: usize,
    pub p50_ms: f64,
    pub p99_ms: f64,
    /// The share of the server's CPU that its packets left.
    pub cpu_left: f64,
    /// SYNs per second of the flood, as sent.
    pub sent: f64,
    /// Segments per second that reached the server's TCP.
    pub to_tcp: f64,
}

/// All counts of this machine at one moment.
struct Counts {
    at: Instant,
    sent: u64,
    to_tcp: u64,
    cpu: Times,
}

impl Counts {
    fn now(network: &Network, flood: Option<&Meter>) -> Self {
        Self {
            at: Instant::now(),
            sent: flood.map_or(0, Meter::sent),
            to_tcp: nstat(&network.server, "TcpInSegs"),
            cpu: Times::of(SERVER_CPU),
        }
    }
}

/// Lets clients request pages, and tells meanwhile how many per second they get.
pub fn measure(
    network: &Network,
    flood: Option<&Meter>,
    mut tell: impl FnMut(f64) -> Result<()>,
) -> Result<Felt> {
    let pages = &Mutex::new(Pages::default());
    let before = Counts::now(network, flood);
    let after = thread::scope(|scope| {
        let clients = scope.spawn(|| request_pages(&network.internet, TIME, pages));
        while before.at.elapsed() < TIME {
            thread::sleep(TICK);
            let served = pages.lock().map_or(0, |pages| pages.served());
            tell(served as f64 / before.at.elapsed().as_secs_f64())?;
        }
        let after = Counts::now(network, flood);
        clients.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        anyhow::Ok(after)
    })?;
    let pages = pages.lock().map_err(|_| anyhow!("a client panicked"))?;
    let seconds = (after.at - before.at).as_secs_f64();
    Ok(Felt {
        pages: pages.served() as f64 / seconds,
        asked: pages.asked(),
        failed: pages.failed(),
        p50_ms: pages.percentile_ms(0.5),
        p99_ms: pages.percentile_ms(0.99),
        cpu_left: 1.0 - after.cpu.interrupts_since(before.cpu),
        sent: (after.sent - before.sent) as f64 / seconds,
        to_tcp: (after.to_tcp - before.to_tcp) as f64 / seconds,
    })
}

/// Time in a person's words.
pub fn wait(ms: f64) -> String {
    if ms >= PATIENCE.as_secs_f64() * 1e3 {
        "gave up".into()
    } else if ms >= 1000.0 {
        format!("{:.1} s", ms / 1e3)
    } else if ms >= 9.95 {
        format!("{ms:.0} ms")
    } else {
        format!("{ms:.1} ms")
    }
}

#[test]
fn waits_are_short_words() {
    let words = [0.26, 9.96, 999.4, 1441.6, 2000.0].map(wait);
    assert_eq!(words, ["0.3 ms", "10 ms", "999 ms", "1.4 s", "gave up"]);
}
