// SPDX-License-Identifier: GPL-2.0-only
//! Clients as a server has them on an ordinary day.

use std::net::Ipv4Addr;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use lab::client::{Served, request};
use lab::cpu;

use crate::arena::{PATIENCE, SERVER};

/// The last bytes of all addresses below.
pub const ADDRESSES: Range<u8> = 101..112;
const BROWSERS: Range<u8> = 101..109;
const OFFICE: u8 = 109;
const PROXY: u8 = 110;
const EDGE: u8 = 111;

/// A kind of client.
pub struct Scene {
    pub name: &'static str,
    /// For readers of the results.
    pub meaning: &'static str,
    visits: fn(Duration) -> Vec<Visit>,
}

/// Requests from one address, each over a new connection.
struct Visit {
    /// When the first begin.
    due: Duration,
    /// The last byte of the address.
    client: u8,
    requests: usize,
    at_once: usize,
}

pub const SCENES: &[Scene] = &[
    Scene {
        name: "browser",
        meaning: "a page of 30 requests, 6 connections at a time; each half second from another address",
        visits: |time| {
            let every = Duration::from_millis(500);
            let visits = BROWSERS.cycle().enumerate().map(|(number, client)| Visit {
                due: every * number as u32,
                client,
                requests: 30,
                at_once: 6,
            });
            visits.take_while(|visit| visit.due < time).collect()
        },
    },
    Scene {
        name: "office",
        meaning: "50 browsers behind one address, one after the other; each opens 6 connections at once",
        visits: |time| regularly(time, time / 50, OFFICE, 6),
    },
    Scene {
        name: "proxy",
        meaning: "10 connections per second from one address",
        visits: |time| regularly(time, Duration::from_millis(100), PROXY, 1),
    },
    Scene {
        name: "edge",
        meaning: "an edge of a CDN: 200 connections per second from one address",
        visits: |time| regularly(time, Duration::from_millis(5), EDGE, 1),
    },
];

fn regularly(time: Duration, every: Duration, client: u8, at_once: usize) -> Vec<Visit> {
    let count = time.div_duration_f64(every).round() as u32;
    let visits =
        (0..count).map(|number| Visit { due: every * number, client, requests: at_once, at_once });
    visits.collect()
}

/// All scenes together, for `time`, on a CPU without the flood. Returns each scene's requests; None: not
/// served.
pub fn play(time: Duration) -> Vec<Vec<Option<Served>>> {
    // Fails on a machine with one CPU.
    let _ = cpu::stay_on(1);
    let start = Instant::now();
    thread::scope(|scope| {
        let scenes = SCENES.iter().map(|scene| scope.spawn(move || scene.play(start, time)));
        join(scenes.collect())
    })
}

impl Scene {
    /// A visit does not wait for those before it.
    fn play(&self, start: Instant, time: Duration) -> Vec<Option<Served>> {
        thread::scope(|scope| {
            let mut visits = Vec::new();
            for visit in (self.visits)(time) {
                thread::sleep((start + visit.due).saturating_duration_since(Instant::now()));
                visits.push(scope.spawn(move || visit.make()));
            }
            join(visits).into_iter().flatten().collect()
        })
    }
}

impl Visit {
    fn make(&self) -> Vec<Option<Served>> {
        let (begun, from) = (&AtomicUsize::new(0), Ipv4Addr::new(10, 0, 0, self.client));
        let connection = move || {
            let mut all = Vec::new();
            while begun.fetch_add(1, Ordering::Relaxed) < self.requests {
                all.push(request(from, SERVER, PATIENCE).ok());
            }
            all
        };
        thread::scope(|scope| {
            let connections = (0..self.at_once).map(|_| scope.spawn(connection));
            join(connections.collect()).into_iter().flatten().collect()
        })
    }
}

fn join<T>(threads: Vec<thread::ScopedJoinHandle<'_, T>>) -> Vec<T> {
    let results = threads.into_iter().map(thread::ScopedJoinHandle::join);
    results.map(|each| each.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
}
