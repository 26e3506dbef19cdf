// SPDX-License-Identifier: GPL-2.0-only
//! Honest clients. Each requests page after page, over a new connection each time.

use std::net::Ipv4Addr;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use lab::client::{Waits, request};
use lab::{cpu, netns::Netns};
use nix::unistd::Pid;

use crate::network::{CLIENTS, INTERNET_CPU, SERVER};

/// A client gives up when it has waited this long. It repeats a lost SYN after one second.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// Between the requests of one client, if the answer comes in time.
pub const INTERVAL: Duration = Duration::from_millis(50);

pub const CLIENT_COUNT: u32 = (*CLIENTS.end() - *CLIENTS.start() + 1) as u32;

/// Pages per second that all clients request together, if all answers come in time.
pub fn pages_wanted() -> f64 {
    f64::from(CLIENT_COUNT) / INTERVAL.as_secs_f64()
}

/// The results until now, in the order in which they came.
#[derive(Debug, Default)]
pub struct Pages {
    /// What each page took, or that the client gave up.
    all: Vec<Option<Duration>>,
}

impl Pages {
    pub fn asked(&self) -> usize {
        self.all.len()
    }

    pub fn failed(&self) -> usize {
        self.all.iter().filter(|page| page.is_none()).count()
    }

    pub fn served(&self) -> usize {
        self.asked() - self.failed()
    }

    /// The time within which this share of the clients had a page or gave up.
    pub fn percentile_ms(&self, share: f64) -> f64 {
        Waits::of(self.all.iter().map(|page| page.unwrap_or(PATIENCE))).percentile(share)
    }
}

/// Lets all clients request pages for this time, and ends when the last has its page or has given up.
pub fn request_pages(internet: &Netns, time: Duration, pages: &Mutex<Pages>) {
    internet.enter(|| {
        // The clients' threads inherit both. Where it is forbidden to come first, clients share the
        // CPU with the flood, and wait longer.
        let _ = cpu::stay_on(INTERNET_CPU);
        let _ = cpu::run_first(Pid::from_raw(0));
        let end = Instant::now() + time;
        thread::scope(|scope| {
            for (number, client) in CLIENTS.enumerate() {
                scope.spawn(move || {
                    // Spread evenly.
                    thread::sleep(INTERVAL / CLIENT_COUNT * number as u32);
                    visit(Ipv4Addr::new(10, 0, 0, client), end, pages);
                });
            }
        });
    });
}

fn visit(from: Ipv4Addr, end: Instant, pages: &Mutex<Pages>) {
    while Instant::now() < end {
        let start = Instant::now();
        let served = request(from, SERVER, PATIENCE);
        // A panic elsewhere ends the show anyway.
        if let Ok(mut pages) = pages.lock() {
            pages.all.push(served.ok().map(|served| served.answer));
        }
        thread::sleep(INTERVAL.saturating_sub(start.elapsed()));
    }
}

#[test]
fn who_gave_up_counts_as_slowest() {
    let served = Some(Duration::from_millis(3));
    let pages = Pages { all: vec![None, served, served, served] };
    assert_eq!((pages.asked(), pages.failed(), pages.served()), (4, 1, 3));
    assert_eq!((pages.percentile_ms(0.5), pages.percentile_ms(0.99)), (3.0, 2000.0));
}
