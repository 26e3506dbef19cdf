// SPDX-License-Identifier: GPL-2.0-only
//! What a run shows while it goes on, as text.

use chrono::{DateTime, Local};

use super::model::{PortQueue, Status};
use super::notes::{sources, stopped};
use super::units::{count, whole};
use crate::note::Kind;

/// Two lines: how bad it is, and whether visitors suffer.
pub fn status(status: &Status, time: DateTime<Local>) -> [String; 2] {
    let names = status.interfaces.join(", ");
    [
        format!("{} {names} {}", time.format("%H:%M:%S"), attack(status)),
        format!("         {}", visitors(status)),
    ]
}

/// "ATTACK 4m12s  41.0k SYN/s, 99.9 % stopped: random sources and 1 address"
fn attack(status: &Status) -> String {
    let rate = count(status.rates.syn_per_s);
    let rate = format!("{rate} SYN/s, {}", stopped(status.stopped, status.dry_run));
    let Some(time) = status.flood else { return format!("calm  {rate}") };
    let (word, from) = match &status.flood_nature {
        Some(nature) if nature.kind == Kind::Crowd => ("CROWD", format!(": {}", sources(nature))),
        Some(nature) if nature.kind != Kind::Unknown => ("ATTACK", format!(": {}", sources(nature))),
        _ => ("ATTACK", String::new()),
    };
    format!("{word} {}  {rate}{from}", whole(time))
}

/// "visitors: 212/s connected, 3/s of them by cookie, 0 refused    queue :443 12/4096"
fn visitors(status: &Status) -> String {
    let rates = &status.rates;
    // Of those that were begun by cookie some may not stand: the server does not accept.
    let by_cookie = match rates.by_cookie_per_s.min(rates.connected_per_s) {
        0 => String::new(),
        some => format!(", {}/s of them by cookie", count(some)),
    };
    let refused = match rates.refused_per_s {
        0 => "0 refused".into(),
        some => format!("{}/s refused", count(some)),
    };
    let blocked = match status.blocked_sources {
        0 => String::new(),
        some => format!("    blocked: {}", count(some)),
    };
    let queue = status.queues.first().map_or(String::new(), |PortQueue { port, length, limit }| {
        format!("    queue :{port} {length}/{limit}")
    });
    format!(
        "visitors: {}/s connected{by_cookie}, {refused}{blocked}{queue}",
        count(rates.connected_per_s)
    )
}

/// Both in one, without the time, for a service manager.
pub fn in_a_line(status: &Status) -> String {
    format!("{}; {}", attack(status), visitors(status))
}
