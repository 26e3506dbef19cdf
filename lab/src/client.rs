// SPDX-License-Identifier: GPL-2.0-only
//! A client of a web server, and what clients had to wait.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

/// How long a request took.
#[derive(Debug, Clone, Copy)]
pub struct Served {
    /// Until the connection stood.
    pub connect: Duration,
    /// Until the whole answer was there.
    pub answer: Duration,
}

/// Requests `/` over a new connection from this address, and gives up when it has waited for `patience`.
/// A kernel repeats a dropped SYN after 1 s.
pub fn request(from: Ipv4Addr, server: SocketAddr, patience: Duration) -> Result<Served> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((from, 0)).into())?;
    let start = Instant::now();
    socket.connect_timeout(&server.into(), patience)?;
    let connect = start.elapsed();
    let mut stream: TcpStream = socket.into();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
    let mut page = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let left = patience.saturating_sub(start.elapsed());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut buffer)? {
            0 => break,
            len => page.extend_from_slice(&buffer[..len]),
        }
    }
    if page.starts_with(b"HTTP/1.1 200") {
        Ok(Served { connect, answer: start.elapsed() })
    } else {
        Err(Error::from(ErrorKind::InvalidData))
    }
}

/// Times in ms, from short to long.
#[derive(Debug)]
pub struct Waits(Vec<f64>);

impl Waits {
    /// Of these requests.
    pub fn of(times: impl Iterator<Item = Duration>) -> Self {
        let mut times: Vec<f64> = times.map(|time| time.as_secs_f64() * 1e3).collect();
        times.sort_by(f64::total_cmp);
        Self(times)
    }

    /// The number of requests.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The time within which this share of them was served. NaN: there was none.
    pub fn percentile(&self, share: f64) -> f64 {
        let index = (self.0.len() as f64 * share) as usize;
        self.0.get(index).or(self.0.last()).copied().unwrap_or(f64::NAN)
    }
}
