// SPDX-License-Identifier: GPL-2.0-only
//! A server, who attacks it, and how many SYNs reached its kernel.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::thread;
use std::time::{Duration, Instant};

use etherparse::TcpHeader;
use lab::defence::Defence;
use lab::forger::Forger;
use lab::frames::ipv4;
use lab::pair::Pair;
use lab::{figures, pass};
use socket2::{Domain, Socket, Type};

/// The port that is attacked.
pub const PORT: u16 = 80;

/// The queue of its listener, as nginx has it.
pub const BACKLOG: u64 = 511;

/// SYNs per second that the kernel gets unasked, by default.
pub const PASS_RATE: u64 = 1_000;

/// Forged addresses come from here, where nobody is.
pub const FORGED: &str = "10.16.0.0/12";

/// Counts the SYNs that reach the server's kernel. The sets by source of the pair have no room for
/// forged ones.
const COUNT: &str = "table inet kernel {
    counter syns { }
    chain first {
        type filter hook prerouting priority -310
        tcp flags & (syn | ack) == syn counter name syns
    }
}";

/// A pair whose server answers forged addresses into nothing.
pub struct Ground {
    pub pair: Pair,
    _pass: OwnedFd,
}

impl Ground {
    pub fn new() -> Self {
        let pair = lab::pair!();
        let server = &pair.server;
        server.run("nft", &["delete table inet arrived"]);
        server.run("nft", &[COUNT]);
        let nobody = ["10.0.255.254", "lladdr", "02:00:00:00:00:fe", "dev", "eth0"];
        server.run("ip", &[&["neighbour", "add"][..], &nobody].concat());
        server.run("ip", &["route", "add", "default", "via", "10.0.255.254"]);
        let pass = pass::attach(&pair.client, "eth0");
        Self { pair, _pass: pass }
    }

    pub fn protect(&self, options: &[&str]) -> Defence {
        Defence::start(&self.pair, &[&["--iface", "eth0", "--json"], options].concat())
    }

    /// Listens on the attacked port of any address.
    pub fn listen(&self, prepare: impl FnOnce(&Socket) + Send) -> Socket {
        self.pair.server.enter(|| {
            let socket = Socket::new(Domain::IPV6, Type::STREAM, None).unwrap();
            socket.set_reuse_address(true).unwrap();
            prepare(&socket);
            socket.bind(&SocketAddr::from(([0_u16; 8], PORT)).into()).unwrap();
            socket.listen(BACKLOG as i32).unwrap();
            socket
        })
    }

    /// SYNs that reached the server's kernel until now.
    pub fn reached(&self) -> u64 {
        figures::nftables(&self.pair.server)["syns"]
    }

    /// A SYN to the attacked port.
    pub fn syn(&self, from: Ipv4Addr, edit: impl FnOnce(&mut TcpHeader)) -> Vec<u8> {
        let mut frame = ipv4(|ip, tcp| {
            (ip.source, ip.destination) = (from.octets(), server().octets());
            tcp.destination_port = PORT;
            edit(tcp);
        });
        frame[..6].copy_from_slice(&self.pair.server.mac("eth0"));
        frame
    }

    /// SYNs of so many forged addresses.
    pub fn forged(&self, count: u32, mut edit: impl FnMut(&mut TcpHeader)) -> Vec<Vec<u8>> {
        let mac = self.pair.server.mac("eth0");
        let frame = |host: u32| {
            let mut frame = ipv4(|ip, tcp| {
                ip.source = Ipv4Addr::from_bits(0x0a10_0000 + host).octets();
                (ip.destination, tcp.destination_port) = (server().octets(), PORT);
                edit(tcp);
            });
            frame[..6].copy_from_slice(&mac);
            frame
        };
        (0..count).map(frame).collect()
    }

    /// Sends these frames again and again for a while, then asserts that no more of them reached the kernel
    /// than `burst` and `rate` allow. Returns how many did.
    #[track_caller]
    pub fn assert_bounded(&self, frames: Vec<Vec<u8>>, time: Duration, burst: u64, rate: u64) -> u64 {
        let (before, start) = (self.reached(), Instant::now());
        let forger = Forger::start(&self.pair, "eth0", frames, None);
        thread::sleep(time); // of the attack
        let sent = forger.stop();
        let reached = self.reached() - before;
        let most = burst + (rate as f64 * start.elapsed().as_secs_f64()) as u64;
        println!("{reached} of {sent} SYNs reached the kernel, at most {most} may");
        assert!(sent > 2 * most, "{sent} SYNs are no flood");
        assert!(reached <= most, "{reached} of {sent} SYNs reached the kernel, {most} were due");
        reached
    }
}

pub fn server() -> Ipv4Addr {
    Pair::SERVER.parse().unwrap()
}

/// The server's addresses of both families, with the attacked port.
pub fn servers() -> [SocketAddr; 2] {
    let v6: IpAddr = Pair::SERVER6.parse().unwrap();
    [SocketAddr::new(server().into(), PORT), SocketAddr::new(v6, PORT)]
}
