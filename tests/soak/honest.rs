// SPDX-License-Identifier: GPL-2.0-only
//! A client that stays under its limit, alternately over IPv4 and IPv6, and its server.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use lab::frames::SERVER_PORT;
use lab::pair::Pair;
use lab::tcp_info::tcp_info;
use lab::wait_for;

use crate::background::{Background, Stop};

/// Its names in dumps.
pub const SOURCES: [&str; 2] = ["10.0.0.1", "fd00:5::/64"];

/// The time between two connections from one source, at half of the limit of all instances here.
const INTERVAL: Duration = Duration::from_secs(1);

/// Normally milliseconds. This is enough even on a very busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

const WORD: &[u8; 4] = b"soak";

/// The client's results.
#[derive(Default)]
pub struct Tally {
    pub connections: u32,
    pub slowest: Duration,
}

pub struct Honest {
    _server: Background<()>,
    client: Background<Tally>,
    served: Arc<AtomicU32>,
    road: Arc<Mutex<()>>,
}

impl Honest {
    pub fn start(pair: Arc<Pair>) -> Self {
        let listener = pair.server.enter(|| TcpListener::bind(("::", SERVER_PORT)).unwrap());
        let server = Background::spawn("the server", move |stop| serve(&listener, stop));
        let (served, road) = (Arc::new(AtomicU32::new(0)), Arc::new(Mutex::new(())));
        let (count, free) = (served.clone(), road.clone());
        let visits = move |stop: &Stop| pair.client.enter(|| visit(stop, &free, &count));
        Self { _server: server, client: Background::spawn("the honest client", visits), served, road }
    }

    /// While this guard is held, no connection is open and none begins.
    pub fn keep_away(&self) -> MutexGuard<'_, ()> {
        self.road.lock().expect("the honest client failed, as said above")
    }

    /// Waits for new connections over IPv4 and over IPv6.
    pub fn wait_for_connections(&self) {
        // One of them may have begun before.
        let enough = self.served.load(Ordering::Relaxed) + 3;
        wait_for("the honest client", || {
            self.check();
            (self.served.load(Ordering::Relaxed) >= enough).then_some(())
        });
    }

    pub fn check(&self) {
        self.client.check();
    }

    pub fn finish(self) -> Tally {
        self.client.finish()
    }
}

fn serve(listener: &TcpListener, stop: &Stop) {
    listener.set_nonblocking(true).unwrap();
    while !stop.is_set() {
        match listener.accept() {
            // The client judges whether this worked.
            Ok((stream, _)) => drop(answer(stream)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                thread::sleep(Duration::from_millis(5));
            }
            Err(error) => panic!("{error}"),
        }
    }
}

fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut word = *WORD;
    stream.read_exact(&mut word)?;
    stream.write_all(&word)
}

fn visit(stop: &Stop, road: &Mutex<()>, served: &AtomicU32) -> Tally {
    let mut tally = Tally::default();
    let servers = [Pair::SERVER, Pair::SERVER6]
        .map(|address| SocketAddr::new(address.parse().unwrap(), SERVER_PORT));
    for server in servers.into_iter().cycle().take_while(|_| !stop.is_set()) {
        let free = road.lock().unwrap();
        let start = Instant::now();
        if let Err(error) = connect(&server) {
            panic!("the honest client was refused by {server} after {:?}: {error}", start.elapsed());
        }
        drop(free);
        tally.connections += 1;
        tally.slowest = tally.slowest.max(start.elapsed());
        served.fetch_add(1, Ordering::Relaxed);
        thread::sleep((INTERVAL / 2).saturating_sub(start.elapsed()));
    }
    tally
}

/// The client sends first. After a SYN cookie, the server learns of the connection from the client's
/// next packet, and the client repeats data if it is lost.
fn connect(server: &SocketAddr) -> std::io::Result<()> {
    let mut stream = TcpStream::connect_timeout(server, PATIENCE)?;
    let repeated = tcp_info(&stream).tcpi_total_retrans;
    assert_eq!(repeated, 0, "a SYN of the honest client to {server} was dropped");
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(WORD)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    assert_eq!(answer, WORD);
    Ok(())
}
