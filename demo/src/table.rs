// SPDX-License-Identifier: GPL-2.0-only
//! The results of an act.

use std::time::Duration;

use crate::figures::Syns;
use crate::requests::{Pages, REQUESTS};

/// The results of one phase.
#[derive(Debug, Clone, Copy)]
pub struct Results {
    pub rates: Syns,
    pub half_open: usize,
    pub pages: Pages,
}

/// "1.5 ms"
pub fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

/// Both phases of an act side by side.
pub fn comparison(without: &Results, with: &Results) -> String {
    let row = |label: &str, figure: &dyn Fn(&Results) -> String| {
        format!("{label:<36} {:>12} {:>12}\n", figure(without), figure(with))
    };
    [
        format!("{:<36} {:>12} {:>12}\n", "", "without", "with"),
        row("SYNs/s the attacker sends", &|each| each.rates.sent.to_string()),
        row("SYNs/s the server's TCP receives", &|each| each.rates.received.to_string()),
        row("SYN-ACKs/s it sends to the attacker", &|each| each.rates.answered.to_string()),
        row("SYN cookies/s, as its queue is full", &|each| each.rates.cookies.to_string()),
        row("half-open connections at the end", &|each| each.half_open.to_string()),
        row(&format!("pages served, of {REQUESTS}"), &|each| each.pages.served.to_string()),
        row("the slowest of them", &|each| milliseconds(each.pages.slowest)),
    ]
    .concat()
}

#[test]
fn figures_are_side_by_side() {
    let results = |sent| Results {
        rates: Syns { sent, received: 0, answered: 0, cookies: 0 },
        half_open: 512,
        pages: Pages { served: REQUESTS, slowest: Duration::from_micros(2_520) },
    };
    let table = comparison(&results(5721), &results(5982));
    let lines: Vec<_> = table.lines().collect();
    assert_eq!(lines[0].split_whitespace().collect::<Vec<_>>(), ["without", "with"]);
    assert_eq!(lines[1], "SYNs/s the attacker sends                    5721         5982");
    assert_eq!(lines[7], "the slowest of them                        2.5 ms       2.5 ms");
}
