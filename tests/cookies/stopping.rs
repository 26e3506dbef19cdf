// SPDX-License-Identifier: GPL-2.0-only
//! Clients whose challenge is on its way when a run ends.

use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use lab::pair::Pair;
use lab::stranger::{Answer, Stranger};
use lab::{wait_at_most, wait_for};
use nix::sys::signal::{Signal, kill};
use serde_json::Value;

use crate::setup::{Challenging, Cookies, PORT, SERVER, listen};

/// The program takes answers for a second after the last challenge, and keeps its time to 100 ms.
const IN_TIME: Duration = Duration::from_millis(900);

/// On a busy machine one may take too long.
const ATTEMPTS: usize = 5;

/// A client that has got a challenge, and has not answered yet.
struct Late {
    challenging: Challenging,
    listener: TcpListener,
    client: Stranger,
    synack: Answer,
    asked: Instant,
}

impl Late {
    fn new(cookies: Cookies) -> Self {
        let challenging = Challenging::new(cookies, &[]);
        let listener = listen(&challenging.pair, "::", |_| {});
        listener.set_nonblocking(true).unwrap();
        let from = "10.0.9.9:40000".parse().unwrap();
        let client =
            Stranger::new(&challenging.pair, from, SocketAddr::new(SERVER, PORT)).with_timestamps();
        let synack = client.connect();
        Self { challenging, listener, client, synack, asked: Instant::now() }
    }

    /// Returns when the interface is open. The process may run on.
    fn stop(&self) {
        kill(self.challenging.defence.pid(), Signal::SIGTERM).unwrap();
        wait_for("an open interface", || (!is_judged(&self.challenging.pair)).then_some(()));
    }

    /// Less than a second after the challenge.
    fn is_in_time(&self) -> bool {
        self.asked.elapsed() < IN_TIME
    }
}

fn is_judged(pair: &Pair) -> bool {
    let links = pair.server.run("ip", &["-j", "link", "show", "eth0"]);
    let links: Value = serde_json::from_str(&links).unwrap();
    links[0].get("xdp").is_some()
}

#[test]
fn who_answers_after_a_stop_connects() {
    for _ in 0..ATTEMPTS {
        let late = Late::new(Cookies::Own);
        late.stop();
        late.client.send_ack(&late.synack, 0, b"hello");
        let is_in_time = late.is_in_time();
        if wait_at_most(Duration::from_secs(2), || late.listener.accept().ok()).is_some() {
            return;
        }
        assert!(!is_in_time, "the client did not connect");
    }
    panic!("this machine is too slow for the test");
}

/// The kernel itself takes the answers to its own.
#[test]
fn answers_to_cookies_of_the_kernel_need_no_run() {
    let late = Late::new(Cookies::Kernel);
    late.stop();
    late.client.send_ack(&late.synack, 0, b"hello");
    wait_for("the connection", || late.listener.accept().ok());
}

#[test]
fn another_signal_ends_the_wait_for_answers() {
    let is_at_once = || {
        let late = Late::new(Cookies::Own);
        late.stop();
        let Late { challenging, asked, .. } = late;
        challenging.defence.signal(Signal::SIGTERM);
        asked.elapsed() < IN_TIME
    };
    assert!((0..ATTEMPTS).any(|_| is_at_once()));
}
