// SPDX-License-Identifier: GPL-2.0-only
//! Honest clients of a real web server while a flood goes on.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::ops::Range;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use bench::generator::{Flood, Shape};
use lab::cpu;
use serde::Serialize;
use socket2::{Domain, Socket, Type};

use crate::arena::{Arena, SERVER4};
use crate::contenders::Contender;

/// The clients' addresses: a hundred.
const CLIENTS: Range<u8> = 101..201;

/// Between two requests of any clients. At this pace no client exceeds its burst within a second and a
/// half.
const INTERVAL: Duration = Duration::from_millis(4);

/// A client gives up after this time. It sends a dropped SYN again after about 1, 2, 3 and 4 s.
const PATIENCE: Duration = Duration::from_secs(5);

/// The clients' results.
#[derive(Debug, Clone, Serialize)]
pub struct Service {
    pub defence: &'static str,
    pub shape: Shape,
    /// SYNs per second that the flood sent.
    pub flood: f64,
    /// The share of what synflood-xdp absorbs.
    pub share: f64,
    /// CPU time for a million of its SYNs, in s, with the generator's; measured without clients.
    pub cpu_s: f64,
    pub requests: usize,
    pub served: usize,
    /// Connect times of the clients that were served, in ms.
    pub p50_ms: f64,
    pub p99_ms: f64,
}

/// The clients' requests during a flood. `share` is its rate, as a share of what synflood-xdp absorbs;
/// 0 is no flood. `absorbed` is what this contender absorbs.
pub fn measure(
    contender: &Contender,
    shape: Shape,
    rate: f64,
    share: f64,
    absorbed: f64,
    time: Duration,
) -> Result<Service> {
    let arena = Arena::with_web_server(CLIENTS)?;
    let _running = (contender.start)(arena.server())?;
    let is_calm = share == 0.0;
    let flood = Flood { rate: (share < 1.0).then_some(rate), ..shape.flood() };
    let (mut times, flood) = arena.during(flood, usize::from(!is_calm), || {
        // Wait until the flood has reached its rate, and the caches are warm.
        thread::sleep(Duration::from_millis(500));
        Ok(arena.on_the_clients_side(|| requests(time)))
    })?;
    let requests = times.len();
    times.retain(|time| time.is_some());
    let mut served: Vec<f64> =
        times.into_iter().flatten().map(|time| time.as_secs_f64() * 1e3).collect();
    served.sort_by(f64::total_cmp);
    let percentile = |share: f64| {
        served
            .get((served.len() as f64 * share) as usize)
            .or(served.last())
            .copied()
            .unwrap_or(f64::NAN)
    };
    Ok(Service {
        defence: contender.name,
        shape,
        flood,
        share,
        cpu_s: 1e6 / absorbed,
        requests,
        served: served.len(),
        p50_ms: percentile(0.5),
        p99_ms: percentile(0.99),
    })
}

/// One request after the other, the clients taking turns, from a CPU that the flood does not use. None:
/// not served.
fn requests(time: Duration) -> Vec<Option<Duration>> {
    // A machine with one CPU has no other.
    let _ = cpu::stay_on(1);
    let start = Instant::now();
    let count = time.div_duration_f64(INTERVAL) as usize;
    let clients = CLIENTS.cycle().take(count).enumerate();
    clients
        .map(|(number, client)| {
            let due = start + INTERVAL * number as u32;
            thread::sleep(due.saturating_duration_since(Instant::now()));
            request(Ipv4Addr::new(10, 0, 0, client)).ok()
        })
        .collect()
}

/// Gets a page over a new connection. Returns the time that connecting took.
fn request(from: Ipv4Addr) -> std::io::Result<Duration> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((from, 0)).into())?;
    let start = Instant::now();
    socket.connect_timeout(&SocketAddr::from((SERVER4, 80)).into(), PATIENCE)?;
    let connected = start.elapsed();
    let mut stream: TcpStream = socket.into();
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    if answer.starts_with(b"HTTP/1.1 200") && answer.ends_with(b"served\n") {
        Ok(connected)
    } else {
        Err(std::io::ErrorKind::InvalidData.into())
    }
}
