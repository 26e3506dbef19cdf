// SPDX-License-Identifier: GPL-2.0-only
//! A sender and a server in network namespaces. Every measurement gets new ones, so that no contender
//! sees the leftovers of another.

use std::mem::MaybeUninit;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::ops::Range;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bench::generator::{Flood, Generator, Target};
use bench::skels::sink::SinkSkelBuilder;
use lab::netns::{Netns, connect};
use lab::nginx::{self, Page, Site};
use lab::{Process, cpu, figures, xdp};
use libbpf_rs::skel::{OpenSkel, SkelBuilder};

const SERVER4: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 10);
/// The web server, to its clients.
pub const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(SERVER4), PORT);
/// A client gives up if it has to wait this long. It repeats a dropped SYN after 1 and 3 s.
pub const PATIENCE: Duration = Duration::from_secs(5);
const SERVER6: Ipv6Addr = Ipv6Addr::new(0xfd00, 5, 0, 0, 0, 0, 0, 0x10);
/// The next hop for everything outside the local network.
const GATEWAY: &str = "10.0.0.1";
const GATEWAY6: &str = "fd00:5::1";
const GATEWAY_MAC: &str = "02:00:00:00:00:01";
const PORT: u16 = 80;
/// The sources of the floods `one` and `many`.
const FLOODERS: &str = "10.9.0.0/16";

pub struct Arena {
    sender: Netns,
    server: Netns,
    target: Target,
    _sink: OwnedFd,
    _service: Service,
}

/// The listener on the server's port 80.
enum Service {
    /// It listens, which is enough, and accepts no connection.
    Listener {
        _listener: TcpListener,
    },
    Web {
        _nginx: Process,
        _root: tempfile::TempDir,
    },
}

/// What is at the addresses from which the floods `one` and `many` come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Hosts {
    /// Nothing. The sender's end drops what the server answers.
    Absent,
    /// Hosts, which answer a SYN-ACK that they did not ask for with a RST.
    Answer,
}

impl Arena {
    pub fn new() -> Result<Self> {
        Self::serving(Hosts::Absent, |server| {
            let listener = server.enter(|| TcpListener::bind((Ipv6Addr::UNSPECIFIED, PORT)))?;
            Ok(Service::Listener { _listener: listener })
        })
    }

    /// An arena with nginx, and with clients' addresses 10.0.0.x on the sender's side.
    pub fn with_web_server(clients: Range<u8>, hosts: Hosts) -> Result<Self> {
        let arena = Self::serving(hosts, |server| {
            let root = tempfile::tempdir()?;
            let pages = &[Page::Text("index.html", "served\n")];
            let site = Site { port: PORT, pages, limit_rate: None };
            Ok(Service::Web { _nginx: nginx::start(server, root.path(), &site), _root: root })
        })?;
        for client in clients {
            let address = format!("10.0.0.{client}/24");
            arena.sender.run("ip", &["address", "add", &address, "dev", "flood0"]);
        }
        if hosts == Hosts::Answer {
            arena.sender.run("ip", &["route", "add", "local", FLOODERS, "dev", "lo"]);
        }
        Ok(arena)
    }

    fn serving(hosts: Hosts, serve: impl FnOnce(&Netns) -> Result<Service>) -> Result<Self> {
        let (sender, server) = (Netns::new("sender"), Netns::new("server"));
        connect(&sender, "flood0", &server, "eth0");
        // A receive queue for each CPU, as NICs have.
        let cpus = thread::available_parallelism()?.to_string();
        for (end, name) in [(&sender, "flood0"), (&server, "eth0")] {
            end.run("ethtool", &["-L", name, "rx", &cpus, "tx", &cpus]);
        }
        // Frames that XDP redirects into a veth arrive only if its peer polls, with XDP or with GRO.
        server.run("ethtool", &["-K", "eth0", "gro", "on"]);
        server.run("ip", &["address", "add", &format!("{SERVER4}/24"), "dev", "eth0"]);
        server.run("ip", &["address", "add", &format!("{SERVER6}/64"), "dev", "eth0", "nodad"]);
        // The flood's frames come from this MAC address, and answers to it need a route.
        sender.run("ip", &["link", "set", "flood0", "address", GATEWAY_MAC]);
        for gateway in [GATEWAY, GATEWAY6] {
            let neighbour = ["neighbour", "add", gateway, "lladdr", GATEWAY_MAC, "dev", "eth0"];
            server.run("ip", &neighbour);
            server.run("ip", &["route", "add", "default", "via", gateway]);
        }
        for setting in ["all", "default", "eth0"] {
            server.run("sysctl", &["-qw", &format!("net.ipv4.conf.{setting}.rp_filter=0")]);
        }
        let service = serve(&server)?;
        let ifindex = sender.enter(|| nix::net::if_::if_nametoindex("flood0"))?;
        let target = Target {
            ifindex,
            mac: server.mac("eth0"),
            ipv4: SERVER4,
            ipv6: SERVER6,
            port: PORT,
            source: Ipv4Addr::new(10, 9, 0, 0),
        };
        let mut object = MaybeUninit::uninit();
        let mut sink = SinkSkelBuilder::default().open(&mut object)?;
        let constants = sink.maps.rodata_sink_data.as_mut().context("no constants")?;
        constants.hosts_answer = (hosts == Hosts::Answer).into();
        let sink = sink.load()?;
        let sink = xdp::attach(&sender, "flood0", sink.progs.sink.as_fd())?;
        Ok(Self { sender, server, target, _sink: sink, _service: service })
    }

    pub fn server(&self) -> &Netns {
        &self.server
    }

    pub fn on_the_clients_side<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.sender.enter(work)
    }

    /// Floods from the first `cpus` CPUs. Runs `work` once all of them have begun. Returns its result
    /// and how many SYNs per second were sent meanwhile.
    pub fn during<T>(
        &self,
        flood: Flood,
        cpus: usize,
        work: impl FnOnce() -> Result<T>,
    ) -> Result<(T, f64)> {
        let (is_over, has_begun) = (&AtomicBool::new(false), &AtomicUsize::new(0));
        thread::scope(|scope| {
            let flood = |cpu| self.sender.enter(|| self.flood(flood, cpu, has_begun, is_over));
            let floods: Vec<_> = (0..cpus).map(|cpu| scope.spawn(move || flood(cpu))).collect();
            // A flood that cannot begin ends, and its error is returned below.
            while has_begun.load(Ordering::Relaxed) < cpus
                && !floods.iter().any(|flood| flood.is_finished())
            {
                thread::sleep(Duration::from_millis(1));
            }
            let done = work();
            is_over.store(true, Ordering::Relaxed);
            let mut rate = 0.0;
            for flood in floods {
                rate += flood.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            }
            Ok((done?, rate))
        })
    }

    /// Returns SYNs per second.
    fn flood(
        &self,
        flood: Flood,
        cpu: usize,
        has_begun: &AtomicUsize,
        is_over: &AtomicBool,
    ) -> Result<f64> {
        cpu::stay_on(cpu)?;
        // A real flood comes from another machine, so the generator must not take the CPU from the
        // kernel's own thread for packets.
        cpu::run_last().context("cannot lower the generator's priority")?;
        let mut object = MaybeUninit::uninit();
        let mut generator = Generator::load(flood, &self.target, &mut object)?;
        has_begun.fetch_add(1, Ordering::Relaxed);
        let start = Instant::now();
        while !is_over.load(Ordering::Relaxed) {
            generator.run(Duration::from_millis(100))?;
        }
        Ok(generator.sent() as f64 / start.elapsed().as_secs_f64())
    }

    /// Frames that came out of the server's veth, dropped by XDP or not.
    pub fn received(&self) -> u64 {
        let statistics = self.server.run("ethtool", &["-S", "eth0"]);
        let counts = statistics.lines().filter_map(|line| line.trim().split_once(": "));
        let packets =
            counts.filter(|(name, _)| name.starts_with("rx_queue_") && name.ends_with("_xdp_packets"));
        packets.filter_map(|(_, count)| count.parse::<u64>().ok()).sum()
    }

    /// TcpInSegs of the server, for both families.
    pub fn tcp_segments(&self) -> u64 {
        figures::nstat(&self.server, "TcpInSegs")
    }
}
