// SPDX-License-Identifier: GPL-2.0-only
//! A server that has spent its pass rate.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::time::Duration;

use lab::defence::{Defence, Ended};
use lab::pair::Pair;
use lab::{pass, wait_for};
use nix::sys::signal::Signal;
use serde_json::Value;
use socket2::{Domain, SockAddr, Socket, Type};

/// Whose cookies a server sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cookies {
    Own,
    Kernel,
}

impl Cookies {
    pub fn name(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Kernel => "kernel",
        }
    }

    /// A pair whose server can send them, and whose kernel's keep all options.
    pub fn pair(self) -> Pair {
        let pair = lab::pair!();
        self.set(&pair);
        pair
    }

    /// Sets what the kernel's cookies need. Our own need nothing.
    pub fn set(self, pair: &Pair) {
        if self == Self::Kernel {
            pair.set("net.ipv4.tcp_syncookies=2");
            pair.set("net.ipv4.tcp_timestamps=2");
        }
    }
}

/// Makes a test for either kind of cookies of each of these functions.
macro_rules! with_both_cookies {
    ($($(#[$attribute:meta])* $test:ident),+ $(,)?) => {$(
        mod $test {
            use crate::setup::Cookies;

            #[test]
            $(#[$attribute])*
            fn own() {
                super::$test(Cookies::Own);
            }

            #[test]
            $(#[$attribute])*
            fn kernel() {
                super::$test(Cookies::Kernel);
            }
        }
    )+};
}
pub(crate) use with_both_cookies;

/// A pair whose server has spent its pass rate and answers every SYN with a cookie.
pub struct Challenging {
    pub pair: Pair,
    pub defence: Defence,
    _pass: OwnedFd,
}

impl Challenging {
    pub fn new(cookies: Cookies, options: &[&str]) -> Self {
        Self::on(cookies.pair(), cookies, options)
    }

    pub fn on(pair: Pair, cookies: Cookies, options: &[&str]) -> Self {
        let pass = pass::attach(&pair.client, "eth0");
        let defaults = ["--iface", "eth0", "--json", "--pass-rate", "1/h", "--cookies", cookies.name()];
        let defence = Defence::start(&pair, &[&defaults[..], options].concat());
        let challenging = Self { pair, defence, _pass: pass };
        // Spends the pass rate. Without this, any stray frame could spend it.
        challenging.pair.client.run("ip", &["address", "add", "10.0.0.99/16", "dev", "eth0"]);
        let _ = challenging.connect_from("10.0.0.99", SERVER, 9);
        challenging
    }

    pub fn connect_from(&self, from: &str, to: IpAddr, port: u16) -> std::io::Result<TcpStream> {
        self.pair.client.enter(|| connect(from.parse().unwrap(), SocketAddr::new(to, port)))
    }

    /// Ends the defence and returns the frames counted for each reason.
    pub fn reasons(self) -> Value {
        summary(self.defence.signal(Signal::SIGTERM))["reasons"].take()
    }
}

fn summary(ended: Ended) -> Value {
    let last = ended.stdout.lines().last().expect("a summary");
    let summary: Value = serde_json::from_str(last).unwrap();
    assert_eq!(summary["type"], "summary");
    summary
}

pub const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 10));
pub const PORT: u16 = 8080;

/// Whether this kernel shows net.core.rmem_max, on which the window scale depends, to a namespace. Some
/// before 6.18 do not. Then no timestamps are offered.
pub fn shows_rmem_max(pair: &Pair) -> bool {
    let shown = pair.server.command("ls", &["/proc/sys/net/core/rmem_max"]).output().unwrap();
    if !shown.status.success() {
        println!("SKIPPED: this kernel hides net.core.rmem_max from a namespace");
    }
    shown.status.success()
}

pub fn server6() -> IpAddr {
    Pair::SERVER6.parse().unwrap()
}

pub fn connect(from: IpAddr, to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
    socket.bind(&SockAddr::from(SocketAddr::new(from, 0)))?;
    socket.connect_timeout(&to.into(), Duration::from_secs(10))?;
    Ok(socket.into())
}

/// Listens on this address. "::" is any address of both families. A listener that was closed just before may still be
/// held by a child of another test, until that executes its program.
pub fn listen(pair: &Pair, address: &str, prepare: impl FnOnce(&Socket) + Send) -> TcpListener {
    pair.server.enter(|| {
        let address = SocketAddr::new(address.parse().unwrap(), PORT);
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
        socket.set_reuse_address(true).unwrap();
        prepare(&socket);
        let bound = wait_for("the address to listen on", || {
            let bound = socket.bind(&address.into());
            let is_held = bound.as_ref().is_err_and(|error| error.kind() == ErrorKind::AddrInUse);
            (!is_held).then_some(bound)
        });
        bound.unwrap();
        socket.listen(64).unwrap();
        socket.into()
    })
}
