// SPDX-License-Identifier: GPL-2.0-only
//! A client of the web server, and what clients had to wait.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::arena::SERVER4;

/// A client gives up if it has to wait this long. It repeats a dropped SYN after 1 and 3 s.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a request took.
#[derive(Debug, Clone, Copy)]
pub struct Served {
    /// Until the connection stood.
    pub connect: Duration,
    /// Until the whole answer was there.
    pub answer: Duration,
}

/// Requests a page over a new connection from this address.
pub fn request(from: Ipv4Addr) -> Result<Served> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((from, 0)).into())?;
    let start = Instant::now();
    socket.connect_timeout(&SocketAddr::from((SERVER4, 80)).into(), PATIENCE)?;
    let connect = start.elapsed();
    let mut stream: TcpStream = socket.into();
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
    let mut page = Vec::new();
    stream.read_to_end(&mut page)?;
    if page.starts_with(b"HTTP/1.1 200") && page.ends_with(b"served\n") {
        Ok(Served { connect, answer: start.elapsed() })
    } else {
        Err(Error::from(ErrorKind::InvalidData))
    }
}

/// Times of the served requests, in ms, from short to long.
pub struct Waits(Vec<f64>);

impl Waits {
    pub fn of(times: impl Iterator<Item = Duration>) -> Self {
        let mut times: Vec<f64> = times.map(|time| time.as_secs_f64() * 1e3).collect();
        times.sort_by(f64::total_cmp);
        Self(times)
    }

    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The time within which this share of the served requests was served. NaN: none was.
    pub fn percentile(&self, share: f64) -> f64 {
        let index = (self.0.len() as f64 * share) as usize;
        self.0.get(index).or(self.0.last()).copied().unwrap_or(f64::NAN)
    }
}
